/** The selected step: its form, what it did last, and what happens when it fails. */
import { Copy, FolderInput, Trash2, X } from 'lucide-react'
import { useEffect } from 'react'
import { useGraph } from '../../app/store/graph'
import { useStepState } from '../../app/store/iterations'
import { useProblems } from '../../app/store/problems'
import { may, nodeType } from '../../app/store/session'
import { type InspectorTab, useView } from '../../app/store/view'
import { MAX_TITLE, nodeOf } from '../../shared/graph/document'
import { remove, setConfig, updateNode } from '../../shared/graph/edit'
import { placesFor } from '../../shared/graph/inside'
import { focusSteps } from '../../shared/ui/focus-steps'
import { Icon } from '../../shared/ui/icon'
import { StatusPill } from '../../shared/ui/status'
import { StepResult } from '../run-panel/step-result'
import { FormContextProvider } from '../schema-form/form-context'
import { SchemaForm } from '../schema-form/schema-form'
import { WatchState } from '../watches/watch-state'
import { WebhookSecrets } from '../webhooks/webhook-secrets'
import { applyFix } from './apply-fix'
import { FailureTab } from './failure-tab'

const TABS: [InspectorTab, string][] = [
  ['settings', 'Settings'],
  ['result', 'Last result'],
  ['failure', 'If it fails'],
]

export function Inspector() {
  const selected = useView(store => store.selected)
  const tab = useView(store => store.tab)
  const focusField = useView(store => store.focusField)
  const allProblems = useProblems()
  const graph = useGraph(store => store.graph)
  const readOnly = useGraph(store => store.readOnly)
  const node = selected.length === 1 ? nodeOf(graph, selected[0]!) : undefined
  const type = nodeType(node?.type)
  const state = useStepState(node?.id ?? '')
  const hint = useView(store => (node ? store.described[node.id]?.hint : undefined))

  useEffect(() => {
    if (!focusField || !node) return
    const place = document.querySelector(`.inspector [data-field="${CSS.escape(focusField)}"]`)
    place?.scrollIntoView({ block: 'center' })
    place?.querySelector<HTMLElement>('input, select, textarea, [contenteditable]')?.focus()
    useView.getState().set({ focusField: null })
  }, [focusField, node])

  if (!node || !type) return null
  const problems = allProblems.filter(problem => problem.node === node.id)
  // What the form has no place for is told above it.
  const general = problems.filter(
    ({ field }) => field === null || !(field.split('/')[0]! in (type.config.properties ?? {})),
  )
  const setTitle = (title: string) =>
    useGraph.getState().change(current => updateNode(current, node.id, { title }), `title:${node.id}`)
  return (
    <section className="inspector" aria-label="Settings" tabIndex={-1} data-tone={type.group}>
      <header className="inspector-head">
        <span className="tile">
          <Icon name={type.icon} />
        </span>
        <div className="grow">
          <input
            className="title-input"
            aria-label="Title of this step"
            placeholder={type.title}
            value={node.title ?? ''}
            readOnly={readOnly}
            maxLength={MAX_TITLE}
            onChange={event => setTitle(event.target.value)}
          />
          <button
            type="button"
            className="id-chip mono"
            title="Copy the id of this step"
            onClick={() => void navigator.clipboard.writeText(node.id)}
          >
            {node.id} <Copy aria-hidden />
          </button>
        </div>
        {state ? <StatusPill status={state.status} /> : null}
        <button
          type="button"
          className="icon-button"
          aria-label="Close settings"
          onClick={() => useView.getState().select([])}
        >
          <X aria-hidden />
        </button>
      </header>
      <div className="tabs-line" role="tablist" aria-label="Parts of the settings">
        {TABS.filter(([name]) => name !== 'failure' || type.settings.length > 0).map(([name, words]) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={tab === name}
            onClick={() => useView.getState().set({ tab: name })}
          >
            {words}
          </button>
        ))}
      </div>
      <div className="inspector-body">
        {general.map(problem => (
          <div key={problem.message} className="notice" data-kind={problem.severity}>
            <span className="grow">{problem.message}</span>
          </div>
        ))}
        {tab === 'settings' ? (
          <FormContextProvider value={{ node: node.id, readOnly, problems, fix: applyFix }}>
            <p className="field-hint type-line">
              {type.title}: {type.description}
            </p>
            {hint ? <p className="field-hint type-line">{hint}</p> : null}
            {node.type === 'watch_trigger' ? <WatchState node={node.id} /> : null}
            <SchemaForm
              key={node.id}
              schema={type.config}
              value={node.config}
              onChange={config =>
                useGraph
                  .getState()
                  .change(current => setConfig(current, node.id, config), `config:${node.id}`)
              }
            />
            {node.type === 'webhook_trigger' ? (
              <WebhookSecrets key={`secrets-${node.id}`} node={node} />
            ) : null}
          </FormContextProvider>
        ) : null}
        {tab === 'result' ? <StepResult node={node} canRun={may('run')} /> : null}
        {tab === 'failure' ? <FailureTab node={node} type={type} readOnly={readOnly} /> : null}
      </div>
      {readOnly ? null : (
        <footer className="inspector-foot">
          {placesFor(graph, [node.id], nodeType).length ? (
            <button
              type="button"
              className="btn btn-sm btn-ghost"
              onClick={() => useView.getState().set({ dialog: 'move' })}
            >
              <FolderInput aria-hidden /> Move to…
            </button>
          ) : null}
          <button
            type="button"
            className="btn btn-sm btn-ghost"
            onClick={() => {
              useGraph.getState().change(current => remove(current, [node.id], []))
              useView.getState().select([])
              focusSteps()
            }}
          >
            <Trash2 aria-hidden /> {type.is_container ? 'Delete loop' : 'Delete step'}
          </button>
        </footer>
      )}
    </section>
  )
}
