/** The editor at /workflows/<id>. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { Fragment, StrictMode, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { checkGraph, readNodeTypes, readRun } from '../api/requests'
import { Canvas } from '../features/canvas/canvas'
import { Inspector } from '../features/inspector/inspector'
import { ConnectDialog } from '../features/outline/connect-dialog'
import { MoveDialog } from '../features/outline/move-dialog'
import { Outline } from '../features/outline/outline'
import { ProblemsList } from '../features/outline/problems-list'
import { useEntries } from '../features/palette/catalogue'
import { Palette } from '../features/palette/palette'
import { placeStep } from '../features/palette/place'
import { QuickAddDialog } from '../features/palette/quick-add'
import { RunBar } from '../features/run-panel/run-bar'
import { RunDialog } from '../features/run-panel/run-dialog'
import { WatchBar } from '../features/watches/watch-bar'
import { authKind } from '../features/webhooks/webhook-secrets'
import { WorkflowSettings } from '../features/workflow-settings/workflow-settings'
import { nodeOf, noteOf } from '../shared/graph/document'
import { CopyLine } from '../shared/ui/copy-line'
import { Dialog } from '../shared/ui/dialog'
import { ErrorBoundary } from '../shared/ui/error-boundary'
import './editor.css'
import { ArchivedBar } from './archived-bar'
import { EmptyCanvas } from './empty-canvas'
import { Header, type Published } from './header'
import { NoticeLine } from './notices'
import { ShortcutsDialog, useShortcuts } from './shortcuts'
import { SignedOutBar } from './signed-out-bar'
import { StaleDialog } from './stale-dialog'
import { useStepLink } from './step-link'
import { useGraph } from './store/graph'
import { useRun } from './store/run'
import { type EditorData, pageData, setNodeTypes } from './store/session'
import { useView } from './store/view'

const CHECK_AFTER_MS = 300
const SMALL_SCREEN = '(max-width: 700px)'

function useLiveCheck(workflow: string): void {
  const graph = useGraph(store => store.graph)
  useEffect(() => {
    let stale = false
    const timer = setTimeout(async () => {
      const checked = await checkGraph(graph, workflow).catch(() => null)
      if (checked && !stale) useView.getState().takeCheck(checked)
    }, CHECK_AFTER_MS)
    return () => {
      stale = true
      clearTimeout(timer)
    }
  }, [graph, workflow])
}

function useLeaveGuard(): void {
  useEffect(() => {
    const guard = (event: BeforeUnloadEvent) => {
      const { saveState } = useGraph.getState()
      if (saveState !== 'saved') event.preventDefault()
    }
    window.addEventListener('beforeunload', guard)
    return () => window.removeEventListener('beforeunload', guard)
  }, [])
}

function Editor({ data }: { data: EditorData }) {
  const [published, setPublished] = useState<Published | null>(null)
  const { entries } = useEntries()
  const view = useView()
  const isEmpty = useGraph(store => store.graph.nodes.length === 0)
  const readOnly = useGraph(store => store.readOnly)
  useLiveCheck(data.workflow.id)
  useLeaveGuard()
  useShortcuts()
  useStepLink()
  const close = () => view.set({ dialog: null })
  const hasInspector = view.selected.length === 1 && noteOf(view.selected[0]!) === null
  return (
    <div className="editor" data-inspector={hasInspector || undefined} data-readonly={readOnly || undefined}>
      <Header data={data} onPublished={setPublished} />
      {readOnly ? null : <Palette />}
      <div className="stage">
        <SignedOutBar />
        <ArchivedBar workflow={data.workflow} />
        <RunBar />
        <WatchBar triggers={data.workflow.triggers} />
        {view.showList ? (
          <Outline />
        ) : (
          <Canvas
            onDropStep={(key, at, inside) => {
              const entry = entries.find(item => item.key === key)
              if (entry) placeStep(entry, { at, inside })
            }}
          />
        )}
        {isEmpty && !readOnly ? <EmptyCanvas /> : null}
        {view.showProblems ? <ProblemsList /> : null}
        <NoticeLine />
      </div>
      {hasInspector ? <Inspector /> : null}
      <QuickAddDialog />
      {view.dialog === 'run' ? <RunDialog onClose={close} /> : null}
      {view.dialog === 'connect' ? <ConnectDialog onClose={close} /> : null}
      {view.dialog === 'settings' ? <WorkflowSettings onClose={close} /> : null}
      {view.dialog === 'move' ? <MoveDialog onClose={close} /> : null}
      {view.dialog === 'shortcuts' ? <ShortcutsDialog onClose={close} /> : null}
      {published ? <PublishedDialog published={published} onClose={() => setPublished(null)} /> : null}
      <StaleDialog />
    </div>
  )
}

function PublishedDialog({ published, onClose }: { published: Published; onClose: () => void }) {
  const graph = useGraph(store => store.graph)
  const addresses = published.triggers.filter(trigger => trigger.url)
  const isOpen = addresses.some(trigger => authKind(nodeOf(graph, trigger.node)) === 'address')
  return (
    <Dialog title={`Version ${published.version} is live`} onClose={onClose}>
      {addresses.length ? (
        <>
          <p className="field-hint dialog-lead">
            {isOpen
              ? 'Whoever knows this address can start the workflow. Post JSON to it; keep it like a password.'
              : 'Give the sender this address. Only what proves to come from it starts the workflow.'}
          </p>
          {addresses.map(trigger => (
            <Fragment key={trigger.node}>
              <CopyLine
                id={`url-${trigger.node}`}
                label={trigger.type === 'webhook_trigger' ? 'Webhook address' : 'Form page'}
                text={trigger.url ?? ''}
              />
              {trigger.secret ? (
                <>
                  <CopyLine id={`secret-${trigger.node}`} label="Secret" text={trigger.secret} />
                  <p className="field-hint">
                    The secret is shown only this once. A new one can be made in the settings of the step.
                  </p>
                </>
              ) : null}
            </Fragment>
          ))}
        </>
      ) : (
        <p>Runs start with this version from now on. Runs that go on keep the version they began with.</p>
      )}
    </Dialog>
  )
}

async function start(): Promise<void> {
  const element = document.getElementById('editor')
  if (!element) return
  const data = pageData<EditorData>('editor-data')
  const types = await readNodeTypes()
  setNodeTypes(types.items)
  useGraph.getState().open(data.workflow.id, data.graph, data.workflow.revision, !data.me.can.edit)
  useView.getState().set({ showList: matchMedia(SMALL_SCREEN).matches && data.graph.nodes.length > 0 })
  const watched = new URLSearchParams(location.search).get('run')
  if (watched)
    readRun(watched)
      .then(run => useRun.getState().watch(run))
      .catch(() => undefined)
  const queries = new QueryClient({ defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: true } } })
  createRoot(element).render(
    <StrictMode>
      <ErrorBoundary>
        <QueryClientProvider client={queries}>
          <Editor data={data} />
        </QueryClientProvider>
      </ErrorBoundary>
    </StrictMode>,
  )
}

start().catch(() => {
  const element = document.getElementById('editor')
  if (element) element.textContent = 'The editor could not be loaded. Reload the page to try again.'
})
