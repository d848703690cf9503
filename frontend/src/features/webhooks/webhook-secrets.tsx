/** The secrets of a webhook, below its settings: which are valid, a new one, and taking one away. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { KeyRound, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { makeWebhookSecret, readWebhookSecrets, removeWebhookSecret } from '../../api/requests'
import type { WebhookSecret } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { may } from '../../app/store/session'
import type { GraphNode } from '../../shared/graph/document'
import { CopyLine } from '../../shared/ui/copy-line'
import { Dialog } from '../../shared/ui/dialog'
import { momentText } from '../watches/use-watches'

const HOUR_S = 3600
const OVERLAPS: [number, string][] = [
  [0, 'End at once'],
  [HOUR_S, 'Are good for an hour'],
  [24 * HOUR_S, 'Are good for a day'],
  [7 * 24 * HOUR_S, 'Are good for a week'],
]

export type AuthKind = WebhookSecret['kind'] | 'address'

export const authKind = (node: GraphNode | undefined): AuthKind =>
  ((node?.config.auth as { kind?: AuthKind } | undefined)?.kind ?? 'address') as AuthKind

export function WebhookSecrets({ node }: { node: GraphNode }) {
  const kind = authKind(node)
  const workflow = useGraph(store => store.workflow)
  const queries = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  const queryKey = ['webhook-secrets', workflow, node.id]
  const { data, error } = useQuery({
    queryKey,
    queryFn: () => readWebhookSecrets(workflow, node.id),
    enabled: kind !== 'address' && may('edit'),
    retry: false,
  })
  const refresh = () => queries.invalidateQueries({ queryKey })
  const removing = useMutation({
    mutationFn: (id: string) => removeWebhookSecret(workflow, node.id, id),
    onSettled: refresh,
  })
  if (kind === 'address' || !may('edit')) return null
  const rows = (data ?? []).filter(row => row.kind === kind)
  return (
    <section className="webhook-secrets" aria-label="Secrets of the webhook">
      <h3>Secrets</h3>
      {error ? (
        <p className="field-hint">Secrets can be made once this step has been saved.</p>
      ) : rows.length ? (
        <ul>
          {rows.map(row => (
            <li key={row.id}>
              <KeyRound aria-hidden />
              <span className="grow">
                Made {momentText(row.created_at)}
                <span className="sub">
                  {row.valid_until ? `Good until ${momentText(row.valid_until)}` : 'In use'}
                </span>
              </span>
              {may('publish') ? (
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`Remove the secret made ${momentText(row.created_at)}`}
                  disabled={removing.isPending}
                  onClick={() => {
                    if (window.confirm('Remove this secret? What comes with it is refused from now on.'))
                      removing.mutate(row.id)
                  }}
                >
                  <Trash2 aria-hidden />
                </button>
              ) : null}
            </li>
          ))}
        </ul>
      ) : (
        <p className="field-hint">There is none yet. Publishing makes one, or make it now.</p>
      )}
      {removing.error ? <p className="field-error">{removing.error.message}</p> : null}
      {may('publish') && !error ? (
        <button type="button" className="btn btn-sm" onClick={() => setOpen(true)}>
          <KeyRound aria-hidden /> New secret
        </button>
      ) : null}
      {isOpen ? (
        <NewSecret
          node={node.id}
          kind={kind}
          hasOlder={rows.length > 0}
          onDone={refresh}
          onClose={() => setOpen(false)}
        />
      ) : null}
    </section>
  )
}

function NewSecret({
  node,
  kind,
  hasOlder,
  onDone,
  onClose,
}: {
  node: string
  kind: WebhookSecret['kind']
  hasOlder: boolean
  onDone: () => void
  onClose: () => void
}) {
  const workflow = useGraph(store => store.workflow)
  const [given, setGiven] = useState('')
  const [overlap, setOverlap] = useState(24 * HOUR_S)
  const making = useMutation({
    mutationFn: () => makeWebhookSecret(workflow, node, kind, given.trim() || null, overlap),
    onSuccess: onDone,
  })
  const made = making.data
  return (
    <Dialog title="New secret" onClose={onClose}>
      {made ? (
        made.secret ? (
          <>
            <p className="field-hint dialog-lead">
              Give it to the sender now: it is shown only this once. It works from now on, without publishing.
            </p>
            <CopyLine id="new-secret" label="Secret" text={made.secret} />
          </>
        ) : (
          <p>The secret is kept. What comes with it is accepted from now on, without publishing.</p>
        )
      ) : (
        <form
          onSubmit={event => {
            event.preventDefault()
            making.mutate()
          }}
        >
          <div className="field">
            <label htmlFor="given-secret">The sender's secret</label>
            <input
              id="given-secret"
              className="input mono"
              type="password"
              autoComplete="off"
              placeholder={kind === 'standard_webhooks' ? 'whsec_…' : ''}
              aria-describedby="given-secret-hint"
              value={given}
              onChange={event => setGiven(event.target.value)}
            />
            <p className="field-hint" id="given-secret-hint">
              If the sender gave you one. Leave it empty, and one is made.
            </p>
          </div>
          {hasOlder ? (
            <div className="field">
              <label htmlFor="old-secrets">Secrets from before</label>
              <select
                id="old-secrets"
                className="select"
                value={overlap}
                onChange={event => setOverlap(Number(event.target.value))}
              >
                {OVERLAPS.map(([seconds, words]) => (
                  <option key={seconds} value={seconds}>
                    {words}
                  </option>
                ))}
              </select>
            </div>
          ) : null}
          {making.error ? <p className="field-error">{making.error.message}</p> : null}
          <button type="submit" className="btn btn-primary" disabled={making.isPending}>
            {given.trim() ? 'Keep this secret' : 'Make a secret'}
          </button>
        </form>
      )}
    </Dialog>
  )
}
