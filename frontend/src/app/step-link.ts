/** The step that is looked at stands in the address, `#step=loop[3]/lookup`, so that a link leads to it. */
import { useEffect } from 'react'
import { lookAtStep, usePath } from './store/iterations'
import { useRun } from './store/run'
import { useView } from './store/view'

const MARK = '#step='

export const stepLink = (path: string): string => MARK + encodeURIComponent(path)

/** The path that the fragment of an address names; null for none, and for one that was cut or mistyped. */
export function pathIn(fragment: string): string | null {
  if (!fragment.startsWith(MARK)) return null
  try {
    return decodeURIComponent(fragment.slice(MARK.length))
  } catch {
    return null
  }
}

/** Select what the address names, once and whenever it is changed by hand. */
function followLink(): void {
  const path = pathIn(location.hash)
  const node = path && lookAtStep(path)
  if (node) useView.getState().select([node], 'result')
}

export function useStepLink(): void {
  const selected = useView(store => (store.selected.length === 1 ? store.selected[0]! : ''))
  const path = usePath(selected)
  const isWatching = useRun(store => store.run !== null)
  useEffect(() => {
    if (!isWatching) return
    followLink()
    window.addEventListener('hashchange', followLink)
    return () => window.removeEventListener('hashchange', followLink)
  }, [isWatching])
  useEffect(() => {
    if (!isWatching || (selected && path === null)) return
    const hash = selected && path ? stepLink(path) : ''
    if (location.hash !== hash) history.replaceState(null, '', location.pathname + location.search + hash)
  }, [isWatching, selected, path])
}
