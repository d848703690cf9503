/** The run view at /runs/<id>: the graph as it was, with what happened in it. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { ArrowLeft, Pencil } from 'lucide-react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { readNodeTypes } from '../api/requests'
import type { Run, Step } from '../api/types'
import { Canvas } from '../features/canvas/canvas'
import { RunBar } from '../features/run-panel/run-bar'
import { StepResult } from '../features/run-panel/step-result'
import { StepsList } from '../features/run-panel/steps-list'
import { whyItWaits } from '../features/run-panel/why-it-waits'
import { type Graph, nodeOf } from '../shared/graph/document'
import { ErrorBoundary } from '../shared/ui/error-boundary'
import { seconds, statusWord } from '../shared/ui/status'
import { ValueView } from '../shared/ui/value-view'
import './editor.css'
import { stepLink, useStepLink } from './step-link'
import { useGraph } from './store/graph'
import { usePath } from './store/iterations'
import { useRun } from './store/run'
import { type Me, nodeType, pageData, setNodeTypes } from './store/session'
import { useView } from './store/view'

type RunData = {
  run: Run
  graph: Graph
  workflow: { id: string; name: string; slug: string }
  workspace: { slug: string; name: string }
  me: Me
}

/** Another run that this one has to do with. */
function Kin({ words, href, name }: { words: string; href: string; name: string }) {
  return (
    <>
      {' '}
      · {words} <a href={href}>{name}</a>
    </>
  )
}

function RunView({ data }: { data: RunData }) {
  const run = useRun(store => store.run) ?? data.run
  const steps = useRun(store => store.steps)
  const usedUp = useRun(store => store.usedUp)
  const selected = useView(store => store.selected[0])
  const graph = useGraph(store => store.graph)
  const node = nodeOf(graph, selected ?? null)
  const path = usePath(selected ?? '')
  useStepLink()
  return (
    <div className="editor is-run">
      <header className="editor-head">
        <a className="icon-button" href="/runs" aria-label="Back to runs">
          <ArrowLeft aria-hidden />
        </a>
        <div className="run-title">
          <strong>{data.workflow.name}</strong>
          <span className="sub">
            {run.draft ? 'Test of the draft' : `Version ${run.version}`} ·{' '}
            {new Date(run.created_at).toLocaleString()} · {run.started_by}
            {run.parent ? (
              <Kin
                words="step of"
                href={`/runs/${run.parent}${run.parent_path ? stepLink(run.parent_path) : ''}`}
                name="another run"
              />
            ) : null}
            {run.retry_of ? (
              <Kin words="retry of" href={`/runs/${run.retry_of}`} name="an earlier run" />
            ) : null}
            {data.run.retried_by ? (
              <Kin words="tried again in" href={`/runs/${data.run.retried_by}`} name="a later run" />
            ) : null}
            {run.replay_of ? (
              <Kin words="repeats" href={`/runs/${run.replay_of}`} name="an earlier run" />
            ) : null}
          </span>
        </div>
        <span className="grow" />
        <a
          className="btn btn-sm"
          href={`/workflows/${data.workflow.id}?run=${run.id}${node && path ? stepLink(path) : ''}`}
        >
          <Pencil aria-hidden /> Open workflow
        </a>
      </header>
      <div className="stage">
        <RunBar closable={false} />
        <Canvas />
      </div>
      <aside className="run-side" aria-label="What happened">
        <p className="story">{story(run, steps, usedUp)}</p>
        <StepsList />
        {node ? (
          <section className="step-panel" aria-label="Details of the step">
            <h2>{node.title || nodeType(node.type)?.title}</h2>
            <StepResult node={node} />
          </section>
        ) : (
          <section className="step-panel">
            <ValueView title="What started it" value={run.input} />
            {run.result !== null ? <ValueView title="The reply" value={run.result} /> : null}
          </section>
        )}
      </aside>
    </div>
  )
}

function story(run: Run, steps: Step[], usedUp: string): string {
  const why = whyItWaits(run, steps, usedUp)
  const word = statusWord(run.status).toLowerCase()
  const spent = run.tokens ? `, ${run.tokens.toLocaleString()} tokens` : ''
  const took =
    run.started_at && run.ended_at
      ? ` It took ${seconds(new Date(run.ended_at).getTime() - new Date(run.started_at).getTime())}${spent}.`
      : ''
  const handled = run.handled_errors
    ? ` ${run.handled_errors} failure${run.handled_errors > 1 ? 's were' : ' was'} handled.`
    : ''
  const lead: Record<string, string> = {
    succeeded: 'The run is done.',
    failed: 'The run has failed.',
    cancelled: 'The run was cancelled.',
    waiting: 'The run waits; nothing is held meanwhile.',
    needs_attention: why,
    queued: why || 'The run is about to start.',
    paused: 'The run is paused; nothing new starts until somebody resumes it.',
  }
  return `${lead[run.status] ?? `The run is ${word}.`}${took}${handled}`
}

async function start(): Promise<void> {
  const element = document.getElementById('run')
  if (!element) return
  const data = pageData<RunData>('run-data')
  setNodeTypes((await readNodeTypes()).items)
  useGraph.getState().open(data.workflow.id, data.graph, 0, true)
  useRun.getState().watch(data.run)
  createRoot(element).render(
    <StrictMode>
      <ErrorBoundary>
        <QueryClientProvider client={new QueryClient()}>
          <RunView data={data} />
        </QueryClientProvider>
      </ErrorBoundary>
    </StrictMode>,
  )
}

start().catch(() => {
  const element = document.getElementById('run')
  if (element) element.textContent = 'The run could not be loaded. Reload the page to try again.'
})
