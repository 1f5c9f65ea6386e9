import { AStarPOError } from '../../errors.ts';
import type { Episode, Observation, StepResult } from '../environment.ts';
import type { Dialogue, Offer, PageView } from './agent/agent-style.ts';
import { openSession } from './open-session.ts';
import { describePage } from './pages/describe-page.ts';
import type { Score } from './reward.ts';
import type { ActionFacts, TurnFacts } from './scoring/scoring.ts';
import type { Outcome, Session } from './session.ts';
import type { WebShopEnv, WebShopTask } from './webshop-env.ts';

/** One shopping trip; see `WebShopEnv`. What the model says goes through the style to the shop, what the shop answers through the score convention and the style back. */
export class WebShopEpisode implements Episode {
  readonly first: Observation;
  readonly #env: WebShopEnv;
  readonly #task: WebShopTask;
  readonly #session: Session;
  readonly #dialogue: Dialogue;
  #turns = 0;
  #actions = 0;
  #over = false;

  constructor(env: WebShopEnv, task: WebShopTask, seed: bigint) {
    this.#env = env;
    this.#task = task;
    this.#session = openSession(env, task.goal, seed);
    this.#dialogue = env.options.style.begin();
    this.first = this.#dialogue.observe(this.#look('start'));
  }

  step(said: string): StepResult {
    if (this.#over) {
      throw new AStarPOError('ASTARPO_ENVIRONMENT', 'expected no action after the purchase, got one', { hint: 'open a new episode' });
    }
    const read = this.#dialogue.read(said, this.#offer());
    const actions = this.#play(read.actions);
    const { page } = this.#session;
    const score = page.kind === 'done' ? page.score : undefined;
    this.#turns++;
    this.#over = score !== undefined || this.#actions >= this.#env.options.maxActions;
    const outcome = actions.at(-1)?.outcome ?? 'nothing';
    const { reward, rewards } = this.#pay({ formatted: read.formatted, actions, score, over: this.#over });
    return {
      observation: this.#dialogue.observe(this.#look(outcome), { said, read, outcome, reward }),
      reward,
      ...(rewards === undefined ? {} : { rewards }),
      done: this.#over,
      ...(score === undefined ? {} : { success: this.#env.options.scoring.success(score) }),
      valid: outcome !== 'nothing',
    };
  }

  /** Does the actions, until one buys or none is left. */
  #play(actions: readonly string[]): ActionFacts[] {
    const played: ActionFacts[] = [];
    for (const action of actions) {
      const before = this.#session.page;
      if (before.kind === 'done' || this.#actions >= this.#env.options.maxActions) break;
      const outcome = this.#session.act(action);
      this.#actions++;
      played.push({ action, outcome, before, after: this.#session.page });
    }
    return played;
  }

  #pay(turn: TurnFacts): Pick<StepResult, 'reward' | 'rewards'> {
    const { reward, rewards } = this.#env.options.scoring.pay(turn);
    const parts = { ...(turn.score === undefined ? {} : partsOf(turn.score)), ...rewards };
    return Object.keys(parts).length === 0 ? { reward } : { reward, rewards: parts };
  }

  #offer(): Offer {
    return { searchBar: this.#session.page.kind === 'search', clickables: this.#session.clickables() };
  }

  #look(outcome: Outcome | 'start'): PageView {
    const { index, instruction } = this.#task;
    return {
      ...this.#offer(),
      instruction,
      text: describePage(this.#env.options.layout, this.#session, { instruction, outcome, name: String(index) }),
      page: this.#session.page,
      turns: this.#turns,
      actions: this.#actions,
    };
  }
}

function partsOf(score: Score): Record<string, number> {
  const parts = { r_type: score.typeFactor, r_att: score.attributes, r_price: score.price ? 1 : 0 };
  return score.options === undefined ? parts : { ...parts, r_option: score.options };
}
