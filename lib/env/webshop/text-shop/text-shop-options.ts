import { AStarPOError } from '../../../errors.ts';
import { checkInteger, checkOption, type OptionNames, refuseUnknownOptions } from '../../../util/known-options.ts';
import type { Goal } from '../catalogue/goals.ts';
import { PythonRandom } from '../python/python-random.ts';
import { type DataKind, type ResolvedOptions, resolveOptions, type WebShopOptions } from '../webshop-options.ts';

type ShopOptions = Pick<
  WebShopOptions,
  'data' | 'synthetic' | 'layout' | 'humanGoals' | 'productCount' | 'priceSeed' | 'titles' | 'showAttributes'
>;

export interface TextShopOptions extends ShopOptions {
  /** Put before the name of every session. Default none. */
  readonly sessionPrefix?: string;
  /** How many earlier observations, and how many of the last actions, are told with each observation. Default 0. */
  readonly numPrevObs?: number;
  readonly numPrevActions?: number;
  /** Keeps the goals for which it holds; `index` is the place in WebShop's shuffled order. */
  readonly filterGoals?: (index: number, goal: Goal) => boolean;
  /** Keeps so many goals, drawn by weight, in the order in which they were drawn. */
  readonly limitGoals?: number;
  /** One seed for prices, bounds, the order of the goals (in the place of 233) and all that follows, as in verl-agent; needs `data`. */
  readonly seed?: number;
  /** The generator that loading and all draws of sessions go on from, in the place of one seeded with `priceSeed`; needs `data`. */
  readonly random?: PythonRandom;
}

export interface ResolvedTextShopOptions {
  readonly shop: ResolvedOptions;
  readonly random: PythonRandom | undefined;
  readonly sessionPrefix: string;
  readonly numPrevObs: number;
  readonly numPrevActions: number;
  readonly filterGoals: ((index: number, goal: Goal) => boolean) | undefined;
  readonly limitGoals: number | undefined;
}

const known: OptionNames<TextShopOptions> = {
  data: true,
  synthetic: true,
  layout: true,
  humanGoals: true,
  productCount: true,
  priceSeed: true,
  titles: true,
  showAttributes: true,
  sessionPrefix: true,
  numPrevObs: true,
  numPrevActions: true,
  filterGoals: true,
  limitGoals: true,
  seed: true,
  random: true,
};

/** Checked, with all defaults filled in. Errors: `ASTARPO_UNKNOWN_OPTION`, `ASTARPO_OPTION`. */
export function resolveTextShopOptions(options: TextShopOptions, dataKind: DataKind): ResolvedTextShopOptions {
  refuseUnknownOptions('TextShop', options, known);
  const { sessionPrefix = '', numPrevObs = 0, numPrevActions = 0, filterGoals, limitGoals, seed, random, ...shop } = options;
  checkOption(typeof sessionPrefix === 'string', 'sessionPrefix to be text', sessionPrefix);
  checkInteger('numPrevObs', numPrevObs, 0);
  checkInteger('numPrevActions', numPrevActions, 0);
  checkOption(filterGoals === undefined || typeof filterGoals === 'function', 'filterGoals to be a function', filterGoals);
  if (limitGoals !== undefined) checkInteger('limitGoals', limitGoals, 1);
  if (seed !== undefined) checkInteger('seed', seed, 0);
  checkOption(random === undefined || random instanceof PythonRandom, 'random to be a PythonRandom', random);
  const seeds = Object.entries({ seed, random, priceSeed: shop.priceSeed }).filter(([, value]) => value !== undefined);
  const names = seeds.map(([name]) => name);
  if (names.length > 1) throw new AStarPOError('ASTARPO_OPTION', `expected one of seed, priceSeed and random, got ${names.join(' and ')}`);
  if (shop.data === undefined && names.length > 0) {
    throw new AStarPOError('ASTARPO_OPTION', `expected data beside ${names[0]}, got none`, {
      hint: 'name the folder of a real catalogue; the synthetic shop has synthetic.seed',
    });
  }
  return {
    shop: resolveOptions({ layout: 'full', ...shop, ...(seed === undefined ? {} : seeded(seed, dataKind)) }, dataKind),
    random,
    sessionPrefix,
    numPrevObs,
    numPrevActions,
    filterGoals,
    limitGoals,
  };
}

/** The verl-agent splits stand for its order of goals, which is all that a shop without splits has of them; the goals of a file keep theirs. */
function seeded(priceSeed: number, dataKind: DataKind): Partial<WebShopOptions> {
  return dataKind === 'file' ? { priceSeed } : { priceSeed, splits: 'verl-agent' };
}
