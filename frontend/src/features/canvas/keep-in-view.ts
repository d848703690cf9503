/** The selected step stays in sight, its exits too, when it is placed or when the settings take room beside it. */
import { useReactFlow, useStore } from '@xyflow/react'
import { useEffect } from 'react'
import { useView } from '../../app/store/view'
import { glideMs } from './motion'

/** Pixels kept free around the step: the plus at its exits, and the toolbar below. */
const MARGIN = { left: 24, right: 64, top: 48, bottom: 96 }

/** How far a span must move to lie within [0, room]; its start counts more than its end. */
export function shiftInto(start: number, end: number, room: number): number {
  const back = Math.min(0, room - end)
  return start + back < 0 ? -start : back
}

export function useKeepInView(): void {
  const chosen = useView(store => (store.selected.length === 1 ? store.selected[0]! : null))
  const width = useStore(store => store.width)
  const height = useStore(store => store.height)
  const isMeasured = useStore(store => Boolean(chosen && store.nodeLookup.get(chosen)?.measured.width))
  const { getInternalNode, getViewport, setViewport } = useReactFlow()
  useEffect(() => {
    const node = chosen && isMeasured ? getInternalNode(chosen) : undefined
    if (!node || !width || !height) return
    const { x, y, zoom } = getViewport()
    const place = node.internals.positionAbsolute
    const left = place.x * zoom + x - MARGIN.left
    const top = place.y * zoom + y - MARGIN.top
    const right = (place.x + (node.measured.width ?? 0)) * zoom + x + MARGIN.right
    const bottom = (place.y + (node.measured.height ?? 0)) * zoom + y + MARGIN.bottom
    const dx = shiftInto(left, right, width)
    const dy = shiftInto(top, bottom, height)
    if (!dx && !dy) return
    void setViewport({ x: x + dx, y: y + dy, zoom }, { duration: glideMs() })
  }, [chosen, isMeasured, width, height, getInternalNode, getViewport, setViewport])
}
