import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Goal } from '../../lib/env/webshop/catalogue/goals.ts';
import { colorOfPair, normalizeColor } from '../../lib/env/webshop/normalize.ts';
import { scorePurchase } from '../../lib/env/webshop/reward.ts';
import { analyze } from '../../lib/env/webshop/search/analyzer.ts';
import { tokenSetRatio } from '../../lib/env/webshop/token-set-ratio.ts';
import type { WebShopEnv } from '../../lib/env/webshop/webshop-env.ts';
import { titleAgreement } from './title-agreement.ts';

/** How one file of recordings compares. */
export interface Outcome {
  readonly file: string;
  readonly compared: number;
  readonly different: number;
  /** Where the first difference is and what differs; undefined when nothing does. */
  readonly first: string | undefined;
  /** Figures that are told and not judged. */
  readonly notes: readonly string[];
}

/** Compares one file of a known format with this library. `shop` opens the catalogue that the recordings were made over. */
interface Check {
  readonly file: string;
  /** Whether it needs the catalogue. */
  readonly needsShop: boolean;
  run(folder: string, shop: () => Promise<WebShopEnv>): Promise<Outcome>;
}

/** Collects comparisons of one file. */
class Tally {
  readonly #file: string;
  readonly #notes: string[] = [];
  #compared = 0;
  #different = 0;
  #first: string | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  same(where: string, own: unknown, recorded: unknown): void {
    this.#compared++;
    const [a, b] = [text(own), text(recorded)];
    if (a === b) return;
    this.#different++;
    this.#first ??= `${where}\n${difference(a, b)}`;
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  outcome(): Outcome {
    return { file: this.#file, compared: this.#compared, different: this.#different, first: this.#first, notes: this.#notes };
  }
}

/** Every known file of recordings, by its name in the folder. */
export const checks: readonly Check[] = [
  lines<{ a: string; b: string; score: number }>('token_set_ratio_vectors.jsonl', (tally, { a, b, score }, where) =>
    tally.same(`${where}: ${text([a, b])}`, tokenSetRatio(a, b), score),
  ),
  lines<{ x: string | [string, string]; result: unknown }>('normalize_color_vectors.jsonl', (tally, { x, result }, where) =>
    tally.same(`${where}: ${text(x)}`, typeof x === 'string' ? normalizeColor(x) : (colorOfPair(...x) ?? x), result),
  ),
  { file: 'lucene_vocab_1k.json', needsShop: true, run: compareVocabulary },
  { file: 'search_vectors.json', needsShop: true, run: compareSearches },
  shopLines('goals_1k_synthetic_seed233.sample.jsonl', compareGoal),
  shopLines('replay_vectors.jsonl', compareReplay),
  { file: 'reward_vectors.jsonl', needsShop: true, run: compareRewards },
  { file: 'agentgym_done_records.jsonl', needsShop: false, run: comparePurchases },
];

function lines<T>(file: string, compare: (tally: Tally, line: T, where: string) => void): Check {
  return {
    file,
    needsShop: false,
    run: async (folder) => {
      const tally = new Tally(file);
      for (const [i, line] of readLines<T>(folder, file).entries()) compare(tally, line, `line ${i + 1}`);
      return tally.outcome();
    },
  };
}

function shopLines<T>(file: string, compare: (tally: Tally, line: T, where: string, env: WebShopEnv) => Promise<void> | void): Check {
  return {
    file,
    needsShop: true,
    run: async (folder, shop) => {
      const tally = new Tally(file);
      const env = await shop();
      for (const [i, line] of readLines<T>(folder, file).entries()) await compare(tally, line, `line ${i + 1}`, env);
      return tally.outcome();
    },
  };
}

async function compareVocabulary(folder: string, shop: () => Promise<WebShopEnv>): Promise<Outcome> {
  const tally = new Tally('lucene_vocab_1k.json');
  const recorded = new Map(Object.entries(readJson<Record<string, [number, number]>>(folder, 'lucene_vocab_1k.json')));
  for (const [term, documents, occurrences] of (await shop()).shop.index.vocabulary()) {
    tally.same(`term ${text(term)}`, [documents, occurrences], recorded.get(term));
    recorded.delete(term);
  }
  for (const [term, counts] of recorded) tally.same(`term ${text(term)}`, undefined, counts);
  return tally.outcome();
}

interface RecordedSearch {
  query: string;
  tokens?: string[];
  recorded_page1?: string[];
  top50?: [string, number][];
}

async function compareSearches(folder: string, shop: () => Promise<WebShopEnv>): Promise<Outcome> {
  const tally = new Tally('search_vectors.json');
  const { products, index } = (await shop()).shop;
  for (const [i, { query, tokens, recorded_page1, top50 }] of readJson<RecordedSearch[]>(folder, 'search_vectors.json').entries()) {
    const where = `query ${i}: ${text(query)}`;
    const hits = index.search(query).map(({ document, score }) => [products.at(document).asin, score] as const);
    if (tokens !== undefined) tally.same(`${where}: terms`, analyze(query), tokens);
    if (recorded_page1 !== undefined)
      tally.same(`${where}: first page`, hits.map(([asin]) => asin).slice(0, recorded_page1.length), recorded_page1);
    if (top50 === undefined) continue;
    // Scores are recorded with six decimals.
    const close = (own: number, recorded = Number.NaN) => (Math.abs(own - recorded) < 1e-6 ? recorded : own);
    const own = hits.map(([asin, score], i) => [asin, close(score, top50[i]?.[1])]);
    tally.same(`${where}: all hits`, own, top50);
  }
  return tally.outcome();
}

interface RecordedGoalOrder {
  idx: number;
  asin: string;
  instruction_no_price: string;
  attributes: string[];
  goal_options: Record<string, string>;
  weight: number;
}

function compareGoal(tally: Tally, recorded: RecordedGoalOrder, where: string, env: WebShopEnv): void {
  const { idx, asin, instruction_no_price, attributes, goal_options, weight } = recorded;
  const { asin: own, instruction, attributes: wanted, options } = env.tasks('all').at(idx).goal;
  const named = 'named' in options ? Object.fromEntries(options.named) : options.values;
  tally.same(
    `${where}: goal ${idx}`,
    [own, withoutPrice(instruction), wanted, named],
    [asin, instruction_no_price, attributes, goal_options],
  );
  tally.same(`${where}: weight of goal ${idx}`, env.shop.goals.weights()[idx]?.toPrecision(12), weight.toPrecision(12));
}

interface RecordedEpisode {
  goal_idx: number;
  instruction: string;
  first_obs: string;
  steps: { action: string; obs?: string | null; reward?: number }[];
  goal_asin?: string;
  computed_reward_difflib_stubnouns?: number;
}

async function compareReplay(tally: Tally, recorded: RecordedEpisode, where: string, env: WebShopEnv): Promise<void> {
  const task = env.tasks('all').at(recorded.goal_idx);
  if (recorded.goal_asin !== undefined) tally.same(`${where}: product of goal ${recorded.goal_idx}`, task.goal.asin, recorded.goal_asin);
  tally.same(`${where}: instruction`, withoutPrice(task.instruction), withoutPrice(recorded.instruction));
  // The bound of a recording comes from an unseeded draw.
  const priceUpper = Number(/price lower than ([\d.]+) dollars/.exec(recorded.instruction)?.[1] ?? 1_000_000);
  const goal: Goal = { ...task.goal, priceUpper };
  const episode = env.openNow({ ...task, instruction: recorded.instruction, goal }, 0n);
  tally.same(`${where}: first observation`, episode.first.text, recorded.first_obs);
  for (const [i, { action, obs, reward }] of recorded.steps.entries()) {
    const result = await episode.step(action);
    const step = `${where}: step ${i + 1}, ${text(action)}`;
    if (typeof obs === 'string') tally.same(step, result.observation?.text, obs);
    if (reward !== undefined) tally.same(`${step}: reward`, result.reward, reward);
    if (!result.done) continue;
    const paid = recorded.computed_reward_difflib_stubnouns;
    if (paid !== undefined) tally.same(`${step}: reward of the episode`, result.reward, paid);
    break;
  }
}

interface RecordedInfo {
  r_type: number;
  r_att: number;
  r_option?: number;
  r_price: boolean;
  query_match: boolean;
  category_match: boolean;
  title_score: number;
}

interface RecordedGoal {
  asin: string;
  category: string;
  query: string;
  name: string;
  product_category: string;
  instruction_text: string;
  attributes: string[];
  price_upper: number;
  goal_options: string[] | Record<string, string>;
}

interface RecordedReward {
  goal_idx: number;
  purchased_asin: string;
  options: Record<string, string>;
  price: number;
  purchased_nouns: string[];
  goal_nouns: string[];
  reward: number;
  info: RecordedInfo;
}

/** The recorded noun lists stand in for the tagger. */
async function compareRewards(folder: string, shop: () => Promise<WebShopEnv>): Promise<Outcome> {
  const tally = new Tally('reward_vectors.jsonl');
  const env = await shop();
  const goals = new Map(
    readLines<{ goal_idx: number; goal: RecordedGoal }>(folder, 'reward_goals.jsonl').map(({ goal_idx, goal }) => [goal_idx, goal]),
  );
  for (const [i, vector] of readLines<RecordedReward>(folder, 'reward_vectors.jsonl').entries()) {
    const where = `line ${i + 1}`;
    const product = env.shop.product(vector.purchased_asin);
    const goal = goals.get(vector.goal_idx);
    if (product === undefined || goal === undefined) {
      tally.same(
        `${where}: product ${vector.purchased_asin} and goal ${vector.goal_idx}`,
        'not in the catalogue or in reward_goals.jsonl',
        'there',
      );
      continue;
    }
    const nouns = [vector.purchased_nouns, vector.goal_nouns];
    const score = scorePurchase(product, goalOf(goal), vector.price, Object.values(vector.options), () => nouns.shift() ?? []);
    const { r_type, r_att, r_option, r_price, query_match, category_match, title_score } = vector.info;
    const own = [
      score.reward,
      score.typeFactor,
      score.attributes,
      score.options,
      score.price,
      score.queryMatch,
      score.categoryMatch,
      score.titleScore,
    ];
    tally.same(where, own, [vector.reward, r_type, r_att, r_option, r_price, query_match, category_match, title_score]);
  }
  return tally.outcome();
}

interface RecordedPurchase {
  goal_asin: string;
  goal_name: string;
  attrs: string[];
  goal_options: string[];
  price_upper: number;
  query: string;
  pc: string;
  bought: { asin: string; options: Record<string, string>; price: number };
  reward: number;
  info: RecordedInfo;
}

/**
 * Finished sessions over the full catalogue, whose products are not all in the file: the parts that follow from what is recorded. The
 * titles' scores came from a tagger that is not here: of them only the agreement is told.
 */
async function comparePurchases(folder: string): Promise<Outcome> {
  const file = 'agentgym_done_records.jsonl';
  const tally = new Tally(file);
  const records = readLines<RecordedPurchase>(folder, file);
  for (const [i, { attrs, goal_options, price_upper, bought, info, reward }] of records.entries()) {
    const where = `line ${i + 1}`;
    tally.same(`${where}: price`, bought.price <= price_upper, info.r_price);
    const matched = info.r_att * attrs.length + (info.r_option ?? 0) * goal_options.length + (info.r_price ? 1 : 0);
    const own = info.r_type * (matched / (attrs.length + goal_options.length + 1));
    tally.same(`${where}: reward from its parts`, own.toPrecision(12), reward.toPrecision(12));
  }
  const titles = records.map(({ goal_asin, goal_name, bought, info }) => {
    return { goalTitle: goal_name, score: info.title_score, self: goal_asin === bought.asin };
  });
  for (const line of titleAgreement(titles)) tally.note(line);
  return tally.outcome();
}

function goalOf(recorded: RecordedGoal): Goal {
  const { goal_options: options, name, product_category, instruction_text, price_upper, ...rest } = recorded;
  return {
    ...rest,
    title: name,
    productCategory: product_category,
    instruction: instruction_text,
    priceUpper: price_upper,
    options: Array.isArray(options) ? { values: options } : { named: new Map(Object.entries(options)) },
  };
}

function withoutPrice(instruction: string): string {
  return instruction.replace(/, and price lower than [\d.]+ dollars$/, '');
}

function readJson<T>(folder: string, name: string): T {
  return JSON.parse(readFileSync(join(folder, name), 'utf8'));
}

function readLines<T>(folder: string, name: string): T[] {
  const all = readFileSync(join(folder, name), 'utf8').split('\n');
  return all.filter((line) => line.trim() !== '').map((line) => JSON.parse(line));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
}

/** Both sides around the first character that differs. */
function difference(own: string, recorded: string): string {
  let at = 0;
  while (at < own.length && own[at] === recorded[at]) at++;
  const part = (side: string) => `${at > 60 ? '…' : ''}${side.slice(Math.max(0, at - 60), at + 100)}${side.length > at + 100 ? '…' : ''}`;
  return `  at character ${at}\n  recorded: ${part(recorded)}\n  here:     ${part(own)}`;
}
