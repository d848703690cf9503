/** What a server offers to be read: an address from its list, or one of its templates with a field for each part. */
import { useState } from 'react'
import { readResources } from '../../../api/requests'
import type { Resource } from '../../../api/types'
import { useGraph } from '../../../app/store/graph'
import { setConfig } from '../../../shared/graph/edit'
import { ExpressionField } from '../../expression/expression-field'
import { FieldFrame, fieldId } from '../field'
import { useForm } from '../form-context'
import type { SharedProps } from '../schema-field'
import { useListed } from './listed'
import { SuggestedGroup } from './suggested-group'

const OTHER = ' other'

const nameOf = (resource: Resource): string => resource.title || resource.name || resource.uri

export function useResources(slug: string) {
  return useListed(slug, 'resources', readResources)
}

export function ResourceField({ path, value, label, required, onChange }: SharedProps) {
  const form = useForm()
  const config = useGraph(store => store.graph.nodes.find(item => item.id === form.node)?.config) ?? {}
  const { rows, loading, server } = useResources(String(config.server ?? ''))
  const uri = String(value ?? '')
  const chosen = rows.find(row => row.uri === uri)
  const [wantsOther, setWantsOther] = useState(false)
  const isOther = !loading && (wantsOther || (uri !== '' && !chosen))
  if (!config.server) return null
  const choose = (next: string) => {
    setWantsOther(next === OTHER)
    useGraph
      .getState()
      .change(graph =>
        setConfig(graph, form.node, { ...config, uri: next === OTHER ? '' : next, variables: {} }),
      )
  }
  const options = (wanted: boolean) =>
    rows
      .filter(row => row.is_template === wanted)
      .map(row => (
        <option key={row.uri} value={row.uri}>
          {nameOf(row)}
        </option>
      ))
  const listed = options(false)
  const templates = options(true)
  return (
    <FieldFrame
      path={path}
      label={label}
      required={required}
      hint={
        chosen
          ? [chosen.description, chosen.uri].filter(Boolean).join(' · ')
          : !loading && rows.length === 0
            ? `${server?.name ?? 'This server'} lists no resources. It may know addresses all the same.`
            : undefined
      }
    >
      <select
        id={fieldId(path)}
        className="select"
        disabled={form.readOnly || loading}
        value={isOther ? OTHER : uri}
        onChange={event => choose(event.target.value)}
      >
        <option value="">{loading ? 'Loading…' : 'Choose a resource…'}</option>
        {listed.length ? <optgroup label="Resources">{listed}</optgroup> : null}
        {templates.length ? <optgroup label="By its parts">{templates}</optgroup> : null}
        <option value={OTHER}>Another address…</option>
      </select>
      {isOther ? (
        <ExpressionField
          id={`${fieldId(path)}-address`}
          label="Address"
          node={form.node}
          value={uri}
          placeholder="orders://order/{{ … }}"
          readOnly={form.readOnly}
          invalid={form.problems.some(problem => problem.field === path && problem.severity === 'error')}
          onChange={onChange}
        />
      ) : null}
    </FieldFrame>
  )
}

export function ResourceVariables({ path, label, value, onChange }: SharedProps) {
  const form = useForm()
  const config = useGraph(store => store.graph.nodes.find(item => item.id === form.node)?.config) ?? {}
  const { rows, server } = useResources(String(config.server ?? ''))
  const resource = rows.find(row => row.uri === config.uri)
  const values = (value as Record<string, unknown> | undefined) ?? {}
  if (!resource || !server) return null
  // What stands in the config beyond the template's parts is shown as well, so that it can be taken out.
  const known = new Set(resource.variables.map(part => part.name))
  const parts = [
    ...resource.variables,
    ...Object.keys(values)
      .filter(name => !known.has(name))
      .map(name => ({ name, required: false })),
  ]
  if (parts.length === 0) return null
  return (
    <SuggestedGroup
      path={path}
      label={label}
      parts={parts}
      values={values}
      about={{ server: server.id, kind: 'resource', name: resource.uri }}
      onChange={onChange}
    />
  )
}
