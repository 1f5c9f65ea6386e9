import { colorWithin } from './normalize.ts';

const literals = [
  ...['xx-large', '3x-large', '4x-large', '5x-large', 'x-large', 'x-small', 'medium', 'large', 'small', 'queen', 'twin', 'full', 'king'],
  ...['one size', 'pack'],
];
/** Their text is what a size is filed under. */
const expressions = [
  ...['(.*)neck(.*)sleeve', '(.*) women \\| (.*) men', '(.*)w x(.*)l', '(.*)w by (.*)l', '(.*)w x(.*)h', '(.*)wide', '(.*)x-wide'],
  ...['(.*)narrow', '(.*)petite', '(.*)inch', '(.*)plus', '(.*)mm', 'women(.*)', '(.*)x(.*)', '(.*)ft', '(.*)feet', '(.*)meter'],
  ...['(.*)yards', '(.*)\\*(.*)', '(.*)\\-(.*)', '(\\d+)"$', '(\\d+)f$', '(\\d+)m$', '(\\d+)cm$', '(\\d+)g$'],
];

/** The first that is found anywhere in a size names it. */
const patterns = [...literals, ...expressions].map((text) => ({ text, expression: new RegExp(text) }));

/** A purchase's option values, as the keys of the original's price table have them. */
export interface ColorAndSize {
  readonly color: string;
  readonly size: string;
}

/**
 * Colours and sizes of a catalogue, lower-cased, with the class that WebShop's `normalize_color_size` files each under: a colour word, a
 * size or the text of a pattern, `numeric_size` or `not_matched`. The shop itself does not use it.
 */
export function normalizeColorSize(values: Iterable<ColorAndSize>): { colors: Map<string, string>; sizes: Map<string, string> } {
  const colors = new Map([['N.A.', 'not_matched']]);
  const sizes = new Map([['N.A.', 'not_matched']]);
  for (const { color, size } of values) {
    colors.set(color.toLowerCase(), colorWithin(color.toLowerCase()) ?? 'not_matched');
    sizes.set(size.toLowerCase(), sizeClass(size.toLowerCase()));
  }
  return { colors, sizes };
}

function sizeClass(size: string): string {
  const found = patterns.find(({ expression }) => expression.test(size));
  if (found !== undefined) return found.text;
  return /^\d+$/.test(size.replace('.', '')) ? 'numeric_size' : 'not_matched';
}
