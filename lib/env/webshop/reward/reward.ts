import { type Goal, type GoalOptions, optionCount } from '../catalogue/goals.ts';
import type { Product } from '../catalogue/products.ts';
import { pythonPair, pythonStrip } from '../python/python-text.ts';
import { titleScore } from '../titles/title-score.ts';
import { colorOfPair, normalizeColor } from './normalize.ts';
import { tokenSetRatio } from './token-set-ratio.ts';

/** How well a purchase serves a goal, and the parts that say why. */
export interface Score {
  /** typeFactor · (matched attributes + matched options + price) / (attributes + options + 1), in [0, 1]. */
  readonly reward: number;
  readonly typeFactor: number;
  /** Share of the goal's attributes that matched; 1 when it asks for none. */
  readonly attributes: number;
  /** Undefined when the goal asks for no option. */
  readonly options: number | undefined;
  readonly price: boolean;
  readonly queryMatch: boolean;
  readonly categoryMatch: boolean;
  readonly titleScore: number;
}

/** Names the nouns of a product title, in order, repeats kept. */
export type NounTagger = (title: string) => readonly string[];

type Kind = Pick<Product, 'title' | 'query' | 'productCategory'>;
type Described = Kind & Pick<Product, 'attributes' | 'bullets' | 'description'>;

/**
 * WebShop's reward (Yao et al. 2022) for buying `product` at `price` dollars with the option values `chosen`. `nouns` stands for the
 * original's tagger; see `TitleTagger`.
 */
export function scorePurchase(product: Described, goal: Goal, price: number, chosen: readonly string[], nouns: NounTagger): Score {
  const type = typeFactor(product, goal, nouns);
  const attributes = matchedAttributes(product, goal.attributes);
  const options = matchedOptions(chosen, goal.options);
  const wanted = goal.attributes.length + optionCount(goal.options) + 1;
  const withinPrice = price <= goal.priceUpper;
  return {
    ...type,
    reward: type.typeFactor * ((attributes + options + (withinPrice ? 1 : 0)) / wanted),
    attributes: goal.attributes.length === 0 ? 1 : attributes / goal.attributes.length,
    options: optionCount(goal.options) === 0 ? undefined : options / optionCount(goal.options),
    price: withinPrice,
  };
}

/** From here on two texts count as the same. */
const alike = 85;

function typeFactor(
  product: Kind,
  goal: Kind,
  nouns: NounTagger,
): Pick<Score, 'typeFactor' | 'queryMatch' | 'categoryMatch' | 'titleScore'> {
  const queryMatch = product.query === goal.query;
  const categoryMatch = sharesCategory(product, goal);
  const score = titleScore(nouns(product.title), nouns(goal.title));
  let factor = queryMatch || categoryMatch || score > 0.2 ? 1 : 0.5;
  if (score < 0.1) factor = 0.1;
  if (score === 0) factor = 0;
  return { typeFactor: factor, queryMatch, categoryMatch, titleScore: score };
}

/** Whether a product is found by the goal's query or shares two levels of its category: two of the three ways to be of the right type. */
export function ofSameKind(product: Kind, goal: Kind): boolean {
  return product.query === goal.query || sharesCategory(product, goal);
}

function sharesCategory(product: Kind, goal: Kind): boolean {
  const levels = categoryLevels(goal.productCategory);
  return [...categoryLevels(product.productCategory)].filter((level) => levels.has(level)).length >= 2;
}

function categoryLevels(productCategory: string): Set<string> {
  return new Set(productCategory.split('›').map(pythonStrip));
}

function matchedAttributes(product: Described, wanted: readonly string[]): number {
  const texts = [product.title, product.bullets.join(' '), product.description].map((text) => text.toLowerCase());
  const matches = (attribute: string): boolean =>
    product.attributes.some((own) => tokenSetRatio(own, attribute) > alike) || texts.some((text) => text.includes(attribute));
  return wanted.filter(matches).length;
}

/**
 * How many of the wanted options the chosen values answer. Names are not compared with each other: a named option is the text of its pair,
 * so that `large` answers `size: x-large`. One chosen value may answer several wanted options.
 */
export function matchedOptions(chosen: readonly string[], wanted: GoalOptions): number {
  const own = chosen.map(normalizeColor);
  const texts =
    'named' in wanted
      ? Array.from(wanted.named, ([name, value]) => colorOfPair(name, value) ?? pythonPair(name, value))
      : wanted.values.map(normalizeColor);
  return texts.filter((text) => own.some((value) => tokenSetRatio(value, text) > alike)).length;
}
