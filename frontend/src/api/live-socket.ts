/** A socket of the server that comes back: after a break, and when nothing is heard of it any more. */
import { parseJson } from '../shared/exact-json'

/** refused   the person may not listen, or what it tells of is gone */
export type Connection = 'idle' | 'live' | 'reconnecting' | 'refused'

type Wishes<Frame> = {
  /** Asked for anew before each try, since it tells what has been seen. */
  path: () => string
  onFrame: (frame: Frame) => void
  onConnection: (connection: Connection) => void
  /** The socket is gone; it is tried again in a moment. */
  onBreak: () => void
  /** Whether nothing more can come, so that there is no need to come back. */
  isOver: () => boolean
}

const REFUSED = 4403
/** The server says something every 20 s; two pings in a row that do not come are a line that is cut off in silence. */
export const SILENT_AT_MOST_MS = 45_000
const PAUSE_AT_MOST_MS = 10_000

/** Opens it; gives what closes it for good. */
export function openLiveSocket<Frame>(wishes: Wishes<Frame>): () => void {
  let socket: WebSocket
  let timer: ReturnType<typeof setTimeout> | undefined
  let tries = 0
  let wasHeard = false

  const expectWord = (): void => {
    clearTimeout(timer)
    timer = setTimeout(broken, SILENT_AT_MOST_MS)
  }
  const letGo = (): void => {
    clearTimeout(timer)
    // A line that is cut off closes minutes later: what it says then is of no interest.
    socket.onmessage = null
    socket.onclose = null
    socket.close()
  }
  const broken = (): void => {
    letGo()
    if (wishes.isOver()) {
      wishes.onConnection('idle')
      return
    }
    wishes.onConnection('reconnecting')
    wishes.onBreak()
    tries += 1
    const pause = Math.min(500 * 2 ** tries, PAUSE_AT_MOST_MS) * (0.7 + Math.random() * 0.6)
    timer = setTimeout(connect, pause)
  }
  const connect = (): void => {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    socket = new WebSocket(`${scheme}://${location.host}${wishes.path()}`)
    wasHeard = false
    expectWord()
    socket.onmessage = message => {
      expectWord()
      tries = 0
      wasHeard = true
      wishes.onConnection('live')
      wishes.onFrame(parseJson(message.data) as Frame)
    }
    socket.onclose = event => {
      // Whoever was listening is asked once more: their session may be another one since, with another password.
      if (event.code === REFUSED && !wasHeard) {
        letGo()
        wishes.onConnection('refused')
      } else {
        broken()
      }
    }
  }
  connect()
  return letGo
}
