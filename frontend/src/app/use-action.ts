/** Something that a button asks of the server: whether it is under way, and why it failed the last time. */
import { useState } from 'react'
import { ApiError } from '../api/client'

export function useAction() {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const act = async (what: () => Promise<unknown>) => {
    setBusy(true)
    setProblem('')
    try {
      await what()
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }
  return { busy, problem, act }
}
