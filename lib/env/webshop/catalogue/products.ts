import { AStarPOError } from '../../../errors.ts';
import { pythonFloat, pythonStrip } from '../python/python-text.ts';
import { asinLength } from './product-columns.ts';

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
  readonly paths?: SourcePaths;
}

/** Where the files lie, for messages. */
export interface SourcePaths {
  readonly products: string;
  readonly attributes: string;
  readonly human: string;
}

const unnamed: SourcePaths = { products: 'the product file', attributes: 'the attribute file', human: 'the human instruction file' };

type Fields = Readonly<Record<string, unknown>>;

/**
 * Products in file order, the shop's rules applied: entries without a usable asin and repeated asins are skipped, prices are parsed (none
 * means 100 dollars), option names and values are lower-cased and ` / ` becomes ` | `. `count`: only the first so many entries.
 *
 * Errors: `ASTARPO_DATA` when a file is not of the expected shape.
 */
export function listProducts(raw: RawCatalogue, options: { count?: number | undefined } = {}): ListedProduct[] {
  const { paths = unnamed } = raw;
  const entries = arrayOf(raw.products, paths.products).slice(0, options.count);
  const records = fieldsOf(raw.attributes, paths.attributes);
  const human = raw.human === undefined ? {} : fieldsOf(raw.human, paths.human);
  const seen = new Set<string>();
  const products: ListedProduct[] = [];
  entries.forEach((entry, index) => {
    const where = `product ${index} of ${paths.products}`;
    const asin = asinOf(entry, where);
    if (!isUsable(asin) || seen.has(asin)) return;
    seen.add(asin);
    products.push(listProduct({ product: entry, attributes: own(records, asin), human: own(human, asin) }, where, paths));
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
  return asin !== 'nan' && asin.length <= asinLength && !asin.includes('\0');
}

export function asinOf(entry: unknown, where: string): string {
  return textOf(fieldsOf(entry, where), 'asin', where);
}

/** One product, the shop's rules applied. `position`: of its entry, for messages. Errors: `ASTARPO_DATA`. */
export function listProduct(
  entry: RawEntry,
  position: string,
  { attributes, human }: Omit<SourcePaths, 'products'> = unnamed,
): ListedProduct {
  const fields = fieldsOf(entry.product, position);
  const asin = textOf(fields, 'asin', position);
  const where = `${asin}, ${position}`;
  const priceRange = priceRangeOf(fields, where);
  const bullets = fields.small_description;
  return {
    asin,
    title: textOf(fields, 'name', where),
    description: textOf(fields, 'full_description', where),
    bullets: Array.isArray(bullets) ? textsOf(bullets, `"small_description" of ${where}`) : [textOf(fields, 'small_description', where)],
    category: textOf(fields, 'category', where),
    productCategory: textOf(fields, 'product_category', where),
    query: pythonStrip(textOf(fields, 'query', where).toLowerCase()),
    options: optionsOf(fields, where),
    priceText: priceText(priceRange),
    priceRange,
    ...attributesOf(entry.attributes, `${asin} in ${attributes}`),
    ...humanInstructionsOf(entry.human, `${asin} in ${human}`),
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
  const { pricing } = fields;
  if (pricing === undefined || pricing === null || pricing === '') return [100];
  const pieces = textOf(fields, 'pricing', where).split('$').slice(1);
  const prices = pieces.map((piece) => Number(piece.replace(/[^\d.]/gu, '') || Number.NaN));
  if (prices.length === 0 || !prices.every(Number.isFinite)) {
    const got = JSON.stringify(pricing);
    throw wrong(
      `expected a price such as "$19.99" or "$10 to $20" as "pricing" of ${where}, got ${got.length > 60 ? `${got.slice(0, 59)}…` : got}`,
    );
  }
  const [low = 100, high] = prices;
  return high === undefined ? [low] : [low, high];
}

function optionsOf(fields: Fields, where: string): Map<string, readonly string[]> {
  const options = new Map<string, readonly string[]>();
  const raw = fields.customization_options;
  if (!raw) return options;
  for (const [name, contents] of raw instanceof Map ? raw : Object.entries(fieldsOf(raw, `"customization_options" of ${where}`))) {
    if (contents === null) continue;
    const option = `option ${JSON.stringify(name)} of ${where}`;
    const values = arrayOf(contents, option).map((content) => optionValue(textOf(fieldsOf(content, option), 'value', option)));
    options.set(name.toLowerCase(), values);
  }
  return options;
}

function attributesOf(attributes: unknown, where: string): Pick<Product, 'attributes' | 'instruction'> {
  if (attributes === undefined) return { attributes: ['DUMMY_ATTR'] };
  const record = fieldsOf(attributes, `the attribute record of ${where}`);
  const own = record.attributes === undefined ? ['DUMMY_ATTR'] : textsOf(record.attributes, `"attributes" of ${where}`);
  if (record.instruction === undefined || record.instruction === null) return { attributes: own };
  const text = textOf(record, 'instruction', where);
  const wanted = textsOf(record.instruction_attributes, `"instruction_attributes" of ${where}`);
  // A reward is a share of them.
  if (wanted.length === 0) throw wrong(`expected at least one text in "instruction_attributes" of ${where}, got none`);
  return { attributes: own, instruction: { text, attributes: wanted } };
}

function humanInstructionsOf(human: unknown, product: string): Pick<Product, 'humanInstructions'> {
  if (human === undefined) return {};
  const where = `the human instructions of ${product}`;
  const records = arrayOf(human, where).map((entry) => {
    const fields = fieldsOf(entry, where);
    return {
      instruction: textOf(fields, 'instruction', where),
      attributes: textsOf(fields.instruction_attributes, `"instruction_attributes" of ${where}`),
      options: textsOf(fields.instruction_options, `"instruction_options" of ${where}`),
    };
  });
  return { humanInstructions: records };
}

function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(`expected an object as ${where}, got ${kindOf(value)}`);
  return value as Fields;
}

/** A name of a product may be one that all objects have. */
function own(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function arrayOf(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(`expected an array as ${where}, got ${kindOf(value)}`);
  return value;
}

function textOf(fields: Fields, name: string, where: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw wrong(`expected text as "${name}" of ${where}, got ${kindOf(value)}`);
  return value;
}

function textsOf(value: unknown, where: string): string[] {
  return arrayOf(value, where).map((text) => {
    if (typeof text !== 'string') throw wrong(`expected texts as ${where}, got ${kindOf(text)}`);
    return text;
  });
}

function wrong(message: string): AStarPOError {
  return new AStarPOError('ASTARPO_DATA', message, { hint: 'correct the entry or take it out, or fetch the original file again' });
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value;
}
