import { AStarPOError } from '../../../errors.ts';
import { pythonFloat, pythonStrip } from '../python-text.ts';

/** A product as the shop sells it; see `listProducts` for where each field comes from. */
export interface Product {
  readonly asin: string;
  readonly title: string;
  readonly description: string;
  readonly bullets: readonly string[];
  readonly category: string;
  /** Levels separated by ` › `. */
  readonly productCategory: string;
  /** The query that this kind of product is found by; products that share it are of the same kind. */
  readonly query: string;
  readonly attributes: readonly string[];
  /** Option name to its values, in page order. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  /** What pages show, e.g. `$19.99` or `$9.5 to $20.0`. */
  readonly priceText: string;
  /** What a purchase costs, in dollars: inside the shown range, fixed while the shop lives. */
  readonly price: number;
  /** The generated instruction (without options and price) and the attributes that it asks for, where the product has them. */
  readonly instruction?: { readonly text: string; readonly attributes: readonly string[] };
  readonly humanInstructions?: readonly HumanInstruction[];
}

/** A product before a shop has drawn what it costs. */
export interface ListedProduct extends Omit<Product, 'price'> {
  /** One price, or the ends of a range, in dollars. */
  readonly priceRange: readonly [low: number, high?: number];
}

export interface HumanInstruction {
  readonly instruction: string;
  readonly attributes: readonly string[];
  /** Option values, without their names. */
  readonly options: readonly string[];
}

/** The three files of a WebShop catalogue, parsed but not yet checked. */
export interface RawCatalogue {
  readonly products: unknown;
  readonly attributes: unknown;
  readonly human?: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Products in file order, the shop's rules applied: entries without a usable asin and repeated asins are skipped, prices are parsed (none
 * means 100 dollars), option names and values are lower-cased and ` / ` becomes ` | `. `count`: only the first so many entries.
 *
 * Errors: `ASTARPO_DATA` when a file is not of the expected shape.
 */
export function listProducts(raw: RawCatalogue, options: { count?: number | undefined } = {}): ListedProduct[] {
  const entries = arrayOf(raw.products, 'the product file').slice(0, options.count);
  const records = fieldsOf(raw.attributes, 'the attribute file');
  const human = raw.human === undefined ? undefined : fieldsOf(raw.human, 'the human instruction file');
  const seen = new Set<string>();
  const products: ListedProduct[] = [];
  entries.forEach((entry, index) => {
    const where = `product ${index}`;
    const asin = asinOf(entry, where);
    if (!isUsable(asin) || seen.has(asin)) return;
    seen.add(asin);
    products.push(listProduct({ product: entry, attributes: records[asin], human: human?.[asin] }, where));
  });
  return products;
}

/** What the files say of one product; `attributes` and `human` are undefined where they do not name it. */
export interface RawEntry {
  readonly product: unknown;
  readonly attributes: unknown;
  readonly human?: unknown;
}

/** Entries with other ids are skipped. */
export function isUsable(asin: string): boolean {
  return asin !== 'nan' && asin.length <= 10;
}

export function asinOf(entry: unknown, where: string): string {
  return textOf(fieldsOf(entry, where), 'asin', where);
}

/** One product, the shop's rules applied. Errors: `ASTARPO_DATA`. */
export function listProduct(entry: RawEntry, where: string): ListedProduct {
  const fields = fieldsOf(entry.product, where);
  const asin = textOf(fields, 'asin', where);
  const priceRange = priceRangeOf(fields, where);
  const record = entry.attributes === undefined ? undefined : fieldsOf(entry.attributes, `the attribute record of ${asin}`);
  const bullets = fields.small_description;
  return {
    asin,
    title: textOf(fields, 'name', where),
    description: textOf(fields, 'full_description', where),
    bullets: Array.isArray(bullets) ? bullets.map(String) : [textOf(fields, 'small_description', where)],
    category: textOf(fields, 'category', where),
    productCategory: textOf(fields, 'product_category', where),
    query: pythonStrip(textOf(fields, 'query', where).toLowerCase()),
    attributes: record?.attributes === undefined ? ['DUMMY_ATTR'] : textsOf(record.attributes, `the attributes of ${asin}`),
    options: optionsOf(fields, where),
    priceText: priceText(priceRange),
    priceRange,
    ...instructionOf(record, asin),
    ...humanInstructionsOf(entry.human, asin),
  };
}

