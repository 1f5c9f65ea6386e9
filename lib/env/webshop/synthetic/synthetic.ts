import { AStarPOError } from '../../../errors.ts';
import { Rng } from '../../../util/rng.ts';
import { GeneratedGoals, type GoalSource } from '../catalogue/goals.ts';
import { ProductList } from '../catalogue/product-source.ts';
import { listProducts, type RawCatalogue } from '../catalogue/products.ts';
import { PythonRandom } from '../python/python-random.ts';
import { colors, featureGroups, materialGroups, nouns, sizes } from './synthetic-words.ts';

/** A shop of made-up products. All of it follows from these values. */
export interface SyntheticOptions {
  /** Default 0. */
  readonly seed: number;
  /** Kinds of product, 1 to 30. Default 30. */
  readonly categories: number;
  /** Products of each kind, 2 to 120. Default 120. */
  readonly productsPerCategory: number;
  /** Share of the products that only `test` goals ask for. Default 0.2. */
  readonly testShare: number;
  /** Share of the products that only `dev` goals ask for. Default 0.1. */
  readonly devShare: number;
  /**
   * Share of the products with a long description, and again of those whose description repeats their words: search ranks the former
   * lower and the latter higher than their titles deserve, so the best match is not always the first result. Default 0.2, at most 0.5.
   */
  readonly variety: number;
}

export const syntheticDefaults: SyntheticOptions = {
  seed: 0,
  categories: 30,
  productsPerCategory: 120,
  testShare: 0.2,
  devShare: 0.1,
  variety: 0.2,
};

export type Split = 'train' | 'dev' | 'test';

export interface SyntheticShop {
  readonly products: ProductList;
  /** In the order of their task indices. */
  readonly goals: GoalSource;
  /** Which goals ask for a product. */
  readonly splitOf: ReadonlyMap<string, Split>;
  /** What prices and the order of the goals were drawn from, as they left it. */
  readonly random: PythonRandom;
}

interface Draft {
  readonly asin: string;
  readonly feature: string;
  readonly material: string;
  readonly noun: string;
  readonly department: string;
  readonly colors: readonly string[];
  readonly sizes: readonly string[];
  readonly price: number;
  readonly description: string;
}

/**
 * A catalogue that follows WebShop's own rules for products, instructions and rewards. A title is two attribute words and the kind, e.g.
 * `waterproof bamboo kettle`; no two products share both attributes, so only the product that an instruction was made from earns 1.
 * A code is made like a stock-keeping unit's: three letters for the first attribute, three for the second; which syllable stands for which
 * word is drawn for each shop. Products held out for `dev` and `test` are combinations that train goals never ask for, of words (and so
 * of halves of codes) that they do.
 *
 * Errors: `ASTARPO_OPTION` for values outside the ranges of `SyntheticOptions`.
 */
export function makeSyntheticShop(options: SyntheticOptions): SyntheticShop {
  checkOptions(options);
  const random = new Rng(BigInt(options.seed));
  const drafts = draftProducts(options, random);
  const splitOf = holdOut(drafts, options, random);
  const draws = new PythonRandom(options.seed);
  const products = new ProductList(listProducts(rawCatalogue(drafts)), draws);
  const goals = new GeneratedGoals(products, draws);
  goals.shuffle(draws);
  return { products, goals, splitOf, random: draws };
}

function checkOptions(options: SyntheticOptions): void {
  const { seed, categories, productsPerCategory, testShare, devShare, variety } = options;
  const check = (name: string, value: number, low: number, high: number, whole: boolean): void => {
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) return;
    const kind = whole ? 'an integer' : 'a number';
    throw new AStarPOError('ASTARPO_OPTION', `expected synthetic.${name} to be ${kind} from ${low} to ${high}, got ${value}`);
  };
  check('seed', seed, 0, Number.MAX_SAFE_INTEGER, true);
  check('categories', categories, 1, nouns.length, true);
  check('productsPerCategory', productsPerCategory, 2, productsPerGrid, true);
  check('testShare', testShare, 0, 0.5, false);
  check('devShare', devShare, 0, 0.4, false);
  check('variety', variety, 0, 0.5, false);
}

const productsPerGrid = (featureGroups[0]?.length ?? 0) * (materialGroups[0]?.length ?? 0);

