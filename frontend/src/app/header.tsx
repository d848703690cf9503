/** The editor's bar: name, saved state, problems, Run, Publish. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import {
  ArrowLeft,
  CircleAlert,
  CirclePause,
  CirclePlay,
  Cloud,
  CloudOff,
  Play,
  Rocket,
  Settings2,
} from 'lucide-react'
import { useState } from 'react'
import { ApiError } from '../api/client'
import { pauseWorkflow, publish, renameWorkflow, resumeWorkflow } from '../api/requests'
import type { Problem, PublishedTrigger } from '../api/types'
import { StatusPill } from '../shared/ui/status'
import { ProblemsButton } from './problems-button'
import { useGraph } from './store/graph'
import { useProblems } from './store/problems'
import { useRun } from './store/run'
import type { EditorData } from './store/session'
import { useView } from './store/view'

const SAVE_WORDS = {
  saved: 'Saved',
  unsaved: 'Unsaved changes',
  saving: 'Saving…',
  offline: 'Offline – changes kept here',
  stale: 'Changed elsewhere',
} as const
const SIGNED_OUT = 'Signed out – changes kept here'

export type Published = { version: number; triggers: PublishedTrigger[] }

export function Header({
  data,
  onPublished,
}: {
  data: EditorData
  onPublished: (published: Published) => void
}) {
  const [name, setName] = useState(data.workflow.name)
  const [live, setLive] = useState(data.workflow.live_version)
  const [liveGraph, setLiveGraph] = useState(data.workflow.live_graph)
  const graph = useGraph(store => store.graph)
  const saveState = useGraph(store => store.saveState)
  const saveError = useGraph(store => store.saveError)
  const isSignedOut = useGraph(store => store.isSignedOut)
  const problems = useProblems()
  const run = useRun(store => store.run)
  const [failure, setFailure] = useState('')
  const [paused, setPaused] = useState(data.workflow.paused)
  const hasErrors = problems.some(problem => problem.severity === 'error')
  const changed = !liveGraph || meaning(liveGraph) !== meaning(graph)
  const queries = useQueryClient()
  const publishing = useMutation({
    mutationFn: async () => {
      const saved = await useGraph.getState().saveAll()
      return { published: await publish(data.workflow.id), graph: saved }
    },
    onSuccess: ({ published, graph: now }) => {
      setLive(published.version)
      setLiveGraph(now)
      setFailure('')
      // Publishing makes the secrets of webhooks that have none.
      void queries.invalidateQueries({ queryKey: ['webhook-secrets'] })
      onPublished(published)
    },
    onError: error => {
      const known = error instanceof ApiError ? error : null
      setFailure(known?.message ?? String(error))
      const found = known?.details.problems as Problem[] | undefined
      if (found) useView.getState().set({ problems: found, showProblems: true })
    },
  })
  const switching = useMutation({
    mutationFn: () => (paused ? resumeWorkflow : pauseWorkflow)(data.workflow.id),
    onSuccess: workflow => setPaused(workflow.paused),
    onError: error => setFailure(error instanceof ApiError ? error.message : String(error)),
  })
  const rename = async () => {
    const clean = name.trim()
    if (!clean || clean === data.workflow.name) return setName(data.workflow.name)
    try {
      await renameWorkflow(data.workflow.id, clean)
      data.workflow.name = clean
      document.title = `${clean} · Patchbay`
    } catch (error) {
      setName(data.workflow.name)
      setFailure(error instanceof ApiError ? error.message : String(error))
    }
  }
  const state =
    live === null
      ? 'Not published'
      : changed
        ? `Version ${live} is live, with changes not published`
        : `Version ${live} is live`
  return (
    <header className="editor-head">
      <a className="icon-button" href="/workflows" aria-label="Back to workflows">
        <ArrowLeft aria-hidden />
      </a>
      <input
        className="name-input"
        aria-label="Name of the workflow"
        value={name}
        readOnly={!data.me.can.edit}
        onChange={event => setName(event.target.value)}
        onBlur={() => void rename()}
        onKeyDown={event => event.key === 'Enter' && event.currentTarget.blur()}
      />
      {saveState === 'failed' ? (
        <button
          type="button"
          className="save-state"
          data-state={saveState}
          title={saveError}
          onClick={() => useView.getState().set({ showProblems: true })}
        >
          <CloudOff aria-hidden /> Not saved: see why
        </button>
      ) : (
        <span className="save-state sub" title={saveError} data-state={saveState}>
          {saveState === 'offline' || isSignedOut ? <CloudOff aria-hidden /> : <Cloud aria-hidden />}
          <span>{!data.me.can.edit ? 'Read only' : isSignedOut ? SIGNED_OUT : SAVE_WORDS[saveState]}</span>
        </span>
      )}
      <span className="grow" />
      {run ? (
        <span className="head-run">
          <StatusPill status={run.status} />
        </span>
      ) : null}
      {paused && !data.workflow.archived ? <StatusPill status="paused" /> : null}
      {live !== null && data.me.can.pause ? (
        <button
          type="button"
          className="icon-button pause-button"
          aria-label={paused ? 'Resume workflow' : 'Pause workflow'}
          title={
            paused
              ? 'Let its triggers start runs again'
              : 'Stop its triggers; runs that go on are not touched'
          }
          disabled={switching.isPending}
          onClick={() => switching.mutate()}
        >
          {paused ? <CirclePlay aria-hidden /> : <CirclePause aria-hidden />}
        </button>
      ) : null}
      <button
        type="button"
        className="icon-button"
        aria-label="Settings of the workflow"
        title="How many runs at once, what a run may use, how long runs are kept"
        onClick={() => useView.getState().set({ dialog: 'settings' })}
      >
        <Settings2 aria-hidden />
      </button>
      <ProblemsButton />
      {data.me.can.run ? (
        <button
          type="button"
          className="btn btn-sm"
          onClick={() => useView.getState().set({ dialog: 'run' })}
        >
          <Play aria-hidden /> Run
        </button>
      ) : null}
      {data.me.can.publish ? (
        <button
          type="button"
          className="btn btn-sm btn-primary"
          title={hasErrors ? 'Mend the problems first' : state}
          disabled={publishing.isPending || (!changed && live !== null)}
          onClick={() => publishing.mutate()}
        >
          <Rocket aria-hidden />{' '}
          {publishing.isPending
            ? 'Publishing…'
            : !changed && live !== null
              ? `Live: version ${live}`
              : 'Publish'}
        </button>
      ) : null}
      {failure ? (
        <div className="notice head-notice" data-kind="error" role="alert">
          <CircleAlert aria-hidden />
          <span className="grow">{failure}</span>
          <button type="button" className="link-button" onClick={() => setFailure('')}>
            Close
          </button>
        </div>
      ) : null}
    </header>
  )
}

/** What a publish would change: everything but where cards stand. */
function meaning(graph: EditorData['graph']): string {
  const nodes = graph.nodes.map(({ position: _, ...node }) =>
    sorted({ ...node, title: node.title ?? '', settings: node.settings ?? {} }),
  )
  return JSON.stringify([nodes, graph.edges, sorted(graph.settings)])
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([key, item]) => [key, sorted(item)]),
  )
}
