import { AStarPOError } from '../../errors.ts';
import type { JsonObject } from '../../util/json.ts';
import { checkChoice, checkInteger, checkOption, type OptionNames, refuseUnknownOptions } from '../../util/known-options.ts';
import type { StyleSettings } from './agent/agent-options.ts';
import type { AgentStyle } from './agent/agent-style.ts';
import { type AgentStyleName, agentStyle } from './agent/styles.ts';
import { type Layout, layouts } from './pages/layout.ts';
import { describeScoring, resolveScoring, type ScoringOptions, type ScoringRules } from './scoring/scoring-options.ts';
import { type SplitScheme, splitSchemes } from './shop/splits.ts';
import { type SyntheticOptions, syntheticDefaults } from './synthetic/synthetic.ts';
import { openTitles, type TitleNouns, type TitleTagger } from './titles/title-tagger.ts';

export interface WebShopOptions extends ScoringOptions, StyleSettings {
  /**
   * Folder of a real catalogue: `items_shuffle_1000.json` and `items_ins_v2_1000.json`, with `humanGoals` also `items_human_ins.json`; or
   * of an imported one. Or the JSON file of a mini-shop, products and tasks (docs/mini-shop.md). Without it the shop is synthetic.
   */
  readonly data?: string;
  /** Changes to the synthetic shop; not together with `data`. */
  readonly synthetic?: Partial<SyntheticOptions>;
  /**
   * Only rendering differs between layouts: tasks, actions, transitions and rewards are the same. Default `full` with a folder, else
   * `compact`.
   */
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
  /**
   * How the model is spoken to and understood. Default `plain`: pages are messages, the model's text is the action; with the file of a
   * mini-shop `numbered`.
   */
  readonly style?: AgentStyleName | AgentStyle;
  /**
   * Actions of an episode at most; then it ends without a purchase. Default: what the style says, else the convention, else no limit. Where
   * the style limits turns, too, and to fewer, as many turns as actions are allowed.
   */
  readonly maxActions?: number;
  /**
   * Characters of a page at most: long titles, descriptions and lists of options are cut in the middle, with a mark that says how much is
   * missing. Instruction, buttons and valid actions stay whole, so a page may still be longer. Not for the layouts html and url. Default:
   * no limit.
   */
  readonly pageBudget?: number;
  /** Offer the `attributes` page of a product. Default false. */
  readonly showAttributes?: boolean;
  /**
   * Threads that search, so that a long search holds up nothing else; 0 searches on the JavaScript thread. What is found is the same.
   * Default 0 for fewer than ten million postings (some 100,000 products), else all cores but one, at least one.
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

const known: OptionNames<WebShopOptions> = {
  ...{ data: true, synthetic: true, layout: true, humanGoals: true, productCount: true, priceSeed: true, splits: true, titles: true },
  ...{ style: true, maxActions: true, pageBudget: true, showAttributes: true, searchThreads: true },
  ...{ history: true, promptLimit: true, actionsPerTurn: true, callFormat: true },
  ...{ scoring: true, successAt: true, penalty: true, penaltyFor: true, shaping: true, signals: true },
};

/** Checked, with all defaults filled in. Errors: `ASTARPO_UNKNOWN_OPTION`, `ASTARPO_OPTION`. */
export function resolveOptions(
  options: WebShopOptions,
  dataKind: DataKind = options.data === undefined ? 'none' : 'folder',
): ResolvedOptions {
  refuseUnknownOptions('WebShopEnv', options, known);
  refuseUnknownOptions('synthetic', options.synthetic ?? {}, { ...syntheticDefaults });
  checkData(options, dataKind);
  const scoring = resolveScoring(options);
  const style = agentStyle(options.style ?? (dataKind === 'file' ? 'numbered' : 'plain'), options);
  const {
    layout = style.layout ?? (dataKind === 'folder' ? 'full' : 'compact'),
    maxActions = style.maxActions ?? scoring.convention.maxActions ?? Number.POSITIVE_INFINITY,
    pageBudget = Number.POSITIVE_INFINITY,
    humanGoals = false,
    priceSeed = 42,
    showAttributes = false,
    splits = 'paper',
    titles = dataKind === 'folder' ? 'wink' : 'rule',
    data,
    productCount,
    searchThreads,
  } = options;
  checkChoice('layout', layout, layouts);
  checkChoice('splits', splits, splitSchemes);
  checkLimit('maxActions', maxActions);
  checkLimit('pageBudget', pageBudget);
  if (productCount !== undefined) checkInteger('productCount', productCount, 1);
  checkInteger('priceSeed', priceSeed, 0);
  if (searchThreads !== undefined) checkInteger('searchThreads', searchThreads, 0, mostSearchThreads);
  checkOption(typeof humanGoals === 'boolean', 'humanGoals to be true or false', humanGoals);
  checkOption(typeof showAttributes === 'boolean', 'showAttributes to be true or false', showAttributes);
  if (pageBudget !== Number.POSITIVE_INFINITY) {
    checkOption(layout !== 'html' && layout !== 'url', 'layout full, rich or compact beside pageBudget', layout);
    checkOption(style.ownPages !== true, 'a style that tells pages in a layout beside pageBudget', style.name);
  }
  return {
    ...{ data, dataKind, layout, humanGoals, productCount, priceSeed, splits, style, maxActions, pageBudget, scoring },
    ...{ showAttributes, searchThreads },
    synthetic: { ...syntheticDefaults, ...options.synthetic },
    titles: openTitles(titles),
    maxTurns: style.maxTurns === undefined ? Number.POSITIVE_INFINITY : Math.max(style.maxTurns, options.maxActions ?? 0),
  };
}

const onlyWithData = ['humanGoals', 'productCount', 'priceSeed', 'splits'] as const;
const onlyWithFolder = ['humanGoals', 'productCount', 'splits'] as const;

/** Whether the options fit what `data` names. */
function checkData(options: WebShopOptions, dataKind: DataKind): void {
  const { data } = options;
  checkOption(data === undefined || (typeof data === 'string' && data !== ''), 'data to be the path of a folder or file', data);
  if (data !== undefined && options.synthetic !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', 'expected one of data and synthetic, got both');
  }
  const lacking = onlyWithData.find((name) => options[name] !== undefined);
  if (data === undefined && lacking !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', `expected data beside ${lacking}, got none`, { hint: 'name the folder of a real catalogue' });
  }
  const needing = onlyWithFolder.find((name) => options[name] !== undefined && options[name] !== false);
  if (dataKind === 'file' && needing !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', `expected a folder as data beside ${needing}, got the file ${data}`, {
      hint: 'the file of a mini-shop lists its goals and says which split each belongs to',
    });
  }
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

/** Infinite for no limit. */
function checkLimit(name: string, value: number): void {
  if (value !== Number.POSITIVE_INFINITY) checkInteger(name, value, 1);
}
