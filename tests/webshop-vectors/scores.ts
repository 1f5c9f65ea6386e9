import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Goal } from '../../lib/env/webshop/catalogue/goals.ts';
import { type Score, scorePurchase } from '../../lib/env/webshop/reward/reward.ts';
import type { WebShopEnv } from '../../lib/env/webshop/webshop-env.ts';
import { AStarPOError } from '../../lib/errors.ts';
import { type Format, listOf } from './format.ts';
import { readContent, type Tally } from './records.ts';
import { titleAgreement } from './title-agreement.ts';

/** The original's verbose reward information. */
interface RecordedInfo {
  r_type: number;
  r_att: number;
  r_option?: number | null;
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

const goalsFile = 'reward_goals.jsonl';

/** Scores of purchases; the recorded noun lists stand in for the tagger, the goals stand in a file beside. */
export const rewardFormat: Format = {
  ...listOf<RecordedReward>('scores', ['goal_idx', 'purchased_asin', 'info'], () => undefined),
  compare: async (tally, content, { folder, catalogue }) => {
    const goals = readGoals(folder);
    const { env } = await catalogue();
    for (const [i, vector] of (content as readonly RecordedReward[]).entries()) {
      const where = `record ${i + 1}`;
      await tally.record(where, () => compareReward(tally, vector, where, { env, goal: goals.get(vector.goal_idx) }));
    }
  },
};

interface Scored {
  readonly env: WebShopEnv;
  readonly goal: RecordedGoal | undefined;
}

function compareReward(tally: Tally, vector: RecordedReward, where: string, { env, goal }: Scored): void {
  const product = env.shop.product(vector.purchased_asin);
  if (product === undefined) tally.same(`${where}: product ${vector.purchased_asin}`, 'not in the catalogue', 'there');
  else if (goal === undefined) tally.same(`${where}: goal ${vector.goal_idx}`, `not in ${goalsFile}`, 'there');
  else {
    const nouns = [vector.purchased_nouns, vector.goal_nouns];
    const score = scorePurchase(product, goalOf(goal), vector.price, Object.values(vector.options), () => nouns.shift() ?? []);
    const { title_score } = vector.info;
    tally.same(where, [score.reward, ...partsOf(score), score.titleScore], [vector.reward, ...recordedParts(vector.info), title_score]);
  }
}

function partsOf({ typeFactor, attributes, options, price, queryMatch, categoryMatch }: Score): unknown[] {
  return [typeFactor, attributes, options ?? null, price, queryMatch, categoryMatch];
}

function recordedParts({ r_type, r_att, r_option, r_price, query_match, category_match }: RecordedInfo): unknown[] {
  return [r_type, r_att, r_option ?? null, r_price, query_match, category_match];
}

function readGoals(folder: string): Map<number, RecordedGoal> {
  const path = join(folder, goalsFile);
  if (!existsSync(path)) {
    throw new AStarPOError('ASTARPO_DATA', `expected ${goalsFile} beside the recorded scores in ${folder}, got none`, {
      hint: 'scores refer to their goals by row of that file',
    });
  }
  const rows = readContent(path) as readonly { goal_idx: number; goal: RecordedGoal }[];
  return new Map(rows.map(({ goal_idx, goal }) => [goal_idx, goal]));
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
 * Finished sessions of people over the full catalogue. The parts that follow from what is recorded, and all but the title's where the
 * catalogue has the product. Titles were scored by a tagger that is not here: of them only the agreement is told.
 */
export const purchaseFormat: Format = {
  ...listOf<RecordedPurchase>('finished sessions', ['goal_asin', 'bought', 'info'], () => undefined),
  compare: async (tally, content, { catalogue, titles: table }) => {
    const records = content as readonly RecordedPurchase[];
    const { env } = await catalogue();
    let known = 0;
    for (const [i, recorded] of records.entries()) {
      const where = `record ${i + 1}`;
      await tally.record(where, () => {
        comparePurchase(tally, recorded, where);
        const { bought, info } = recorded;
        const product = env.shop.product(bought.asin);
        if (product === undefined) return;
        known++;
        const score = scorePurchase(product, soughtBy(recorded), bought.price, Object.values(bought.options), env.options.titles.nouns);
        // The type's factor depends on the title.
        tally.same(`${where}: parts`, partsOf(score).slice(1), recordedParts(info).slice(1));
      });
    }
    if (known < records.length) tally.note(`products that the catalogue does not have: ${records.length - known} of ${records.length}`);
    const titles = records.map(({ goal_asin, goal_name, bought, info }) => {
      return { goalTitle: goal_name, score: info.title_score, self: goal_asin === bought.asin };
    });
    for (const line of titleAgreement(titles, table)) tally.note(line);
  },
};

function comparePurchase(tally: Tally, { attrs, goal_options, price_upper, bought, info, reward }: RecordedPurchase, where: string): void {
  tally.same(`${where}: price`, bought.price <= price_upper, info.r_price);
  const matched = info.r_att * attrs.length + (info.r_option ?? 0) * goal_options.length + (info.r_price ? 1 : 0);
  const own = info.r_type * (matched / (attrs.length + goal_options.length + 1));
  tally.same(`${where}: reward from its parts`, own.toPrecision(12), reward.toPrecision(12));
}

function soughtBy({ goal_asin, goal_name, attrs, goal_options, price_upper, query, pc }: RecordedPurchase): Goal {
  return {
    asin: goal_asin,
    title: goal_name,
    attributes: attrs,
    options: { values: goal_options },
    priceUpper: price_upper,
    query,
    productCategory: pc,
    category: '',
    instruction: '',
  };
}
