import type { Rng } from '../../../util/rng.ts';
import type { Observation } from '../../environment.ts';
import type { PageView } from './agent-style.ts';
import { requireMoment } from './moment.ts';

/** One of the actions that a model may be made to choose among. */
export interface Candidate {
  /** How the baselines of WebShop's paper name it: products by their title. */
  readonly text: string;
  /** What the shop takes. */
  readonly action: string;
}

export interface CandidateOptions {
  /** What may be searched for, on the page with the search bar: the paper's baselines have a model write these. */
  readonly queries?: readonly string[];
  /**
   * More than `most` candidates are sampled, with chances from `random`: the first `kept` stay, and `drawn` of the others. Defaults 20, 6,
   * 10.
   */
  readonly most?: number;
  readonly kept?: number;
  readonly drawn?: number;
}

/**
 * The actions of a page as the baselines of WebShop's paper choose among them: searches for `queries` where there is a search bar, else
 * `click[…]` of everything, with `click[item - title]` for products. For constrained choice: score each text, or generate under a grammar
 * of them. Throws ASTARPO_ENVIRONMENT for observations that are not of a WebShop episode.
 */
export function candidateActions(observation: Observation, random: Rng, options: CandidateOptions = {}): Candidate[] {
  const { view } = requireMoment(observation);
  const { queries = [], most = 20, kept = 6, drawn = 10 } = options;
  const all = view.searchBar ? queries.map(search) : clicks(view);
  if (all.length <= most) return all;
  const others = random.shuffle(Array.from({ length: all.length - kept }, (_, i) => kept + i)).slice(0, drawn);
  const chosen = new Set(others);
  return all.filter((_, place) => place < kept || chosen.has(place));
}

function search(query: string): Candidate {
  const action = `search[${query}]`;
  return { text: action, action };
}

function clicks({ page, clickables }: PageView): Candidate[] {
  const titles = new Map(page.kind === 'results' ? page.shown.map(({ asin, title }) => [asin.toLowerCase(), title]) : []);
  return clickables.map((target) => {
    const title = titles.get(target);
    const action = `click[${target}]`;
    return { text: title === undefined ? action : `click[item - ${title}]`, action };
  });
}
