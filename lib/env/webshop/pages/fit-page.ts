import type { Product } from '../catalogue/products.ts';
import type { Page } from '../shop/session.ts';

/**
 * A page in at most so many characters: of texts (titles, descriptions, features, values of options) and of lists (values of an option,
 * features, attributes) the middle is left out, with a mark that says how much. Texts are cut to 80 characters first, then lists to 4
 * entries, then texts to 48; what does not fit even so is longer. Everything else stays.
 */
export function fitPage(page: Page, budget: number, render: (page: Page) => string): string {
  const whole = render(page);
  if (whole.length <= budget) return whole;
  const drawn = (cut: Cut) => render(cutPage(page, cut));
  const fits = (cut: Cut) => drawn(cut).length <= budget;
  const most = extent(page);
  const short = (text: number): Cut => ({ text, list: most.list });
  const few = (list: number): Cut => ({ text: modestText, list });
  const tight = (text: number): Cut => ({ text, list: leastList });
  if (fits(short(modestText))) return drawn(short(largest(modestText, most.text, (text) => fits(short(text)))));
  if (fits(few(leastList))) return drawn(few(largest(leastList, most.list, (list) => fits(few(list)))));
  return drawn(tight(largest(leastText, modestText, (text) => fits(tight(text)))));
}

/** Lengths that a text and a list may have. */
interface Cut {
  readonly text: number;
  readonly list: number;
}

const modestText = 80;
const leastText = 48;
const leastList = 4;

/** The largest number from `least` to `most` that fits, `least` if none does: larger ones take more room. */
function largest(least: number, most: number, fits: (value: number) => boolean): number {
  let low = least;
  let high = Math.max(least, most);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The longest text and list of a page. */
function extent(page: Page): Cut {
  const products = productsOf(page);
  const texts = products.flatMap((product) => [...listsOf(product).flat(), product.title, product.description]);
  return {
    text: texts.reduce((most, text) => Math.max(most, text.length), 0),
    list: products.flatMap(listsOf).reduce((most, list) => Math.max(most, list.length), 0),
  };
}

function productsOf(page: Page): readonly Product[] {
  if (page.kind === 'search') return [];
  return page.kind === 'results' ? page.shown : [page.product];
}

function listsOf({ options, bullets, attributes }: Product): (readonly string[])[] {
  return [...options.values(), bullets, attributes];
}

function cutPage(page: Page, cut: Cut): Page {
  if (page.kind === 'search') return page;
  if (page.kind === 'results')
    return { ...page, shown: page.shown.map((product) => ({ ...product, title: cutText(product.title, cut.text) })) };
  return { ...page, product: cutProduct(page.product, cut) };
}

function cutProduct(product: Product, { text, list }: Cut): Product {
  const texts = (values: readonly string[], what: string) => cutList(values, list, what).map((value) => cutText(value, text));
  return {
    ...product,
    title: cutText(product.title, text),
    description: cutText(product.description, text),
    bullets: texts(product.bullets, 'features'),
    attributes: texts(product.attributes, 'attributes'),
    options: new Map(Array.from(product.options, ([name, values]) => [name, texts(values, 'values')])),
  };
}

/** Two thirds from the front, one from the end. */
function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const kept = Math.max(0, limit - mark(text.length, 'characters').length);
  const front = boundary(text, Math.ceil((2 * kept) / 3));
  const back = boundary(text, text.length - (kept - Math.ceil((2 * kept) / 3)));
  return `${text.slice(0, front)}${mark(back - front, 'characters')}${text.slice(back)}`;
}

/** Not between the halves of a surrogate pair. */
function boundary(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff ? at - 1 : at;
}

function cutList(values: readonly string[], limit: number, what: string): readonly string[] {
  if (values.length <= limit) return values;
  const front = Math.ceil((2 * limit) / 3);
  const back = values.length - (limit - front);
  const left = mark(back - front, what).trim();
  const isWorthIt = values.slice(front, back).join(' ').length > left.length;
  return isWorthIt ? [...values.slice(0, front), left, ...values.slice(back)] : values;
}

function mark(count: number, what: string): string {
  return ` …(${count} more ${what})… `;
}
