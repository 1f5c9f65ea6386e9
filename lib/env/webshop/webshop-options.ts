import { AStarPOError } from '../../errors.ts';
import type { JsonObject } from '../../util/json.ts';
import { nameHint } from '../../util/nearest-name.ts';
import { type StyleSettings, styleSettings } from './agent/agent-options.ts';
import type { AgentStyle } from './agent/agent-style.ts';
import { type AgentStyleName, agentStyle } from './agent/styles.ts';
import { describeScoring, resolveScoring, type ScoringOptions, type ScoringRules, scoringOptionNames } from './scoring/scoring-options.ts';
import { type SplitScheme, splitSchemes } from './splits.ts';
import { type SyntheticOptions, syntheticDefaults } from './synthetic.ts';
import { openTitles, type TitleNouns, type TitleTagger } from './titles/title-tagger.ts';

/**
 * How pages are told. The original's modes: `full` is its text mode, `rich` its text_rich with buttons marked, `url` its addresses; `html` has
 * the ids and classes that its code relies on. `compact`: the same pages in few words, for small models.
 */
export const layouts = ['full', 'rich', 'html', 'url', 'compact'] as const;
export type Layout = (typeof layouts)[number];

export interface WebShopOptions extends ScoringOptions, StyleSettings {
  /**
   * Folder of a real catalogue: `items_shuffle_1000.json` and `items_ins_v2_1000.json`, with `humanGoals` also `items_human_ins.json`; or of
   * an imported one. Or the JSON file of a mini-shop, products and tasks (docs/mini-shop.md). Without it the shop is synthetic.
   */
  readonly data?: string;
  /** Changes to the synthetic shop; not together with `data`. */
  readonly synthetic?: Partial<SyntheticOptions>;
  /** Only rendering differs between layouts: tasks, actions, transitions and rewards are the same. Default `full` with a folder, else `compact`. */
  readonly layout?: Layout;
  /** Goals from people's instructions instead of generated ones; needs a folder. Default false. */
  readonly humanGoals?: boolean;
  /** Keep only the first so many products of the file; needs a folder. */
  readonly productCount?: number;
  /** Seed of the draws that fix range prices and price bounds; WebShop leaves it to chance. Needs `data`. Default 42. */
  readonly priceSeed?: number;
  /** How the goals of a real catalogue are divided; needs a folder. Default `paper`. */
  readonly splits?: SplitScheme;
  /** Who names the nouns of titles for the reward. Default `wink` with a folder, else `rule`. */
  readonly titles?: TitleTagger;
  /** How the model is spoken to and understood. Default `plain`: pages are messages, the model's text is the action; with the file of a mini-shop `numbered`. */
  readonly style?: AgentStyleName | AgentStyle;
  /**
   * Actions of an episode at most; then it ends without a purchase. Default: what the style says, else the convention, else no limit. Where the style limits
   * turns, too, and to fewer, as many turns as actions are allowed.
   */
  readonly maxActions?: number;
  /**
   * Characters of a page at most: long titles, descriptions and lists of options are cut in the middle, with a mark that says how much is
   * missing. Instruction, buttons and valid actions stay whole, so a page may still be longer. Not for the layouts html and url. Default: no limit.
   */
  readonly pageBudget?: number;
  /** Offer the `attributes` page of a product. Default false. */
  readonly showAttributes?: boolean;
  /**
   * Threads that search, so that a long search holds up nothing else; 0 searches on the JavaScript thread. What is found is the same. Default
   * 0 for fewer than ten million postings (some 100,000 products), else all cores but one, at least one.
   */
  readonly searchThreads?: number;
}

/** What the option `data` names. */
export type DataKind = 'none' | 'folder' | 'file';

export interface ResolvedOptions {
  readonly data: string | undefined;
  readonly dataKind: DataKind;
  readonly synthetic: SyntheticOptions;
  readonly layout: Layout;
  readonly humanGoals: boolean;
  readonly productCount: number | undefined;
  readonly priceSeed: number;
  readonly splits: SplitScheme;
  /** Named as in the environment's config. */
  readonly titles: TitleNouns;
  readonly style: AgentStyle;
  /** Infinite for no limit. */
  readonly maxActions: number;
  /** Infinite for no limit. */
  readonly pageBudget: number;
  /** Agent turns of an episode at most, those without an action included. Infinite for no limit. */
  readonly maxTurns: number;
  readonly scoring: ScoringRules;
  readonly showAttributes: boolean;
  /** Undefined leaves it to the size of the index. */
  readonly searchThreads: number | undefined;
}

/** Each thread takes some megabytes of its own. */
const mostSearchThreads = 256;

const known = [
  ...['data', 'synthetic', 'layout', 'humanGoals', 'productCount', 'priceSeed', 'splits', 'titles', 'showAttributes', 'searchThreads'],
  ...['style', 'maxActions', 'pageBudget', ...styleSettings, ...scoringOptionNames],
];
const onlyWithData = ['humanGoals', 'productCount', 'priceSeed', 'splits'] as const;
const onlyWithFolder = ['humanGoals', 'productCount', 'splits'] as const;

