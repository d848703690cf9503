/** What holds for every run of the workflow: how many at once, what one may use, how long it is kept, whose clock it goes by. */
import { type ReactNode, useEffect } from 'react'
import type { Problem } from '../../api/types'
import { useGraph } from '../../app/store/graph'
import { isOfSettings, useProblems } from '../../app/store/problems'
import { useView } from '../../app/store/view'
import type { Budget, Concurrency, GraphSettings } from '../../shared/graph/document'
import { Dialog } from '../../shared/ui/dialog'
import { NumberInput } from '../../shared/ui/number-input'
import { ZoneInput } from '../../shared/ui/zone-input'

const LIMIT_FIELD = 'settings/concurrency/limit'
const KEY_FIELD = 'settings/concurrency/key'
const KEEP_FIELD = 'settings/keep_days'
const ZONE_FIELD = 'settings/timezone'
/** Settings that programs and files bring, and that have no box here. */
const WITHOUT_BOX = ['never_stored'] as const
const budgetField = (name: Budget) => `settings/budgets/${name}`
const WHEN_FULL: [NonNullable<Concurrency['when_full']>, string, string][] = [
  ['queue', 'Wait', 'It begins when another one ends, oldest first.'],
  ['replace', 'Replace', 'The one that goes on is cancelled, and the newer one takes its place.'],
  ['refuse', 'Refuse', 'The start is refused; whoever started it is told to try again later.'],
]
const BUDGETS: [Budget, string, string][] = [
  ['steps', 'Steps', '10,000'],
  ['active_s', 'Working time (seconds)', '86,400'],
  ['tokens', 'Tokens of models', '5,000,000'],
  ['cost_usd', 'US dollars for models', '100'],
  ['bytes', 'Data (bytes)', '33,554,432'],
]
const FIELDS = [LIMIT_FIELD, KEY_FIELD, KEEP_FIELD, ZONE_FIELD, ...BUDGETS.map(([name]) => budgetField(name))]
/** A tenth of a cent: budgets of models are small, and none is a budget of nothing. */
const LEAST_USD = 0.001

