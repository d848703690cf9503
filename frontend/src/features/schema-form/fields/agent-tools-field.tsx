/** The closed list of tools that an agent's model may call. */
import { Plus, Trash2 } from 'lucide-react'
import type { Schema } from '../../../api/types'
import { FieldFrame } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'
import { DurationField } from './duration-field'
import { useServers, useTools } from './tool-fields'

type Row = { server: string; tool: string; approval?: boolean; due_in_s?: number }

const DUE: Schema = {
  type: 'number',
  description: 'After it the call is not made, and the model is told so.',
}

export function AgentToolsField({ schema, path, value, label, onChange }: SharedProps) {
  const form = useForm()
  const { data = [], isPending } = useServers()
  const rows = Array.isArray(value) ? (value as Row[]) : []
  const set = (index: number, change: Partial<Row>) =>
    onChange(rows.map((row, at) => (at === index ? { ...row, ...change } : row)))
  const none = data.length === 0 && !isPending
  return (
    <FieldFrame
      path={path}
      label={label}
      hint={none ? 'No MCP server is connected yet. Add one under MCP servers.' : schema.description}
      group
    >
      {rows.map((row, index) => (
        <div key={index} className="row-card" data-field={`${path}/${index}`}>
          <div className="row-head">
            <select
              className="select grow"
              aria-label={`Server of tool ${index + 1}`}
              disabled={form.readOnly}
              value={row.server}
              onChange={event => set(index, { server: event.target.value, tool: '' })}
            >
              <option value="">Choose a server…</option>
              {data.map(server => (
                <option key={server.slug} value={server.slug}>
                  {server.name}
                </option>
              ))}
              {row.server && !data.some(server => server.slug === row.server) && !isPending ? (
                <option value={row.server}>{row.server} (not registered)</option>
              ) : null}
            </select>
            {form.readOnly ? null : (
              <button
                type="button"
                className="icon-button"
                aria-label={`Remove tool ${index + 1}`}
                onClick={() => onChange(rows.filter((_, at) => at !== index))}
              >
                <Trash2 aria-hidden />
              </button>
            )}
          </div>
          <ToolOf row={row} number={index + 1} onChange={tool => set(index, { tool })} />
          <label className="check-line">
            <input
              type="checkbox"
              className="checkbox checkbox-xs"
              disabled={form.readOnly}
              checked={row.approval ?? false}
              onChange={event =>
                set(
                  index,
                  event.target.checked ? { approval: true } : { approval: false, due_in_s: undefined },
                )
              }
            />
            Ask a person before each call
          </label>
          {row.approval ? (
            <DurationField
              name="due_in_s"
              root={DUE}
              schema={DUE}
              path={`${path}/${index}/due_in_s`}
              label={`Time to answer for tool ${index + 1}`}
              value={row.due_in_s}
              dynamic={false}
              onChange={due => set(index, { due_in_s: due as number | undefined })}
            />
          ) : null}
          {form.problems
            .filter(problem => problem.field?.startsWith(`${path}/${index}`))
            .map(problem => (
              <p
                key={problem.code}
                className={problem.severity === 'error' ? 'field-error' : 'field-warning'}
              >
                {problem.message}
              </p>
            ))}
        </div>
      ))}
      {form.readOnly || none ? null : (
        <button
          type="button"
          className="btn btn-sm"
          onClick={() =>
            onChange([...rows, { server: rows.at(-1)?.server ?? '', tool: '', approval: false }])
          }
        >
          <Plus aria-hidden /> Add tool
        </button>
      )}
    </FieldFrame>
  )
}

function ToolOf({ row, number, onChange }: { row: Row; number: number; onChange: (tool: string) => void }) {
  const form = useForm()
  const { tools, loading } = useTools(row.server)
  const chosen = tools.find(tool => tool.name === row.tool)
  if (!row.server) return null
  return (
    <select
      className="select"
      aria-label={`Tool ${number}`}
      disabled={form.readOnly || loading}
      value={row.tool}
      onChange={event => onChange(event.target.value)}
    >
      <option value="">{loading ? 'Loading…' : 'Choose a tool…'}</option>
      {tools.map(tool => (
        <option key={tool.name} value={tool.name}>
          {tool.title || tool.name}
          {tool.enabled ? '' : ' (not allowed yet)'}
        </option>
      ))}
      {row.tool && !chosen && !loading ? <option value={row.tool}>{row.tool} (not listed)</option> : null}
    </select>
  )
}