function draftProducts(options: SyntheticOptions, random: Rng): Draft[] {
  const halfOf = drawHalves(random);
  return nouns.slice(0, options.categories).flatMap(([noun, department], category) => {
    const features = featureGroups[category % featureGroups.length] ?? [];
    const materials = materialGroups[Math.floor(category / featureGroups.length) % materialGroups.length] ?? [];
    const grid = random.shuffle(features.flatMap((feature) => materials.map((material) => ({ feature, material }))));
    return grid.slice(0, options.productsPerCategory).map(({ feature, material }) => ({
      asin: `${halfOf.get(feature)}${halfOf.get(material)}`,
      feature,
      material,
      noun,
      department,
      colors: some(colors, 2 + random.integer(3), random),
      sizes: some(sizes, 2 + random.integer(3), random),
      price: 5 + random.integer(75),
      description: describe({ feature, material, noun }, random.uniform() / options.variety),
    }));
  });
}

/** `draw` below 1: long and says little; below 2: repeats the words of the title; else short. */
function describe({ feature, material, noun }: Pick<Draft, 'feature' | 'material' | 'noun'>, draw: number): string {
  if (draw < 1) return boilerplate;
  if (draw >= 2) return `The ${noun} to keep.`;
  return `The ${material} ${noun}: a ${noun} of real ${material}, a ${feature} ${noun} that stays ${feature}, the ${noun} to keep.`;
}

/** Holds none of the words that products differ by. */
const boilerplate = [
  'We pack every order by hand on the day it comes in and send it out before noon.',
  'If you change your mind, return it within thirty days, for any reason, and we refund what you paid, postage included.',
  'Our people answer questions every day of the week.',
].join(' ');

/** `count` of the values, in the order of the list. */
function some(values: readonly string[], count: number, random: Rng): string[] {
  const taken = new Set(random.shuffle([...values]).slice(0, count));
  return values.filter((value) => taken.has(value));
}

/** The half of a code that stands for each attribute word: a syllable of three capitals, drawn for each shop. */
function drawHalves(random: Rng): ReadonlyMap<string, string> {
  const consonants = [...'BDFGHKLMNPRSTVWZ'];
  const syllables = consonants.flatMap((first) => [...'AEIOU'].flatMap((vowel) => consonants.map((last) => first + vowel + last)));
  random.shuffle(syllables);
  return new Map([...featureGroups, ...materialGroups].flat().map((word, i) => [word, syllables[i] as string]));
}

/** Takes products out of `train`, as far as all that they are made of stays in at least one other train product. */
function holdOut(drafts: readonly Draft[], options: SyntheticOptions, random: Rng): Map<string, Split> {
  const parts = (draft: Draft): string[] => [
    ...[draft.feature, draft.material, draft.noun, `$${draft.price}`],
    ...draft.colors,
    ...draft.sizes,
  ];
  const inTrain = new Map<string, number>();
  for (const part of drafts.flatMap(parts)) inTrain.set(part, (inTrain.get(part) ?? 0) + 1);
  const wanted = { test: Math.round(drafts.length * options.testShare), dev: Math.round(drafts.length * options.devShare) };
  const splitOf = new Map<string, Split>(drafts.map((draft) => [draft.asin, 'train']));
  for (const draft of random.shuffle([...drafts])) {
    const split = wanted.test > 0 ? 'test' : 'dev';
    if (wanted[split] === 0) break;
    if (parts(draft).some((part) => (inTrain.get(part) ?? 0) < 2)) continue;
    for (const part of parts(draft)) inTrain.set(part, (inTrain.get(part) ?? 0) - 1);
    splitOf.set(draft.asin, split);
    wanted[split]--;
  }
  return splitOf;
}

function rawCatalogue(drafts: readonly Draft[]): RawCatalogue {
  const records = drafts.map(({ asin, feature, material, noun }) => {
    const attributes = [feature, material];
    return [asin, { attributes, instruction: `Find me ${feature}, ${material} ${noun}`, instruction_attributes: attributes }];
  });
  return { products: drafts.map(rawProduct), attributes: Object.fromEntries(records) };
}

function rawProduct(draft: Draft): Record<string, unknown> {
  const { asin, feature, material, noun, department, price } = draft;
  const choices = (values: readonly string[]): { value: string }[] => values.map((value) => ({ value }));
  return {
    asin,
    name: `${feature} ${material} ${noun}`,
    full_description: draft.description,
    pricing: `$${price}.00`,
    product_category: `${department} › ${noun}`,
    small_description: ['Ready to use.'],
    customization_options: { color: choices(draft.colors), size: choices(draft.sizes) },
    category: department,
    query: noun,
  };
}
