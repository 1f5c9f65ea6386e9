import { AStarPOError } from '../../../errors.ts';
import { SmallRng } from '../../../util/small-rng.ts';

/** A product as the original's product file holds it; the fields that the loader reads. */
export interface RawProduct {
  readonly asin: string;
  readonly name: string;
  readonly full_description: string;
  readonly small_description: readonly string[];
  readonly pricing: string;
  readonly images: readonly string[];
  readonly product_category: string;
  readonly category: string;
  readonly query: string;
  readonly customization_options:
    | Readonly<Record<string, readonly { readonly value: string; readonly image: string | null }[] | null>>
    | '';
}

/** A product's entry in the original's attribute file. */
export interface RawAttributes {
  readonly attributes: readonly string[];
  readonly instruction?: string;
  readonly instruction_attributes?: readonly string[];
}

export interface GeneratedRecord {
  readonly product: RawProduct;
  readonly attributes: RawAttributes;
}

/** Products of one query, on average: in the original's full catalogue as well. */
const productsPerQuery = 400;
const categories = ['beauty', 'electronics', 'fashion', 'garden', 'grocery'];
const departments = 40;
const commonWords = 3000;
const topicWords = 60;
const attributeWords = 1200;

/**
 * Made-up products with the shape of WebShop's catalogue: lengths of titles, descriptions, bullets and options, shares of ranges and
 * missing prices, how often terms occur (a few in a third of all products, half of the vocabulary in one), five categories, and an
 * instruction for four products in ten. Record i follows from (seed, i) alone, whatever the size.
 */
export class GeneratedCatalogue {
  readonly count: number;
  readonly seed: number;
  readonly #queries: number;

