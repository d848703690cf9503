/** The first sight of a new workflow: three ways to begin. */
import { ClipboardList, PackageSearch, Webhook } from 'lucide-react'
import { placeStep } from '../features/palette/place'
import type { Graph } from '../shared/graph/document'
import { useGraph } from './store/graph'
import { nodeType } from './store/session'

export function EmptyCanvas() {
  const start = (name: string) => {
    const type = nodeType(name)
    if (type)
      placeStep(
        { key: name, type, title: type.title, description: '', group: type.group, words: '' },
        { at: { x: 0, y: 0 } },
      )
  }
  return (
    <div className="empty-canvas">
      <h2>What starts this workflow?</h2>
      <div className="start-cards">
        <button type="button" data-tone="Triggers" onClick={() => start('webhook_trigger')}>
          <span className="tile">
            <Webhook aria-hidden />
          </span>
          <strong>Start with a webhook</strong>
          <span className="sub">Another system sends a message to a secret address.</span>
        </button>
        <button type="button" data-tone="Triggers" onClick={() => start('manual_trigger')}>
          <span className="tile">
            <ClipboardList aria-hidden />
          </span>
          <strong>Start with a form</strong>
          <span className="sub">A person fills in a few fields and presses Run.</span>
        </button>
        <button type="button" data-tone="AI" onClick={() => useGraph.getState().change(() => EXAMPLE)}>
          <span className="tile">
            <PackageSearch aria-hidden />
          </span>
          <strong>Start from an example</strong>
          <span className="sub">“Where is my order?”: decide, look up, answer.</span>
        </button>
      </div>
    </div>
  )
}

const EXAMPLE: Graph = {
  schema: 1,
  settings: {},
  nodes: [
    {
      id: 'start',
      type: 'webhook_trigger',
      version: 1,
      title: 'A message arrives',
      config: { respond: 'when_replied', sample: { message: 'What is the status of my order #12345?' } },
      position: { x: 0, y: 80 },
    },
    {
      id: 'intent',
      type: 'llm_decision',
      version: 1,
      title: 'What do they want?',
      config: {
        model: 'default',
        question: 'What does the customer want?',
        input: '{{ trigger.body.message }}',
        otherwise: 'Anything else',
        choices: [
          {
            id: 'order_status',
            title: 'Order status',
            description: 'Asks where an order is, or when the parcel arrives',
          },
        ],
      },
      position: { x: 312, y: 80 },
    },
    {
      id: 'number',
      type: 'llm_extract',
      version: 1,
      title: 'Find the order number',
      config: {
        model: 'default',
        input: '{{ trigger.body.message }}',
        fields: [{ id: 'order_id', title: 'Order number', kind: 'text' }],
      },
      position: { x: 624, y: 0 },
    },
    {
      id: 'lookup',
      type: 'mcp_tool',
      version: 1,
      title: 'Look up the order',
      config: { server: 'orders', tool: 'get_order', arguments: { order_id: '{{ steps.number.order_id }}' } },
      position: { x: 936, y: 0 },
    },
    {
      id: 'answer',
      type: 'reply',
      version: 1,
      title: 'Tell them',
      config: {
        text: 'Your order is {{ steps.lookup.status_text }}, expected {{ steps.lookup.expected_on }}.',
      },
      position: { x: 1248, y: 0 },
    },
    {
      id: 'sorry',
      type: 'reply',
      version: 1,
      title: 'Something else',
      config: { text: 'I can only tell about orders.' },
      position: { x: 624, y: 240 },
    },
  ],
  edges: [
    { source: 'start', port: 'out', target: 'intent' },
    { source: 'intent', port: 'order_status', target: 'number' },
    { source: 'intent', port: 'otherwise', target: 'sorry' },
    { source: 'number', port: 'out', target: 'lookup' },
    { source: 'lookup', port: 'out', target: 'answer' },
  ],
  notes: [],
}
