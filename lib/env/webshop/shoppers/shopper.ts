import type { Rng } from '../../../util/rng.ts';
import type { Agent } from '../../agent.ts';
import { requireMoment } from '../agent/moment.ts';
import { type Reading, readPage } from './reading.ts';

/** An action of the shop, with the reason that is given where a style has a place for thoughts. */
export interface Move {
  readonly action: string;
  readonly thought: string;
}

/** Decides on what a page offers; how that is said is the style's affair. */
export interface Shopper {
  decide(page: Reading, random: Rng): Move;
}

/** Plays in whatever style the environment has. */
export function speaking(shopper: Shopper): Agent {
  return {
    act(observation, random) {
      const moment = requireMoment(observation);
      const { action, thought } = shopper.decide(readPage(moment.view), random);
      return moment.style.say(action, thought, moment.view);
    },
  };
}

/** Reasons that a shopper may give. */
export const thoughts = {
  search: 'I look for what is asked for.',
  turn: 'None of these names everything; the next page may.',
  open: 'This one fits best so far.',
  again: 'Nothing here fits, so I search again.',
  reject: 'It lacks an option that is asked for.',
  leave: 'I go back to the product.',
  choose: 'This option is asked for.',
  buy: 'It is as it should be, so I buy it.',
} as const;

/** Takes the next value from the list; buys when it is empty. */
export function chooseOrBuy(toChoose: string[]): Move {
  const next = toChoose.shift();
  if (next === undefined) return { action: 'click[buy now]', thought: thoughts.buy };
  return { action: `click[${next}]`, thought: thoughts.choose };
}

/** Words for the search bar: brackets and commas mean nothing to it and could be misread. */
export function queryOf(text: string): string {
  return text
    .replace(/[[\],]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}
