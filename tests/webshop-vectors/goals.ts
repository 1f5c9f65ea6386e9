import { listOf } from './format.ts';

interface RecordedGoal {
  idx: number;
  asin: string;
  instruction_no_price: string;
  attributes?: string[];
  goal_options?: Record<string, string>;
  weight?: number;
  price_upper_if_seed4?: number;
}

export function withoutPrice(instruction: string): string {
  return instruction.replace(/, and price lower than [\d.]+ dollars$/, '');
}

/** Generated goals in the original's order. */
export const goalFormat = listOf<RecordedGoal>(
  'goals',
  ['idx', 'asin', 'instruction_no_price'],
  async (tally, recorded, record, { catalogue }) => {
    const { idx, asin, instruction_no_price, attributes, goal_options, weight, price_upper_if_seed4: bound } = recorded;
    const opened = await catalogue();
    const where = `${record}, goal ${idx}`;
    const goals = opened.env.shop.goals;
    if (idx >= goals.length) {
      tally.same(where, `none: there are ${goals.length} goals`, 'a goal');
      return;
    }
    const { asin: own, instruction, attributes: wanted, options } = goals.at(idx);
    tally.same(`${where}: product and instruction`, [own, withoutPrice(instruction)], [asin, instruction_no_price]);
    if (attributes !== undefined) tally.same(`${where}: attributes`, wanted, attributes);
    const named = 'named' in options ? Object.fromEntries(options.named) : options.values;
    if (goal_options !== undefined) tally.same(`${where}: options`, named, goal_options);
    if (weight !== undefined) tally.same(`${where}: weight`, goals.weights()[idx]?.toPrecision(12), weight.toPrecision(12));
    const bounds = bound === undefined ? undefined : await opened.boundsOfSeed4();
    if (bounds !== undefined) tally.same(`${where}: price bound of seed 4`, bounds[idx], bound);
  },
);
