/** Where cards and the frames of containers stand. A frame's size follows from what is in it, by rules, not by measure. */
import { type Graph, type GraphNode, NOTE_SIZE, type Note, nodeOf, type Position } from './document'
import { childrenOf, containersAround, parentOf, type Types, withBodies } from './nesting'
import { portBeside, portsOf } from './ports'

export type Size = { width: number; height: number }
export type Box = Position & Size

export const CARD_WIDTH = 248
const HEAD = 64
/** How far below the upper edge a line meets a card. */
export const PORT_AT = 31
const ROW = 26
/** Room in a frame around its cards: for the lines that leave to the right, and for the head on top. */
const PADDING = { left: 40, top: HEAD + 28, right: 64, bottom: 56 }
const EMPTY = { width: 360, height: 216 }
const SPACE = 48
const STEP_DOWN = 160

/** Exits that a card shows always; one for failures that leads nowhere comes under the pointer, over what is below. */
function shownPorts(graph: Graph, node: GraphNode, types: Types): { beside: string | null; below: string[] } {
  const used = new Set(graph.edges.filter(edge => edge.source === node.id).map(edge => edge.port))
  const ports = portsOf(node, types(node.type), graph)
  const beside = portBeside(types(node.type), ports)
  return {
    beside,
    below: ports
      .filter(port => (port.kind !== 'error' || used.has(port.name)) && port.name !== beside)
      .map(port => port.name),
  }
}

/** The height of the exits below a head: nothing where the only one stands beside it. */
function portsHeight(graph: Graph, node: GraphNode, types: Types): number {
  const rows = shownPorts(graph, node, types).below.length
  return rows ? rows * ROW + 8 : 0
}

/** How far below a card's upper edge each exit stands; those of a frame stand at its lower end. */
export function portPlaces(
  graph: Graph,
  node: GraphNode,
  height: number,
  types: Types,
): { name: string; y: number }[] {
  const { beside, below } = shownPorts(graph, node, types)
  const first = height - below.length * ROW + ROW / 2 - 4
  return [
    ...(beside ? [{ name: beside, y: PORT_AT }] : []),
    ...below.map((name, row) => ({ name, y: first + row * ROW })),
  ]
}

const known = new WeakMap<Graph, Map<string, Box>>()

/** Every card and frame by its node's id. */
export function boxesOf(graph: Graph, types: Types): ReadonlyMap<string, Box> {
  let found = known.get(graph)
  if (!found) {
    found = new Map()
    for (const node of childrenOf(graph, null)) addBox(graph, node, types, found)
    known.set(graph, found)
  }
  return found
}

function addBox(graph: Graph, node: GraphNode, types: Types, found: Map<string, Box>): Box {
  const inside = childrenOf(graph, node.id).map(child => addBox(graph, child, types, found))
  const ports = portsHeight(graph, node, types)
  const box = types(node.type)?.is_container
    ? frameAround(node.position, inside, ports)
    : { ...node.position, width: CARD_WIDTH, height: HEAD + ports }
  found.set(node.id, box)
  return box
}

/** A frame holds its own corner and everything in it. */
function frameAround(corner: Position, inside: Box[], ports: number): Box {
  if (!inside.length) return { ...corner, width: EMPTY.width, height: EMPTY.height + ports }
  const body = boundsOf(inside)
  const x = Math.min(corner.x, body.x - PADDING.left)
  const y = Math.min(corner.y, body.y - PADDING.top)
  const right = Math.max(x + EMPTY.width, body.x + body.width + PADDING.right)
  const bottom = body.y + body.height + PADDING.bottom + ports
  return { x, y, width: right - x, height: bottom - y }
}

/** The size of a frame whose body has a size. */
export function frameSize(graph: Graph, node: GraphNode, body: Size, types: Types): Size {
  const inside = { ...innerCorner({ x: 0, y: 0 }), ...body }
  return frameAround({ x: 0, y: 0 }, [inside], portsHeight(graph, node, types))
}

function boundsOf(boxes: Box[]): Box {
  const x = Math.min(...boxes.map(box => box.x))
  const y = Math.min(...boxes.map(box => box.y))
  return {
    x,
    y,
    width: Math.max(...boxes.map(box => box.x + box.width)) - x,
    height: Math.max(...boxes.map(box => box.y + box.height)) - y,
  }
}

/** Where the first step in a frame stands. */
export const innerCorner = (frame: Position): Position => ({
  x: frame.x + PADDING.left,
  y: frame.y + PADDING.top,
})

/** Where the next step stands: to the right of a card or frame. */
export function placeAfter(graph: Graph, id: string, types: Types): Position {
  const box = boxesOf(graph, types).get(id)
  return box ? { x: box.x + box.width + PADDING.right, y: box.y } : { x: 0, y: 0 }
}

/** The size that a node will have as it is added. */
export function sizeOf(graph: Graph, node: GraphNode, types: Types): Size {
  const ports = portsHeight(graph, node, types)
  return types(node.type)?.is_container
    ? { width: EMPTY.width, height: EMPTY.height + ports }
    : { width: CARD_WIDTH, height: HEAD + ports }
}

const holds = (box: Box, at: Position): boolean =>
  at.x >= box.x && at.x <= box.x + box.width && at.y >= box.y && at.y <= box.y + box.height