/** Checked, with all defaults filled in. Errors: `ASTARPO_UNKNOWN_OPTION`, `ASTARPO_OPTION`. */
export function resolveOptions(
  options: WebShopOptions,
  dataKind: DataKind = options.data === undefined ? 'none' : 'folder',
): ResolvedOptions {
  refuseUnknown(options, known, '');
  const { data, synthetic = {} } = options;
  refuseUnknown(synthetic, Object.keys(syntheticDefaults), 'synthetic.');
  if (data !== undefined && options.synthetic !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', 'expected one of data and synthetic, got both');
  }
  for (const name of onlyWithData) {
    if (data === undefined && options[name] !== undefined) {
      throw new AStarPOError('ASTARPO_OPTION', `expected data beside ${name}, got none`, { hint: 'name the folder of a real catalogue' });
    }
  }
  for (const name of onlyWithFolder) {
    if (dataKind === 'file' && options[name] !== undefined && options[name] !== false) {
      throw new AStarPOError('ASTARPO_OPTION', `expected a folder as data beside ${name}, got the file ${data}`, {
        hint: 'the file of a mini-shop lists its goals and says which split each belongs to',
      });
    }
  }
  const scoring = resolveScoring(options);
  const style = agentStyle(options.style ?? (dataKind === 'file' ? 'numbered' : 'plain'), options);
  const {
    layout = style.layout ?? (dataKind === 'folder' ? 'full' : 'compact'),
    maxActions = style.maxActions ?? scoring.convention.maxActions ?? Number.POSITIVE_INFINITY,
    humanGoals = false,
    priceSeed = 42,
    showAttributes = false,
    splits = 'paper',
  } = options;
  const { titles = dataKind === 'folder' ? 'wink' : 'rule' } = options;
  check(data === undefined || (typeof data === 'string' && data !== ''), 'data to be the path of a folder or file', data);
  checkName('layout', layout, layouts);
  checkName('splits', splits, splitSchemes);
  check(
    maxActions === Number.POSITIVE_INFINITY || (Number.isInteger(maxActions) && maxActions >= 1),
    'maxActions to be an integer of at least 1',
    maxActions,
  );
  const { pageBudget = Number.POSITIVE_INFINITY } = options;
  check(
    pageBudget === Number.POSITIVE_INFINITY || (Number.isInteger(pageBudget) && pageBudget >= 1),
    'pageBudget to be an integer of at least 1',
    pageBudget,
  );
  check(
    pageBudget === Number.POSITIVE_INFINITY || (layout !== 'html' && layout !== 'url'),
    'layout full, rich or compact beside pageBudget',
    layout,
  );
  check(
    pageBudget === Number.POSITIVE_INFINITY || style.ownPages !== true,
    'a style that tells pages in a layout beside pageBudget',
    style.name,
  );
  check(typeof humanGoals === 'boolean', 'humanGoals to be true or false', humanGoals);
  check(typeof showAttributes === 'boolean', 'showAttributes to be true or false', showAttributes);
  const { searchThreads } = options;
  check(
    searchThreads === undefined || (Number.isInteger(searchThreads) && searchThreads >= 0 && searchThreads <= mostSearchThreads),
    `searchThreads to be an integer from 0 to ${mostSearchThreads}`,
    searchThreads,
  );
  check(Number.isSafeInteger(priceSeed) && priceSeed >= 0, 'priceSeed to be an integer of at least 0', priceSeed);
  const { productCount } = options;
  check(
    productCount === undefined || (Number.isInteger(productCount) && productCount >= 1),
    'productCount to be an integer of at least 1',
    productCount,
  );
  return {
    data,
    dataKind,
    synthetic: { ...syntheticDefaults, ...synthetic },
    layout,
    humanGoals,
    productCount,
    priceSeed,
    splits,
    titles: openTitles(titles),
    style,
    maxActions,
    pageBudget,
    maxTurns: style.maxTurns === undefined ? Number.POSITIVE_INFINITY : Math.max(style.maxTurns, options.maxActions ?? 0),
    scoring,
    showAttributes,
    searchThreads,
  };
}

/** What of the options changes behaviour, apart from the catalogue: for the environment's config. */
export function describeOptions({
  layout,
  showAttributes,
  titles,
  style,
  maxActions,
  maxTurns,
  pageBudget,
  scoring,
}: ResolvedOptions): JsonObject {
  return {
    layout,
    showAttributes,
    titles: titles.name,
    style: { name: style.name, ...style.config },
    ...(maxActions === Number.POSITIVE_INFINITY ? {} : { maxActions }),
    ...(maxTurns === Number.POSITIVE_INFINITY ? {} : { maxTurns }),
    ...(pageBudget === Number.POSITIVE_INFINITY ? {} : { pageBudget }),
    ...describeScoring(scoring),
  };
}

function checkName(option: string, value: string, names: readonly string[]): void {
  if (names.includes(value)) return;
  throw new AStarPOError('ASTARPO_OPTION', `expected ${option} to be one of ${names.join(', ')}, got ${JSON.stringify(value)}`, {
    hint: nameHint(String(value), names),
  });
}

function check(holds: boolean, expected: string, value: unknown): void {
  if (!holds) throw new AStarPOError('ASTARPO_OPTION', `expected ${expected}, got ${JSON.stringify(value)}`);
}

function refuseUnknown(options: object, names: readonly string[], prefix: string): void {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    throw new AStarPOError('ASTARPO_UNKNOWN_OPTION', `expected an option of WebShopEnv, got ${prefix}${name}`, {
      hint: nameHint(name, names),
    });
  }
}
