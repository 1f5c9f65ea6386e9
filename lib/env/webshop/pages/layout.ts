/**
 * How pages are told. The original's modes: `full` is its text mode, `rich` its text_rich with buttons marked, `url` its addresses; `html` has
 * the ids and classes that its code relies on. `compact`: the same pages in few words, for small models.
 */
export const layouts = ['full', 'rich', 'html', 'url', 'compact'] as const;
export type Layout = (typeof layouts)[number];