export function WorkflowSettings({ onClose }: { onClose: () => void }) {
  const settings = useGraph(store => store.graph.settings)
  const readOnly = useGraph(store => store.readOnly)
  const problems = useProblems().filter(isOfSettings)
  // What no field below is about is told above them.
  const general = problems.filter(problem => !FIELDS.includes(problem.field ?? ''))
  const at = (path: string) => ({ path, problems: problems.filter(problem => problem.field === path) })
  useEffect(() => {
    const { focusField, set } = useView.getState()
    if (!focusField) return
    document.querySelector<HTMLElement>(`[data-field="${CSS.escape(focusField)}"] input`)?.focus()
    set({ focusField: null })
  }, [])
  const set = (change: Partial<GraphSettings>) =>
    useGraph
      .getState()
      .change(
        graph => ({ ...graph, settings: { ...graph.settings, ...change } }),
        `workflow-settings:${Object.keys(change).join()}`,
      )
  const concurrency = settings.concurrency ?? null
  const limit = (change: Partial<Concurrency>) =>
    set({ concurrency: { key: '', limit: 1, when_full: 'queue', ...concurrency, ...change } })
  const setBudget = (name: Budget, value: number | undefined) => {
    const { [name]: _, ...others } = settings.budgets ?? {}
    set({ budgets: value === undefined ? others : { ...others, [name]: value } })
  }
  return (
    <Dialog title="Settings of the workflow" onClose={onClose}>
      {general.map(problem => {
        const removable = WITHOUT_BOX.find(name => problem.field === `settings/${name}`)
        return (
          <div key={problem.message} className="notice" data-kind={problem.severity}>
            <span className="grow">{problem.message}</span>
            {removable && !readOnly ? (
              <button type="button" className="btn btn-sm" onClick={() => set({ [removable]: undefined })}>
                Remove the setting
              </button>
            ) : null}
          </div>
        )
      })}
      <div className="field" role="group" aria-label="Runs at once">
        <span className="field-label">Runs at once</span>
        <div className="segments">
          <button
            type="button"
            aria-pressed={!concurrency}
            disabled={readOnly}
            onClick={() => set({ concurrency: null })}
          >
            As many as come
          </button>
          <button
            type="button"
            aria-pressed={Boolean(concurrency)}
            disabled={readOnly}
            onClick={() => limit({})}
          >
            Limited
          </button>
        </div>
      </div>
      {concurrency ? (
        <div className="nested">
          <Setting {...at(LIMIT_FIELD)} id="slot-limit" label="At most">
            <NumberInput
              id="slot-limit"
              min={1}
              max={10_000}
              isWhole
              readOnly={readOnly}
              value={concurrency.limit ?? 1}
              onChange={value => limit({ limit: value })}
            />
          </Setting>
          <Setting {...at(KEY_FIELD)} id="slot-key" label="Counted for each">
            <input
              id="slot-key"
              className="input mono"
              placeholder="{{ trigger.body.customer }}"
              readOnly={readOnly}
              value={concurrency.key ?? ''}
              onChange={event => limit({ key: event.target.value })}
            />
            <p className="field-hint">
              Runs with the same value share the limit. Left empty, all runs of the workflow do.
            </p>
          </Setting>
          <div className="field" role="group" aria-label="One more">
            <span className="field-label">What happens to one more</span>
            <div className="segments">
              {WHEN_FULL.map(([name, words]) => (
                <button
                  key={name}
                  type="button"
                  aria-pressed={(concurrency.when_full ?? 'queue') === name}
                  disabled={readOnly}
                  onClick={() => limit({ when_full: name })}
                >
                  {words}
                </button>
              ))}
            </div>
            <p className="field-hint">
              {WHEN_FULL.find(([name]) => name === (concurrency.when_full ?? 'queue'))?.[2]}
            </p>
          </div>
        </div>
      ) : null}
      <fieldset className="arguments">
        <legend>What a run may use</legend>
        <p className="field-hint">
          A run that has used one of these up waits for an operator, who can let it use the same once more.
        </p>
        {BUDGETS.map(([name, words, usual]) => (
          <Setting key={name} {...at(budgetField(name))} id={`budget-${name}`} label={words}>
            <NumberInput
              id={`budget-${name}`}
              min={name === 'cost_usd' ? LEAST_USD : 1}
              mayBeEmpty
              placeholder={`${usual} if you say nothing`}
              readOnly={readOnly}
              value={settings.budgets?.[name]}
              onChange={value => setBudget(name, value)}
            />
          </Setting>
        ))}
      </fieldset>
      <Setting {...at(KEEP_FIELD)} id="keep-days" label="Keep runs for so many days">
        <NumberInput
          id="keep-days"
          min={1}
          max={4000}
          isWhole
          mayBeEmpty
          placeholder="as long as the installation keeps them"
          readOnly={readOnly}
          value={settings.keep_days ?? undefined}
          onChange={value => set({ keep_days: value ?? null })}
        />
      </Setting>
      <Setting {...at(ZONE_FIELD)} id="zone" label="Time zone of its schedules">
        <ZoneInput
          id="zone"
          readOnly={readOnly}
          placeholder="that of the workspace"
          value={settings.timezone ?? undefined}
          onChange={value => set({ timezone: value ?? null })}
        />
        <p className="field-hint">For schedules that name no other.</p>
      </Setting>
    </Dialog>
  )
}

/** A field with its label, and what is wrong with it. */
function Setting({
  path,
  problems,
  id,
  label,
  children,
}: {
  path: string
  problems: Problem[]
  id: string
  label: string
  children: ReactNode
}) {
  return (
    <div className="field" data-field={path}>
      <label htmlFor={id}>{label}</label>
      {children}
      {problems.map(problem => (
        <p key={problem.message} className="field-error">
          {problem.message}
        </p>
      ))}
    </div>
  )
}
