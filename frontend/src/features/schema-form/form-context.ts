/** What every field of a form knows: the step it belongs to, and what is wrong where. */
import { createContext, useContext } from 'react'
import type { Problem } from '../../api/types'

export type FormContext = {
  node: string
  readOnly: boolean
  problems: Problem[]
  fix: (problem: Problem) => void
}

export const FormContextProvider = createContext<FormContext>({
  node: '',
  readOnly: false,
  problems: [],
  fix: () => undefined,
})

export const useForm = (): FormContext => useContext(FormContextProvider)
