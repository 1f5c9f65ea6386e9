import type { Agent } from '../../env/agent.ts';
import type { PageView } from '../../env/webshop/agent/agent-style.ts';
import { rememberMoment } from '../../env/webshop/agent/moment.ts';
import { plainStyle } from '../../env/webshop/agent/plain-style.ts';
import { scriptedShopper } from '../../env/webshop/shoppers/scripted-shopper.ts';
import type { WebShopEnv, WebShopTask } from '../../env/webshop/webshop-env.ts';
import { Rng } from '../../util/rng.ts';

/** A product has fewer options than that. */
const mostAsked = 100;

/** Says what the scripted shopper would do; goes on with its plan as long as it is followed, and makes a new one where it is not. */
export class Advisor {
  readonly #env: WebShopEnv;
  readonly #task: WebShopTask;
  #shopper: Agent;
  #advice: string | undefined;

  constructor(env: WebShopEnv, task: WebShopTask) {
    this.#env = env;
    this.#task = task;
    this.#shopper = scriptedShopper(env, task);
  }

  /** An action of the shop for this page. */
  advise(view: PageView): string {
    if (this.#advice !== undefined) return this.#advice;
    const chosen = new Set(view.page.kind === 'item' ? view.page.chosen.values() : []);
    let action = this.#ask(view);
    // It does not look at what is chosen already: that may have been done before it was asked.
    for (let asked = 0; asked < mostAsked && chosen.has(action.slice('click['.length, -1)); asked++) action = this.#ask(view);
    this.#advice = action;
    return action;
  }

  /** What was done on the page that `advise` saw last. */
  note(actions: readonly string[]): void {
    const followed = actions.length === 1 && actions[0] === this.#advice;
    if (!followed) this.#shopper = scriptedShopper(this.#env, this.#task);
    this.#advice = undefined;
  }

  #ask(view: PageView): string {
    return this.#shopper.act(rememberMoment({ text: view.text }, { view, style: plainStyle }), new Rng(0n));
  }
}