  /** Throws ASTARPO_OPTION for a count below 1 or above 10⁸. */
  constructor(count: number, seed = 0) {
    if (!Number.isInteger(count) || count < 1 || count > 1e8) {
      throw new AStarPOError('ASTARPO_OPTION', `expected a number of products from 1 to 100,000,000, got ${count}`);
    }
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
      throw new AStarPOError('ASTARPO_OPTION', `expected a seed from 0 to 2^32 - 1, got ${seed}`);
    }
    this.count = count;
    this.seed = seed;
    this.#queries = Math.max(5, Math.round(count / productsPerQuery));
  }

  record(index: number): GeneratedRecord {
    const random = new SmallRng(this.seed, index, 1);
    const topic = new Topic(this.seed, random.integer(this.#queries));
    const description = random.uniform() < 0.36 ? '' : topic.sentence(random, skewed(random, 8, 260));
    const asked = random.uniform() < 0.415;
    const attributes = attributesOf(topic, random, asked ? 2 : 0);
    const wanted = asked ? attributes.slice(0, 2 + random.integer(attributes.length - 1)) : undefined;
    const bullets = random.uniform() < 0.07 ? [''] : times(1 + random.integer(7), () => topic.sentence(random, skewed(random, 3, 60)));
    return {
      product: {
        asin: asinOf(index),
        name: topic.title(random, 8 + random.integer(21), attributes[0]),
        full_description: description,
        small_description: bullets,
        pricing: priceOf(random),
        images: [],
        product_category: topic.path,
        category: topic.category,
        query: topic.query,
        customization_options: optionsOf(topic, random),
      },
      attributes: {
        attributes,
        ...(wanted === undefined ? {} : { instruction: `Find me ${wanted.join(', ')} ${topic.query}`, instruction_attributes: wanted }),
      },
    };
  }

  *records(): Generator<GeneratedRecord> {
    for (let index = 0; index < this.count; index++) yield this.record(index);
  }

  /** Search queries as agents write them: some fifteen words, most of them frequent; query i follows from (seed, i). */
  searchQuery(index: number): string {
    const random = new SmallRng(this.seed, index, 2);
    const topic = new Topic(this.seed, random.integer(this.#queries));
    const words = [topic.query, ...times(5 + random.integer(6), () => topic.word(random)), ...times(2, () => common(random, 0.5))];
    if (random.uniform() < 0.6) words.push('color', random.pick(colors));
    if (random.uniform() < 0.5) words.push('size', random.pick(sizes));
    return words.join(' ');
  }
}

/** What products of one query have in common. */
class Topic {
  readonly query: string;
  readonly category: string;
  readonly path: string;
  readonly #words: readonly string[];

  constructor(seed: number, number: number) {
    const random = new SmallRng(seed, number, 3);
    const department = random.integer(departments);
    this.category = categories[department % categories.length] as string;
    this.#words = times(topicWords, () => wordOf(commonWords + random.integer(40_000)));
    this.query = `${wordOf(commonWords + department)} ${wordOf(commonWords + departments + number)}s`;
    const levels = times(1 + random.integer(4), () => capitalised(wordOf(commonWords + random.integer(2000))));
    this.path = [capitalised(wordOf(commonWords + department)), ...levels, capitalised(this.query)].join(' › ');
  }

  /** Half of them common words, a third the topic's, the rest rare ones: numbers, models, names. */
  word(random: SmallRng): string {
    const kind = random.uniform();
    if (kind < 0.5) return common(random, 1);
    if (kind < 0.84) return this.#words[Math.floor(topicWords * random.uniform() ** 2)] as string;
    return rare(random);
  }

  sentence(random: SmallRng, length: number): string {
    const text = times(length, () => this.word(random)).join(' ');
    return `${capitalised(text)}${random.uniform() < 0.5 ? '.' : ''}`;
  }

  title(random: SmallRng, length: number, attribute: string | undefined): string {
    const words = times(length, () => this.word(random));
    words.splice(random.integer(length), 0, this.query, ...(attribute === undefined ? [] : [attribute]));
    return words.map(capitalised).join(' ');
  }
}

function attributesOf(topic: Topic, random: SmallRng, least: number): string[] {
  const count = least + Math.floor(6 * random.uniform() ** 2);
  return [
    ...new Set(
      times(count, () => (random.uniform() < 0.4 ? wordOf(random.integer(attributeWords)) : `${topic.word(random)} ${common(random, 1)}`)),
    ),
  ];
}

const colors = 'black white blue red green grey pink purple yellow brown beige navy khaki gold silver orange'.split(' ');
const sizes = ['small', 'medium', 'large', 'x-large', 'xx-large', '3x-large', '7', '8.5', '9', '10.5', '12 ounce (pack of 1)', '16" x 16"'];

function optionsOf(topic: Topic, random: SmallRng): RawProduct['customization_options'] {
  const count = [0, 0, 0, 0, 0, 1, 1, 2, 2, 2][random.integer(10)] ?? 0;
  if (count === 0) return '';
  const names = count === 1 ? [random.uniform() < 0.5 ? 'Color' : 'Size'] : ['Color', 'Size'];
  const value = (name: string): string => {
    if (name === 'Size') return random.pick(sizes);
    const color = random.pick(colors);
    if (random.uniform() < 0.6) return color;
    return random.uniform() < 0.5 ? `${color}/${random.pick(colors)}` : `${color} ${topic.word(random)}`;
  };
  return Object.fromEntries(
    names.map((name) => [
      name,
      [...new Set(times(2 + skewed(random, 0, 10), () => value(name)))].map((text) => ({ value: text, image: null })),
    ]),
  );
}

function priceOf(random: SmallRng): string {
  const price = (): string => (1 + 400 * random.uniform() ** 3).toFixed(2);
  const kind = random.uniform();
  if (kind < 0.089) return '';
  return kind < 0.182 ? `$${price()} - $${price()}` : `$${price()}`;
}

/** The id of a generated product: ten characters that sort as the numbers do. */
export function asinOf(index: number): string {
  return `B${index.toString(36).toUpperCase().padStart(9, '0')}`;
}

/** A common word by rank: Zipf's law, flattened at its top; `head` below 1 draws from the more frequent ones. */
function common(random: SmallRng, head: number): string {
  const rank = Math.exp(random.uniform() * Math.log(1 + (head * commonWords) / 8)) * 8 - 8;
  return wordOf(Math.floor(rank));
}

function rare(random: SmallRng): string {
  const kind = random.uniform();
  if (kind < 0.3) return `${random.integer(100)}${random.pick(['', 'oz', 'mm', '.5', 'x', 'pcs'])}`;
  const number = commonWords + Math.floor(Math.exp(random.uniform() * Math.log(3e6)));
  return kind < 0.9 ? wordOf(number) : `${wordOf(random.integer(2000))}-${random.integer(5000)}`;
}

const onsets = 'b c d f g h k l m n p r s t v w ch sh st tr'.split(' ');
const vowels = 'a e i o u'.split(' ');
const wordCache = new Map<number, string>();
const mostCached = 100_000;

/** A word that looks like one; low numbers give short words. */
function wordOf(number: number): string {
  let word = wordCache.get(number);
  if (word !== undefined) return word;
  const syllables = onsets.length * vowels.length;
  word = '';
  for (let rest = number + syllables; rest > 0; rest = Math.floor(rest / syllables)) {
    const syllable = rest % syllables;
    word += `${onsets[Math.floor(syllable / vowels.length)]}${vowels[syllable % vowels.length]}`;
  }
  if (wordCache.size < mostCached) wordCache.set(number, word);
  return word;
}

/** From `least` to `most`, small numbers more often. */
function skewed(random: SmallRng, least: number, most: number): number {
  return least + Math.floor((most - least) * random.uniform() ** 2.2);
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
