/** The workflow is archived: why nothing can be changed, and the way to have it back. */
import { useMutation } from '@tanstack/react-query'
import { Archive, ArchiveRestore } from 'lucide-react'
import { restoreWorkflow } from '../api/requests'
import type { EditorData } from './store/session'

export function ArchivedBar({ workflow }: { workflow: EditorData['workflow'] }) {
  const restoring = useMutation({
    mutationFn: () => restoreWorkflow(workflow.id),
    // What the person may do came with the page.
    onSuccess: () => location.reload(),
  })
  if (!workflow.archived) return null
  return (
    <div className="run-bar archived-bar" role="status">
      <span className="run-words">
        <Archive aria-hidden />
        <span>
          <strong>This workflow is archived.</strong> Nothing starts it, and it can only be read until it is
          restored.
          {workflow.live_version === null ? '' : ' It comes back paused.'}
          {restoring.error ? ` It could not be restored: ${restoring.error.message}` : ''}
        </span>
      </span>
      {workflow.archived.may_restore ? (
        <button
          type="button"
          className="btn btn-sm btn-primary"
          disabled={restoring.isPending}
          onClick={() => restoring.mutate()}
        >
          <ArchiveRestore aria-hidden /> Restore
        </button>
      ) : null}
    </div>
  )
}
