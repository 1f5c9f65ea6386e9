import type { Goal } from '../../lib/env/webshop/catalogue/goals.ts';
import { listOf } from './format.ts';
import { withoutPrice } from './goals.ts';
import { shown } from './records.ts';

interface RecordedEpisode {
  goal_idx: number;
  instruction: string;
  first_obs?: string | null;
  steps: { action: string; obs?: string | null; reward?: number | null }[];
  goal_asin?: string | null;
  computed_reward_difflib_stubnouns?: number | null;
}

/** Episodes of the original in its text mode: every observation and reward. */
export const replayFormat = listOf<RecordedEpisode>(
  'episodes',
  ['goal_idx', 'instruction', 'steps'],
  async (tally, recorded, record, { catalogue }) => {
    const { env } = await catalogue();
    if (recorded.goal_idx >= env.shop.goals.length) {
      tally.same(`${record}: goal ${recorded.goal_idx}`, `none: there are ${env.shop.goals.length} goals`, 'a goal');
      return;
    }
    const task = env.tasks('all').at(recorded.goal_idx);
    if (recorded.goal_asin != null) tally.same(`${record}: product of goal ${recorded.goal_idx}`, task.goal.asin, recorded.goal_asin);
    tally.same(`${record}: instruction`, withoutPrice(task.instruction), withoutPrice(recorded.instruction));
    // The bound of a recording comes from an unseeded draw.
    const priceUpper = Number(/price lower than ([\d.]+) dollars/.exec(recorded.instruction)?.[1] ?? 1_000_000);
    const goal: Goal = { ...task.goal, priceUpper };
    const episode = env.openNow({ ...task, instruction: recorded.instruction, goal }, 0n);
    if (recorded.first_obs != null) tally.same(`${record}: first observation`, episode.first.text, recorded.first_obs);
    for (const [i, { action, obs, reward }] of recorded.steps.entries()) {
      const result = episode.step(action);
      const step = `${record}: step ${i + 1}, ${shown(action)}`;
      if (obs != null) tally.same(step, result.observation?.text, obs);
      if (reward != null) tally.same(`${step}: reward`, result.reward, reward);
      if (!result.done) continue;
      const paid = recorded.computed_reward_difflib_stubnouns;
      if (paid != null) tally.same(`${step}: reward of the episode`, result.reward, paid);
      break;
    }
  },
);