/** The innermost container whose frame holds a point; `without` are nodes that are being moved. */
export function containerAt(
  graph: Graph,
  at: Position,
  types: Types,
  without: Iterable<string> = [],
): string | null {
  const boxes = boxesOf(graph, types)
  const moved = withBodies(graph, without)
  const hit = graph.nodes.filter(
    node => types(node.type)?.is_container && !moved.has(node.id) && holds(boxes.get(node.id)!, at),
  )
  const depth = (node: GraphNode) => containersAround(graph, node.id).length
  return (
    hit.reduce<GraphNode | null>((best, node) => (best && depth(best) >= depth(node) ? best : node), null)
      ?.id ?? null
  )
}

const overlap = (a: Box, b: Box, space: number): boolean =>
  a.x < b.x + b.width + space &&
  b.x < a.x + a.width + space &&
  a.y < b.y + b.height + space &&
  b.y < a.y + a.height + space

/** A new node's position on the grid, moved down until it covers nothing that stands beside it. */
export function freePlace(graph: Graph, node: GraphNode, types: Types): Position {
  const boxes = boxesOf(graph, types)
  const beside = childrenOf(graph, node.parent ?? null).map(other => boxes.get(other.id)!)
  const size = sizeOf(graph, node, types)
  const place = { x: Math.round(node.position.x / 8) * 8, y: Math.round(node.position.y / 8) * 8 }
  while (beside.some(box => overlap({ ...place, ...size }, box, 16))) place.y += STEP_DOWN
  return place
}

/** Moves nodes, each with everything in it. */
export function moveBy(graph: Graph, shifts: Map<string, Position>): Graph {
  const every = new Map<string, Position>()
  for (const [id, shift] of shifts) for (const inside of withBodies(graph, [id])) every.set(inside, shift)
  return {
    ...graph,
    nodes: graph.nodes.map(node => {
      const shift = every.get(node.id)
      return shift
        ? { ...node, position: { x: node.position.x + shift.x, y: node.position.y + shift.y } }
        : node
    }),
  }
}

/** The innermost container on whose frame a note lies: the one below its middle. */
export const frameUnder = (graph: Graph, { position }: Note, types: Types): string | null =>
  containerAt(graph, { x: position.x + NOTE_SIZE.width / 2, y: position.y + NOTE_SIZE.height / 2 }, types)

/** After nodes have moved: notes that lay on a frame follow it, unless they were moved themselves. */
export function carryNotes(before: Graph, after: Graph, types: Types): Graph {
  const places = new Map(before.notes.map(note => [note.id, note.position]))
  const follow = (note: Note): Note => {
    const { x, y } = note.position
    const place = places.get(note.id)
    const frame = place?.x === x && place.y === y ? frameUnder(before, note, types) : null
    const from = nodeOf(before, frame)?.position
    const to = nodeOf(after, frame)?.position
    if (!from || !to || (from.x === to.x && from.y === to.y)) return note
    return { ...note, position: { x: x + to.x - from.x, y: y + to.y - from.y } }
  }
  const notes = after.notes.map(follow)
  // The graph itself where nothing has moved: that is no change to undo.
  return notes.some((note, at) => note !== after.notes[at]) ? { ...after, notes } : after
}

/** After a container has grown: what it would cover beside it and beside the containers around it makes room, and the
 * notes on all frames that moved follow. */
export const makeRoom = (before: Graph, after: Graph, container: string | null, types: Types): Graph =>
  carryNotes(before, pushAside(before, after, container, types), types)

function pushAside(before: Graph, after: Graph, container: string | null, types: Types): Graph {
  if (container === null) return after
  const old = boxesOf(before, types).get(container)
  const boxes = boxesOf(after, types)
  const now = boxes.get(container)
  if (!old || !now) return after
  const parent = parentOf(after, container)
  const beside = childrenOf(after, parent).filter(node => node.id !== container)
  const isRight = (node: GraphNode) => boxes.get(node.id)!.x >= old.x + old.width - 8
  const isBelow = (node: GraphNode) => !isRight(node) && boxes.get(node.id)!.y >= old.y + old.height - 8
  const covered = beside.filter(node => overlap(boxes.get(node.id)!, now, SPACE))
  const far = (nodes: GraphNode[], axis: 'x' | 'y', end: number) =>
    Math.max(0, ...nodes.map(node => end + SPACE - boxes.get(node.id)![axis]))
  const right = far(covered.filter(isRight), 'x', now.x + now.width)
  const down = far(covered.filter(isBelow), 'y', now.y + now.height)
  const shifts = new Map<string, Position>()
  for (const node of beside) {
    if (right && isRight(node)) shifts.set(node.id, { x: Math.ceil(right / 8) * 8, y: 0 })
    else if (down && isBelow(node)) shifts.set(node.id, { x: 0, y: Math.ceil(down / 8) * 8 })
  }
  return pushAside(before, shifts.size ? moveBy(after, shifts) : after, parent, types)
}

/** How nodes must move to stand free in another container, below what it holds; outside, below what is there. */
export function shiftInto(graph: Graph, ids: string[], into: string | null, types: Types): Position {
  const boxes = boxesOf(graph, types)
  const own = boundsOf(ids.map(id => boxes.get(id)!))
  const beside = childrenOf(graph, into)
    .filter(node => !ids.includes(node.id))
    .map(node => boxes.get(node.id)!)
  if (into === null) {
    const above = beside.filter(box => box.x < own.x + own.width && own.x < box.x + box.width)
    return { x: 0, y: Math.max(own.y, ...above.map(box => box.y + box.height + SPACE)) - own.y }
  }
  const corner = innerCorner(boxes.get(into)!)
  const left = beside.length ? Math.min(...beside.map(box => box.x)) : corner.x
  const top = Math.max(corner.y, ...beside.map(box => box.y + box.height + SPACE))
  return { x: left - own.x, y: top - own.y }
}
