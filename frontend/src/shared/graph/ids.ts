/** Ids are made once from the first title; changing a title never changes them. */

const RESERVED = new Set(
  (
    'out error otherwise unsure timed_out gave_up limit_reached true false null in has coalesce size all ' +
    'exists filter map trigger steps errors run workspace vars item index __proto__ constructor prototype'
  ).split(' '),
)

export function slugId(title: string, fallback: string): string {
  const plain = title
    .normalize('NFKD')
    .replace(/[^\w\s-]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 40)
    .replace(/_+$/, '')
  return /^[a-z]/.test(plain) ? plain : fallback
}

export function freeId(title: string, taken: Iterable<string>, fallback: string): string {
  const used = new Set(taken)
  const base = slugId(title, fallback)
  if (!used.has(base) && !RESERVED.has(base)) return base
  for (let number = 2; ; number += 1) {
    const id = `${base}_${number}`
    if (!used.has(id) && !RESERVED.has(id)) return id
  }
}
