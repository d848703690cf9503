/** Put the keyboard on whatever shows the steps, the canvas or the list: for when what had it is gone, or is gone past. */
export function focusSteps(): void {
  document.querySelector<HTMLElement>('.canvas, .outline')?.focus({ preventScroll: true })
}
