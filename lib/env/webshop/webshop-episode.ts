import { AStarPOError } from '../../errors.ts';
import type { Episode, Observation, StepResult } from '../environment.ts';
import { describePage } from './pages/describe-page.ts';
import { PythonRandom } from './python-random.ts';
import type { Score } from './reward.ts';
import { type Outcome, Session } from './session.ts';
import type { WebShopEnv, WebShopTask } from './webshop-env.ts';
import type { Layout } from './webshop-options.ts';

/** Stands for a search of any words in the valid actions of an observation. */
export const searchMarker = 'search[<query>]';

/** One shopping trip; see `WebShopEnv`. */
export class WebShopEpisode implements Episode {
  readonly first: Observation;
  readonly #session: Session;
  readonly #task: WebShopTask;
  readonly #layout: Layout;
  #random: PythonRandom | undefined;
  #over = false;

  constructor(env: WebShopEnv, task: WebShopTask, seed: bigint) {
    const random = (): PythonRandom => {
      this.#random ??= new PythonRandom(seed);
      return this.#random;
    };
    const { showAttributes, titles } = env.options;
    this.#session = new Session(env.shop, task.goal, { random, showAttributes, nouns: titles.nouns });
    this.#task = task;
    this.#layout = env.options.layout;
    this.first = this.#observe('start');
  }

  step(action: string): StepResult {
    if (this.#over) {
      throw new AStarPOError('ASTARPO_ENVIRONMENT', 'expected no action after the purchase, got one', { hint: 'open a new episode' });
    }
    const outcome = this.#session.act(action);
    const { page } = this.#session;
    const observation = this.#observe(outcome);
    if (page.kind !== 'done') return { observation, reward: 0, done: false, valid: outcome !== 'nothing' };
    const { score } = page;
    this.#over = true;
    return { observation, reward: score.reward, rewards: partsOf(score), done: true, success: score.reward === 1, valid: true };
  }

  #observe(outcome: Outcome | 'start'): Observation {
    const { index, instruction } = this.#task;
    const text = describePage(this.#layout, this.#session, { instruction, outcome, name: String(index) });
    if (this.#session.page.kind === 'search') return { text, validActions: [searchMarker] };
    return { text, validActions: this.#session.clickables().map((target) => `click[${target}]`) };
  }
}

function partsOf(score: Score): Record<string, number> {
  const parts = { r_type: score.typeFactor, r_att: score.attributes, r_price: score.price ? 1 : 0 };
  return score.options === undefined ? parts : { ...parts, r_option: score.options };
}
