/** Emits icons.svg: the icons that Django's templates use, taken from the icon library at build time. */
import * as icons from 'lucide-react'
import { createElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import type { Plugin } from 'vite'

const NAMES = [
  'Archive',
  'ArchiveRestore',
  'ArrowLeft',
  'ArrowRight',
  'Ban',
  'Bell',
  'Check',
  'CircleAlert',
  'CircleCheck',
  'CircleDashed',
  'CircleHelp',
  'Clock',
  'ExternalLink',
  'Eye',
  'History',
  'House',
  'Inbox',
  'KeyRound',
  'LoaderCircle',
  'LogOut',
  'Menu',
  'Pause',
  'Pencil',
  'Play',
  'Plug',
  'Plus',
  'RefreshCw',
  'Search',
  'Send',
  'Settings',
  'Sparkles',
  'Stethoscope',
  'SunMoon',
  'Trash2',
  'TriangleAlert',
  'UserRound',
  'Users',
  'Webhook',
  'Workflow',
  'Wrench',
  'X',
] as const

const fileName = (name: string): string =>
  name.replace(/([a-z])([A-Z0-9])/g, '$1-$2').toLowerCase()

export function iconSprite(): Plugin {
  return {
    name: 'icon-sprite',
    generateBundle() {
      const symbols = NAMES.map(name => {
        const drawn = renderToStaticMarkup(createElement(icons[name]))
        const inner = drawn.replace(/^<svg[^>]*>|<\/svg>$/g, '')
        return `<symbol id="${fileName(name)}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${inner}</symbol>`
      })
      const source = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>`
      this.emitFile({ type: 'asset', fileName: 'icons.svg', source })
    },
  }
}
