/** The session has ended while the draft has changes: what becomes of them, and the way back in. */
import { LogIn, TriangleAlert } from 'lucide-react'
import { useGraph } from './store/graph'

export function SignedOutBar() {
  const isSignedOut = useGraph(store => store.isSignedOut)
  return isSignedOut ? (
    <div className="run-bar signed-out-bar" role="alert">
      <span className="run-words">
        <TriangleAlert aria-hidden />
        <span>
          <strong>Your session has ended.</strong> Your changes are kept here and saved once you have signed
          in again.
        </span>
      </span>
      <a
        className="btn btn-sm btn-primary"
        href="/sign-in"
        target="_blank"
        rel="noreferrer"
        title="In a new tab"
      >
        <LogIn aria-hidden /> Sign in again
      </a>
    </div>
  ) : null
}
