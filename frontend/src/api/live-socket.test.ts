import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Connection, openLiveSocket, SILENT_AT_MOST_MS } from './live-socket'

class FakeSocket {
  static all: FakeSocket[] = []
  onmessage: ((message: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  isClosed = false
  constructor(readonly url: string) {
    FakeSocket.all.push(this)
  }
  close() {
    this.isClosed = true
  }
  say(frame: object) {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
}

const newest = (): FakeSocket => FakeSocket.all.at(-1)!

let connections: Connection[]
let frames: object[]
let breaks: number
let isOver: boolean

const open = (): (() => void) =>
  openLiveSocket<object>({
    path: () => `/ws/things?after=${frames.length}`,
    onFrame: frame => frames.push(frame),
    onConnection: connection => connections.push(connection),
    onBreak: () => {
      breaks += 1
    },
    isOver: () => isOver,
  })

beforeEach(() => {
  FakeSocket.all = []
  connections = []
  frames = []
  breaks = 0
  isOver = false
  vi.useFakeTimers()
  vi.stubGlobal('location', { protocol: 'https:', host: 'here' })
  vi.stubGlobal('WebSocket', FakeSocket)
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('a live socket', () => {
  it('comes back after a break, and asks for what it has not seen', () => {
    open()
    newest().say({ type: 'events' })
    newest().onclose?.({ code: 1011 })
    expect([connections, breaks]).toEqual([['live', 'reconnecting'], 1])
    vi.advanceTimersByTime(2000)
    expect(FakeSocket.all.map(socket => socket.url)).toEqual([
      'wss://here/ws/things?after=0',
      'wss://here/ws/things?after=1',
    ])
  })

  it('comes back when two pings in a row have not come, without waiting for the line to close', () => {
    open()
    newest().say({ type: 'ping' })
    vi.advanceTimersByTime(SILENT_AT_MOST_MS - 1)
    expect(connections).toEqual(['live'])
    vi.advanceTimersByTime(1)
    expect([connections, newest().isClosed]).toEqual([['live', 'reconnecting'], true])
    vi.advanceTimersByTime(2000)
    expect(FakeSocket.all).toHaveLength(2)
    FakeSocket.all[0]?.say({ type: 'late' })
    expect(frames).toEqual([{ type: 'ping' }])
  })

  it('stays as long as something is heard of it', () => {
    open()
    for (let ping = 0; ping < 5; ping += 1) {
      newest().say({ type: 'ping' })
      vi.advanceTimersByTime(20_000)
    }
    expect(FakeSocket.all).toHaveLength(1)
  })

  it('that never says anything is given up too', () => {
    open()
    vi.advanceTimersByTime(SILENT_AT_MOST_MS + 2000)
    expect(FakeSocket.all).toHaveLength(2)
  })

  it('that is refused is tried once more if it was allowed before', () => {
    open()
    newest().say({ type: 'events' })
    newest().onclose?.({ code: 4403 })
    vi.advanceTimersByTime(2000)
    newest().onclose?.({ code: 4403 })
    vi.advanceTimersByTime(10 * SILENT_AT_MOST_MS)
    expect(FakeSocket.all).toHaveLength(2)
    expect(connections.at(-1)).toBe('refused')
  })

  it('does not come back when nothing more can come, nor when it was closed here', () => {
    isOver = true
    open()
    newest().onclose?.({ code: 1000 })
    expect(connections).toEqual(['idle'])
    isOver = false
    const close = open()
    close()
    vi.advanceTimersByTime(10 * SILENT_AT_MOST_MS)
    expect(FakeSocket.all).toHaveLength(2)
  })
})
