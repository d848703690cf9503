/** What is wrong with the draft: what the check has found, and why it was not saved. */
import { useMemo } from 'react'
import type { Problem } from '../../api/types'
import { useGraph } from './graph'
import { useView } from './view'

export function useProblems(): Problem[] {
  const found = useView(store => store.problems)
  const refused = useGraph(store => store.refused)
  return useMemo(() => (refused ? [refused, ...found] : found), [refused, found])
}

/** Whether it is about the settings of the workflow, and so mended in their dialog. */
export const isOfSettings = ({ node, field }: Problem): boolean =>
  node === null && field?.split('/')[0] === 'settings'
