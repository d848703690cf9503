/** A text field in which `{{ }}` parts are shown as pills. CodeMirror lives in this file only and is loaded when needed. */
import {
  autocompletion,
  type CompletionContext,
  type CompletionResult,
  completionKeymap,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { Compartment, EditorState, type Range, StateField } from '@codemirror/state'
import {
  Decoration,
  type DecorationSet,
  drawSelection,
  EditorView,
  keymap,
  placeholder as placeholderText,
  WidgetType,
} from '@codemirror/view'
import { useEffect, useRef } from 'react'
import { useGraph } from '../../app/store/graph'
import { endsInPart, pieces } from '../../shared/graph/templates'
import { type DataPath, pillText } from './data-paths'

class Pill extends WidgetType {
  constructor(
    readonly text: string,
    readonly known: boolean,
    readonly source: string,
  ) {
    super()
  }

  eq(other: Pill): boolean {
    return other.source === this.source && other.text === this.text && other.known === this.known
  }

  toDOM(): HTMLElement {
    const pill = document.createElement('span')
    pill.className = this.known ? 'data-pill' : 'data-pill is-unknown'
    pill.textContent = this.text
    pill.title = this.source
    return pill
  }
}

function pillsOf(state: EditorState): DecorationSet {
  const found: Range<Decoration>[] = []
  let from = 0
  for (const piece of pieces(state.doc.toString())) {
    const to = from + piece.text.length
    if (piece.expression !== null) {
      const { text, known } = pillText(piece.expression, useGraph.getState().graph)
      found.push(Decoration.replace({ widget: new Pill(text, known, piece.text) }).range(from, to))
    }
    from = to
  }
  return Decoration.set(found)
}

// A field of the state, for a part may stand on several lines, and plugins cannot replace line breaks.
const pills = StateField.define<DecorationSet>({
  create: pillsOf,
  update: (shown, change) => (change.docChanged ? pillsOf(change.state) : shown),
  provide: field => [
    EditorView.decorations.from(field),
    EditorView.atomicRanges.of(view => view.state.field(field)),
  ],
})

export type PillEditorProps = {
  id: string
  label: string
  value: string
  multiline: boolean
  placeholder?: string
  readOnly?: boolean
  invalid?: boolean
  paths: () => DataPath[]
  onChange: (value: string) => void
  onReady: (insert: (text: string) => void) => void
}

export default function PillEditor(props: PillEditorProps) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const latest = useRef(props)
  latest.current = props

  // The view is made once; later values reach it below.
  // biome-ignore lint/correctness/useExhaustiveDependencies: made once per field
  useEffect(() => {
    const complete = (context: CompletionContext): CompletionResult | null => {
      const word = context.matchBefore(/(\/|\{\{)[\w.]*/)
      if (!word) return null
      const isInPart = endsInPart(context.state.sliceDoc(0, word.from))
      return {
        from: word.from,
        filter: false,
        // At once with each letter: while it asked anew, Enter would make a new line instead of taking the hint that is shown.
        update: (_result, _from, _to, now) => complete(now),
        options: latest.current
          .paths()
          .filter(path => path.path.toLowerCase().includes(word.text.replace(/^(\/|\{\{)/, '').toLowerCase()))
          .slice(0, 40)
          .map(path => ({
            label: `${path.source} › ${path.label}`,
            detail: path.kind,
            apply: isInPart ? path.path : `{{ ${path.path} }}`,
          })),
      }
    }
    const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? ''
    const editable = new Compartment()
    const made = new EditorView({
      parent: host.current!,
      state: EditorState.create({
        doc: props.value,
        extensions: [
          EditorView.cspNonce.of(nonce),
          history(),
          drawSelection(),
          keymap.of([
            ...(props.multiline ? [] : [{ key: 'Enter', run: () => true }]),
            ...completionKeymap,
            ...defaultKeymap,
            ...historyKeymap,
          ]),
          autocompletion({ override: [complete], interactionDelay: 0, icons: false }),
          pills,
          EditorView.lineWrapping,
          editable.of(EditorView.editable.of(!props.readOnly)),
          placeholderText(props.placeholder ?? ''),
          EditorView.contentAttributes.of({ id: props.id, 'aria-label': props.label, role: 'textbox' }),
          EditorView.updateListener.of(update => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString())
          }),
          ...(props.multiline
            ? []
            : [EditorState.transactionFilter.of(change => (change.newDoc.lines > 1 ? [] : change))]),
        ],
      }),
    })
    view.current = made
    props.onReady(text => {
      const { from, to } = made.state.selection.main
      made.dispatch({ changes: { from, to, insert: text }, selection: { anchor: from + text.length } })
      made.focus()
    })
    return () => made.destroy()
  }, [props.id])

  useEffect(() => {
    const now = view.current
    if (now && now.state.doc.toString() !== props.value)
      now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: props.value } })
  }, [props.value])

  return (
    <div
      ref={host}
      className={`pill-editor ${props.multiline ? 'is-long' : ''} ${props.invalid ? 'is-invalid' : ''}`}
    />
  )
}