/** The text of a product that search looks in: title, description, first bullet and options, nothing else. */
export function searchableText(product: Pick<Product, 'title' | 'description' | 'bullets' | 'options'>): string {
  const options = Array.from(product.options, ([name, values]) => `${name}: ${values.join(', ')}`).join(', and ');
  return `${product.title} ${product.description} ${product.bullets[0] ?? ''} ${options}`.toLowerCase();
}

/** The value of an option as pages show it and clicks name it. */
export function optionValue(text: string): string {
  return pythonStrip(text).replaceAll('/', ' | ').toLowerCase();
}

/** What pages show of a price. */
export function priceText([low, high]: ListedProduct['priceRange']): string {
  return high === undefined ? `$${pythonFloat(low)}` : `$${pythonFloat(low)} to $${pythonFloat(high)}`;
}

function priceRangeOf(fields: Fields, where: string): readonly [low: number, high?: number] {
  const pricing = fields.pricing;
  if (pricing === undefined || pricing === null || pricing === '') return [100];
  const pieces = textOf(fields, 'pricing', where).split('$').slice(1);
  const prices = pieces.map((piece) => Number(piece.replace(/[^\d.]/gu, '') || Number.NaN));
  if (prices.length === 0 || prices.some((price) => Number.isNaN(price))) {
    throw new AStarPOError('ASTARPO_DATA', `expected prices such as "$19.99" in ${where}, got ${JSON.stringify(pricing)}`);
  }
  const [low = 100, high] = prices;
  return high === undefined ? [low] : [low, high];
}

function optionsOf(fields: Fields, where: string): Map<string, readonly string[]> {
  const options = new Map<string, readonly string[]>();
  if (!fields.customization_options) return options;
  for (const [name, contents] of Object.entries(fieldsOf(fields.customization_options, `the options of ${where}`))) {
    if (contents === null) continue;
    const values = arrayOf(contents, `option ${name} of ${where}`).map((content) => {
      const value = textOf(fieldsOf(content, `option ${name} of ${where}`), 'value', where);
      return optionValue(value);
    });
    options.set(name.toLowerCase(), values);
  }
  return options;
}

function instructionOf(record: Fields | undefined, asin: string): Pick<Product, 'instruction'> {
  const text = record?.instruction;
  if (text === undefined || text === null) return {};
  if (typeof text !== 'string') throw new AStarPOError('ASTARPO_DATA', `expected text as the instruction of ${asin}, got ${typeof text}`);
  return { instruction: { text, attributes: textsOf(record?.instruction_attributes, `the instruction attributes of ${asin}`) } };
}

function humanInstructionsOf(human: unknown, asin: string): Pick<Product, 'humanInstructions'> {
  if (human === undefined) return {};
  const where = `the human instructions of ${asin}`;
  const records = arrayOf(human, where).map((entry) => {
    const fields = fieldsOf(entry, where);
    return {
      instruction: textOf(fields, 'instruction', where),
      attributes: textsOf(fields.instruction_attributes, where),
      options: textsOf(fields.instruction_options, where),
    };
  });
  return { humanInstructions: records };
}

function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AStarPOError('ASTARPO_DATA', `expected an object as ${where}, got ${kindOf(value)}`);
  }
  return value as Fields;
}

function arrayOf(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new AStarPOError('ASTARPO_DATA', `expected an array as ${where}, got ${kindOf(value)}`);
  return value;
}

function textOf(fields: Fields, name: string, where: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new AStarPOError('ASTARPO_DATA', `expected text as "${name}" of ${where}, got ${kindOf(value)}`);
  return value;
}

function textsOf(value: unknown, where: string): string[] {
  return arrayOf(value, where).map((text) => {
    if (typeof text !== 'string') throw new AStarPOError('ASTARPO_DATA', `expected texts as ${where}, got ${kindOf(text)}`);
    return text;
  });
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : typeof value;
}
