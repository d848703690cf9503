/** One field: the widget that its schema asks for, or the control that fits its type; fixed or from data. */
import type { Schema } from '../../api/types'
import { hasParts } from '../../shared/graph/templates'
import { ExpressionField } from '../expression/expression-field'
import { DataScope } from '../expression/use-data-paths'
import { RulesEditor } from '../rules/rules-editor'
import { FieldFrame, fieldId } from './field'
import { AgentToolsField } from './fields/agent-tools-field'
import { AssigneeField } from './fields/assignee-field'
import { ChoiceField } from './fields/choice-field'
import { ConditionField } from './fields/condition-field'
import { DurationField } from './fields/duration-field'
import { FieldsField } from './fields/fields-field'
import { JsonField } from './fields/json-field'
import { ListField } from './fields/list-field'
import { ListSourceField } from './fields/list-source-field'
import { ModelField } from './fields/model-field'
import { NumberField } from './fields/number-field'
import { OwnDataField, OwnRulesField } from './fields/own-data-field'
import { PromptArguments, PromptField } from './fields/prompt-fields'
import { ResourceField, ResourceVariables } from './fields/resource-fields'
import { RowsField } from './fields/rows-field'
import { TimezoneField } from './fields/timezone-field'
import { ServerField, ToolArguments, ToolField } from './fields/tool-fields'
import { VariantField } from './fields/variant-field'
import { WorkflowField, WorkflowInput } from './fields/workflow-fields'
import { WorkflowsField } from './fields/workflows-field'
import { useForm } from './form-context'
import { controlOf, resolved, titleOf } from './resolve'
import { SchemaForm } from './schema-form'

export type FieldProps = {
  name: string
  schema: Schema
  root: Schema
  path: string
  value: unknown
  required?: boolean
  free?: boolean
  onChange: (value: unknown) => void
}

/** A field over the body of a loop reads more: what is known as an iteration ends. One of a trigger reads its own. */
export function SchemaField(props: FieldProps) {
  const schema = resolved(props.schema, props.root)
  const mode = schema['x-expression']
  if (mode !== 'body' && mode !== 'own') return <PlainField {...props} />
  return (
    <DataScope value={mode === 'body' ? 'body' : `own:${props.path.split('/')[0]}`}>
      <PlainField {...props} />
    </DataScope>
  )
}

function PlainField(props: FieldProps) {
  const schema = resolved(props.schema, props.root)
  const form = useForm()
  const { path, value, onChange, required } = props
  const label = titleOf(props.name, schema)
  const isOverBody = schema['x-expression'] === 'body'
  const dynamic = props.free || schema['x-expression'] === true || isOverBody
  const shared = { ...props, schema, label, dynamic }
  switch (schema['x-widget']) {
    case 'server':
      return <ServerField {...shared} />
    case 'tool':
      return <ToolField {...shared} />
    case 'tool_arguments':
      return <ToolArguments {...shared} />
    case 'resource':
      return <ResourceField {...shared} />
    case 'resource_variables':
      return <ResourceVariables {...shared} />
    case 'prompt':
      return <PromptField {...shared} />
    case 'prompt_arguments':
      return <PromptArguments {...shared} />
    case 'own_data':
      return <OwnDataField {...shared} />
    case 'own_rules':
      return <OwnRulesField {...shared} />
    case 'agent_tools':
      return <AgentToolsField {...shared} />
    case 'workflow':
      return <WorkflowField {...shared} />
    case 'workflow_input':
      return <WorkflowInput {...shared} />
    case 'model':
      return <ModelField {...shared} />
    case 'choices':
    case 'branches':
    case 'values':
    case 'shown':
    case 'decision_rules':
      return <RowsField {...shared} />
    case 'fields':
      return <FieldsField {...shared} />
    case 'assignee':
      return <AssigneeField {...shared} />
    case 'duration':
      return <DurationField {...shared} />
    case 'timezone':
      return <TimezoneField {...shared} />
    case 'workflows':
      return <WorkflowsField {...shared} />
    case 'rules':
      return <RulesEditor node={form.node} path={path} value={value} onChange={onChange} />
    case 'json':
      return <JsonField {...shared} />
  }
  const control = controlOf(schema)
  if (isOverBody && control === 'boolean') return <ConditionField {...shared} />
  if (control === 'list' && dynamic && isSource(schema, value)) return <ListSourceField {...shared} />
  if (control === 'text' || (control === 'json' && dynamic && typeof (value ?? '') === 'string'))
    return <TextField {...shared} />
  if (dynamic && hasParts(value)) return <FromData {...shared} />
  switch (control) {
    case 'number':
      return <NumberField {...shared} />
    case 'boolean':
    case 'choice':
      return <ChoiceField {...shared} />
    case 'multi':
    case 'list':
      return <ListField {...shared} />
    case 'variant':
      return <VariantField {...shared} />
    case 'object':
      return (
        <FieldFrame path={path} label={label} hint={schema.description} required={required} group>
          <div className="nested">
            <SchemaForm
              schema={schema}
              root={props.root}
              path={path}
              free={props.free}
              value={(value as Record<string, unknown>) ?? {}}
              onChange={onChange}
            />
          </div>
        </FieldFrame>
      )
  }
  return <JsonField {...shared} />
}

