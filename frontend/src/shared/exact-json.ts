/** JSON whose whole numbers keep all their digits: those that no double holds, as ids often are, become bigints. */

type Source = { source?: string }

/** Of later browsers than the types know: how a number is written. */
const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown }

const WHOLE = /^-?\d+$/
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n]

/** As JSON.parse; where the browser cannot write such a number again it is the nearest double, as larger ones are. */
export function parseJson(text: string): unknown {
  const revive = (_: string, value: unknown, context?: Source): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) && context?.source
      ? numberFrom(context.source)
      : value
  return JSON.parse(text, revive)
}

/** The number that a text says, with all its digits. */
export function numberFrom(text: string): number | bigint {
  const nearest = Number(text)
  if (!rawJSON || Number.isSafeInteger(nearest) || !WHOLE.test(text)) return nearest
  const whole = BigInt(text)
  return whole >= LEAST && whole <= MOST ? whole : nearest
}

// What was read is written with the same digits, wherever that is.
Object.defineProperty(BigInt.prototype, 'toJSON', {
  configurable: true,
  value(this: bigint): unknown {
    return rawJSON?.(String(this))
  },
})
