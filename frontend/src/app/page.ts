/** The plain pages: style, htmx, and small behaviours that need no framework. */
import './style.css'
import 'htmx.org'

function setTheme(theme: string): void {
  document.documentElement.dataset.theme = theme
  // biome-ignore lint/suspicious/noDocumentCookie: the cookie store is not in every browser we support
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`
}

function currentTheme(): string {
  const chosen = document.documentElement.dataset.theme
  if (chosen) return chosen
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'patchbay-dark' : 'patchbay-light'
}

async function copyText(button: HTMLElement, text: string): Promise<void> {
  await navigator.clipboard.writeText(text)
  const words = button.textContent
  button.textContent = 'Copied'
  setTimeout(() => {
    button.textContent = words
  }, 1500)
}

document.addEventListener('click', event => {
  const target = (event.target as HTMLElement).closest<HTMLElement>('[data-action]')
  if (!target) return
  switch (target.dataset.action) {
    case 'theme':
      setTheme(currentTheme() === 'patchbay-dark' ? 'patchbay-light' : 'patchbay-dark')
      break
    case 'menu': {
      const sidebar = document.querySelector('.sidebar')
      const open = sidebar?.classList.toggle('is-open') ?? false
      target.setAttribute('aria-expanded', String(open))
      break
    }
    case 'copy':
      void copyText(target, target.dataset.text ?? '')
      break
    case 'open-dialog':
      document.querySelector<HTMLDialogElement>(`#${target.dataset.dialog}`)?.showModal()
      break
    case 'close-dialog':
      target.closest('dialog')?.close()
      break
  }
})

document.addEventListener('click', event => {
  const link = (event.target as HTMLElement).closest<HTMLAnchorElement>('a[data-confirm]')
  if (link && !window.confirm(link.dataset.confirm)) event.preventDefault()
})

document.addEventListener('change', event => {
  const target = event.target as HTMLElement
  if (target.matches('[data-submit-on-change]')) target.closest('form')?.requestSubmit()
})

document.addEventListener('submit', event => {
  const form = event.target as HTMLFormElement
  const question = form.dataset.confirm
  if (question && !window.confirm(question)) {
    event.preventDefault()
    return
  }
  const busy = form.querySelector<HTMLButtonElement>('button[data-busy]')
  if (busy) {
    busy.setAttribute('aria-busy', 'true')
    busy.textContent = busy.dataset.busy ?? busy.textContent
  }
})