/** A list of anything at all is taken from data, unless somebody has typed one in. */
const isSource = (schema: Schema, value: unknown): boolean =>
  Object.keys(schema.items ?? {}).length === 0 && !(Array.isArray(value) && value.length > 0)

export type SharedProps = FieldProps & { label: string; dynamic: boolean }

function TextField({ schema, path, value, label, dynamic, required, name, onChange }: SharedProps) {
  const form = useForm()
  const text =
    typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)
  const long = schema['x-widget'] === 'long_text' || (schema.maxLength ?? 0) > 400
  const invalid = form.problems.some(problem => problem.field === path && problem.severity === 'error')
  const give = (next: string) => onChange(next === '' && !required && name !== 'text' ? undefined : next)
  return (
    <FieldFrame path={path} label={label} hint={schema.description} required={required}>
      {dynamic ? (
        <ExpressionField
          id={fieldId(path)}
          label={label}
          node={form.node}
          value={text}
          multiline={long}
          placeholder={schema['x-placeholder']}
          readOnly={form.readOnly}
          invalid={invalid}
          onChange={give}
        />
      ) : long ? (
        <textarea
          id={fieldId(path)}
          className="textarea"
          rows={3}
          value={text}
          readOnly={form.readOnly}
          onChange={event => give(event.target.value)}
        />
      ) : (
        <input
          id={fieldId(path)}
          className="input"
          value={text}
          readOnly={form.readOnly}
          placeholder={schema['x-placeholder']}
          onChange={event => give(event.target.value)}
        />
      )}
    </FieldFrame>
  )
}

/** A field of any type whose value comes from data. */
export function FromData({ schema, path, value, label, required, onChange }: SharedProps) {
  const form = useForm()
  return (
    <FieldFrame
      path={path}
      label={label}
      hint={schema.description}
      required={required}
      side={<ModeSwitch mode="data" onFixed={() => onChange(schema.default)} />}
    >
      <ExpressionField
        id={fieldId(path)}
        label={label}
        node={form.node}
        value={String(value)}
        readOnly={form.readOnly}
        whole
        onChange={next => onChange(next === '' ? undefined : next)}
      />
    </FieldFrame>
  )
}

export function ModeSwitch({
  mode,
  onFixed,
  onData,
}: {
  mode: 'fixed' | 'data'
  onFixed?: () => void
  onData?: () => void
}) {
  const form = useForm()
  if (form.readOnly) return null
  return (
    <span className="mode-switch">
      <button type="button" aria-pressed={mode === 'fixed'} onClick={() => mode === 'data' && onFixed?.()}>
        Fixed
      </button>
      <button type="button" aria-pressed={mode === 'data'} onClick={() => mode === 'fixed' && onData?.()}>
        Data
      </button>
    </span>
  )
}
