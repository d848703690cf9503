/** One way to call the API: headers of the page, problem-details as errors. */
import { parseJson } from '../shared/exact-json'

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message)
  }
}

let workspace = ''

export function startSession(slug: string): void {
  workspace = slug
}

/** Read anew for each request: whoever signs in again, in whatever tab, has another one. */
const csrfToken = (): string => /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? ''

export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: 'same-origin',
      headers: {
        Accept: 'application/json',
        'X-CSRFToken': csrfToken(),
        'X-Workspace': workspace,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch {
    throw new ApiError(0, 'offline', 'The server cannot be reached. Your changes are kept here.')
  }
  if (response.status === 204) return undefined as T
  const answer: unknown = parsed(await response.text().catch(() => ''))
  if (response.ok) return answer as T
  const problem = (answer ?? {}) as { code?: string; message?: string; details?: Record<string, unknown> }
  throw new ApiError(
    response.status,
    problem.code ?? 'http_error',
    problem.message ?? `The server answered with ${response.status}.`,
    problem.details,
  )
}

function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return null
  }
}

export const get = <T>(path: string) => request<T>('GET', path)
export const post = <T>(path: string, body: unknown = {}) => request<T>('POST', path, body)
export const put = <T>(path: string, body: unknown) => request<T>('PUT', path, body)
export const patch = <T>(path: string, body: unknown) => request<T>('PATCH', path, body)
