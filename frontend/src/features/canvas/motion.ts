/** How long the canvas glides, in milliseconds: not at all for people who asked for less motion. */
export const glideMs = (): number => (matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 200)
