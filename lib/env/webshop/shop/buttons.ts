/** Pages about a product beside its own; the last only where the options ask for it. */
export const subPages = ['description', 'features', 'reviews', 'attributes'] as const;
export type SubPage = (typeof subPages)[number];

/** Everything that a page may have a button for, as actions name it: an option with such a value could not be chosen. */
export const buttonNames: ReadonlySet<string> = new Set(['search', 'back to search', '< prev', 'next >', ...subPages, 'buy now']);

/** As pages and URLs write it: `Description`. */
export function subPageTitle(name: SubPage): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}
