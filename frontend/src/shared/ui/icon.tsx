/** Icons by the names that node types give; an unknown name shows a plain square. */
import {
  Bot,
  Braces,
  CalendarClock,
  Clock,
  FileText,
  GitFork,
  type LucideIcon,
  MessageSquareText,
  MousePointerClick,
  OctagonX,
  PenLine,
  Plug,
  Radar,
  Repeat2,
  Reply,
  RotateCw,
  ScanText,
  Siren,
  Sparkles,
  Split,
  Square,
  UserCheck,
  Webhook,
  Workflow,
  Wrench,
} from 'lucide-react'

const ICONS: Record<string, LucideIcon> = {
  bot: Bot,
  braces: Braces,
  'calendar-clock': CalendarClock,
  clock: Clock,
  'file-text': FileText,
  'git-fork': GitFork,
  'message-square-text': MessageSquareText,
  'mouse-pointer-click': MousePointerClick,
  'octagon-x': OctagonX,
  'pen-line': PenLine,
  plug: Plug,
  radar: Radar,
  'repeat-2': Repeat2,
  reply: Reply,
  'rotate-cw': RotateCw,
  'scan-text': ScanText,
  siren: Siren,
  sparkles: Sparkles,
  split: Split,
  'user-check': UserCheck,
  webhook: Webhook,
  workflow: Workflow,
  wrench: Wrench,
}

export function Icon({ name }: { name: string | undefined }) {
  const Shown = ICONS[name ?? ''] ?? Square
  return <Shown aria-hidden />
}
