/** Time limit, attempts, how branches meet, and switching the step off. */
import { useId } from 'react'
import type { NodeType } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import type { GraphNode, NodeSettings } from '../../shared/graph/document'
import { updateNode } from '../../shared/graph/edit'
import { NumberInput, type NumberInputProps } from '../../shared/ui/number-input'

const DEFAULT_RETRY = { attempts: 3, first_delay_s: 1, factor: 2 }

export function FailureTab({ node, type, readOnly }: { node: GraphNode; type: NodeType; readOnly: boolean }) {
  const settings = node.settings ?? {}
  const set = (change: Partial<NodeSettings>) =>
    useGraph
      .getState()
      .change(
        graph => updateNode(graph, node.id, { settings: { ...settings, ...change } }),
        `settings:${node.id}`,
      )
  const has = (name: string) => type.settings.includes(name)
  const retry = settings.retry
  return (
    <>
      {has('timeout_s') ? (
        <div className="field">
          <label htmlFor="timeout">Time limit for one attempt (seconds)</label>
          <NumberInput
            id="timeout"
            min={1}
            max={3600}
            mayBeEmpty
            placeholder="60"
            readOnly={readOnly}
            value={settings.timeout_s ?? undefined}
            onChange={value => set({ timeout_s: value ?? null })}
          />
        </div>
      ) : null}
      {has('retry') ? (
        <div className="field" role="group" aria-label="Attempts">
          <span className="field-label">If it fails in a way that may pass</span>
          <div className="segments">
            <button
              type="button"
              aria-pressed={!retry}
              disabled={readOnly}
              onClick={() => set({ retry: null })}
            >
              As usual
            </button>
            <button
              type="button"
              aria-pressed={Boolean(retry)}
              disabled={readOnly}
              onClick={() => set({ retry: retry ?? DEFAULT_RETRY })}
            >
              My own rule
            </button>
          </div>
          {retry ? (
            <div className="triple">
              <NumberBox
                label="Attempts in all"
                value={retry.attempts}
                min={1}
                max={20}
                isWhole
                readOnly={readOnly}
                onChange={attempts => set({ retry: { ...retry, attempts } })}
              />
              <NumberBox
                label="First pause (s)"
                value={retry.first_delay_s}
                min={0}
                max={3600}
                readOnly={readOnly}
                onChange={first_delay_s => set({ retry: { ...retry, first_delay_s } })}
              />
              <NumberBox
                label="Times longer each"
                value={retry.factor}
                min={1}
                max={10}
                readOnly={readOnly}
                onChange={factor => set({ retry: { ...retry, factor } })}
              />
            </div>
          ) : (
            <p className="field-hint">
              Three attempts where a repeat is harmless; one where it is not, such as a payment.
            </p>
          )}
        </div>
      ) : null}
      {has('on_unknown') && type.name === 'mcp_tool' ? (
        <Choice
          label="If nobody knows whether it took effect"
          hint="A call that must not be repeated was sent, and its answer never came."
          value={settings.on_unknown ?? 'ask'}
          options={[
            ['ask', 'Ask an operator'],
            ['fail', 'Count it as failed'],
          ]}
          readOnly={readOnly}
          onChange={value => set({ on_unknown: value as 'ask' | 'fail' })}
        />
      ) : null}
      {has('join') ? (
        <Choice
          label="When several lines lead here"
          value={settings.join ?? 'all'}
          options={[
            ['all', 'Wait for all that run'],
            ['first', 'Go on with the first'],
          ]}
          readOnly={readOnly}
          onChange={value => set({ join: value as 'all' | 'first' })}
        />
      ) : null}
      {has('disabled') && !type.is_trigger ? (
        <Choice
          label="This step is"
          value={settings.disabled ? 'off' : 'on'}
          options={[
            ['on', 'On'],
            ['off', 'Off: passed over'],
          ]}
          readOnly={readOnly}
          onChange={value => set({ disabled: value === 'off' })}
        />
      ) : null}
      {type.has_error_port ? (
        <p className="field-hint">
          Draw a line from the exit “If it fails” to handle a failure in the workflow. Without it, a failure
          ends the run.
        </p>
      ) : null}
    </>
  )
}

function NumberBox({
  label,
  ...box
}: Omit<NumberInputProps, 'id' | 'onChange'> & {
  label: string
  onChange: (value: number) => void
}) {
  const id = useId()
  return (
    <div>
      <label className="field-hint" htmlFor={id}>
        {label}
      </label>
      <NumberInput {...box} id={id} isSmall onChange={value => value !== undefined && box.onChange(value)} />
    </div>
  )
}

function Choice({
  label,
  hint,
  value,
  options,
  readOnly,
  onChange,
}: {
  label: string
  hint?: string
  value: string
  options: [string, string][]
  readOnly: boolean
  onChange: (value: string) => void
}) {
  return (
    <div className="field" role="group" aria-label={label}>
      <span className="field-label">{label}</span>
      <div className="segments">
        {options.map(([name, words]) => (
          <button
            key={name}
            type="button"
            aria-pressed={value === name}
            disabled={readOnly}
            onClick={() => onChange(name)}
          >
            {words}
          </button>
        ))}
      </div>
      {hint ? <p className="field-hint">{hint}</p> : null}
    </div>
  )
}
