import type { Rng } from '../../../util/rng.ts';
import type { Agent } from '../../agent.ts';
import { observationText } from '../../observation-text.ts';
import { plainActions, searchMarker } from '../agent/action-list.ts';
import { momentOf } from '../agent/moment.ts';

/**
 * Any valid action, all equally likely; a search is for one to four words of the first observation. In WebShop the actions are the shop's
 * own in every style, said as the style wants them; in other environments they are what the observation lists.
 */
export function randomValidAgent(): Agent {
  let words: readonly string[] | undefined;
  return {
    act(observation, random) {
      const moment = momentOf(observation);
      words ??= (moment?.view.text ?? observationText(observation)).match(/[\p{L}\p{N}'-]+/gu) ?? ['any'];
      const actions = moment === undefined ? observation.validActions : plainActions(moment.view);
      const picked = random.pick(actions ?? [searchMarker]);
      const action = picked === searchMarker ? randomSearch(words, random) : picked;
      return moment === undefined ? action : moment.style.say(action, undefined, moment.view);
    },
  };
}

function randomSearch(words: readonly string[], random: Rng): string {
  const count = 1 + random.integer(4);
  return `search[${Array.from({ length: count }, () => random.pick(words)).join(' ')}]`;
}
