import { AStarPOError } from '../../errors.ts';
import { DisposeGuard } from '../../util/dispose.ts';
import type { JsonObject } from '../../util/json.ts';
import { nameHint } from '../../util/nearest-name.ts';
import type { Environment, Episode, Task, TaskList } from '../environment.ts';
import type { Goal } from './catalogue/goals.ts';
import { scoringLabel } from './scoring/scoring-options.ts';
import { kindOfData, openData } from './shop/open-data.ts';
import type { Shop } from './shop/shop.ts';
import type { Splits } from './shop/splits.ts';
import { checkTitles } from './titles/title-tagger.ts';
import { WaitingEpisode } from './waiting-episode.ts';
import { WebShopEpisode } from './webshop-episode.ts';
import { describeOptions, type ResolvedOptions, resolveOptions, type WebShopOptions } from './webshop-options.ts';

/** One goal of the shop. */
export interface WebShopTask extends Task {
  /** Place among all goals of the shop, in WebShop's shuffled order. */
  readonly index: number;
  /** What the agent is told. */
  readonly instruction: string;
  readonly goal: Goal;
}

/**
 * WebShop (Yao et al. 2022) in text mode. An agent reads an instruction, searches with `search[words]`, clicks with `click[target]` and
 * is scored once, in [0, 1], when it clicks `buy now`. What that pays and when it is a success says the option `scoring`: by default the
 * score itself, and a success at exactly 1.
 *
 * Over a real catalogue the splits follow the option `splits` (see `SplitScheme`) and share products; over the synthetic one `dev` and
 * `test` ask for products that `train` never asks for; a mini-shop's tasks say where they belong. `all` has every goal.
 *
 * Valid actions list what can be clicked, and `search[<query>]` on the page with the search bar; as in WebShop a search works on every
 * page, and an action that is not possible changes nothing (`valid` is then false). Rewards come in parts: the raw `score`, r_type,
 * r_att, r_option (left out where the goal names no option) and r_price of a purchase, and `penalty` and `shaping` where there are such.
 *
 * Where it departs from the original: the draws of prices and price bounds have a seed; the nouns of titles come from another tagger (option
 * `titles`), which matters little unless a purchase is of another kind than asked for; searches that crash the original (`<a>`, `<c>` alone) find nothing;
 * nothing can be done after the purchase. The layout `compact` is another presentation of the same pages, and the
 * markup of `html` is our own.
 */
export class WebShopEnv implements Environment<WebShopTask> {
  readonly id = 'webshop';
  readonly version = '1';
  readonly config: JsonObject;
  /** `ragen + step-cost`; undefined when it pays as the original. */
  readonly scoring: string | undefined;
  readonly shop: Shop;
  readonly options: ResolvedOptions;
  readonly #splits: Splits;
  readonly #guard = new DisposeGuard('shop environment');

  private constructor(shop: Shop, splits: Splits, options: ResolvedOptions, config: JsonObject) {
    this.shop = shop;
    this.options = options;
    this.config = config;
    this.scoring = scoringLabel(options.scoring);
    this.#splits = splits;
  }

  /** Errors: `ASTARPO_UNKNOWN_OPTION`, `ASTARPO_OPTION`, and `ASTARPO_DATA` or `ASTARPO_IO` for catalogue files that are missing or broken. */
  static async open(options: WebShopOptions = {}): Promise<WebShopEnv> {
    const resolved = resolveOptions(options, await kindOfData(options.data));
    let env: WebShopEnv | undefined;
    try {
      const { shop, splits, catalogue } = await openData(resolved);
      env = new WebShopEnv(shop, splits, resolved, { ...catalogue, ...describeOptions(resolved) });
      checkTitles(resolved.titles, shop.products);
      return env;
    } catch (error) {
      await env?.close();
      resolved.titles.close();
      throw error;
    }
  }

  /** Names of the splits. */
  get splits(): readonly string[] {
    return Object.keys(this.#splits);
  }

  tasks(split: string): TaskList<WebShopTask> {
    const indices = Object.hasOwn(this.#splits, split) ? this.#splits[split] : undefined;
    if (indices === undefined) {
      throw new AStarPOError('ASTARPO_TASKS', `expected a split of the shop, got "${split}"`, {
        hint: nameHint(split, this.splits, 'splits'),
      });
    }
    return {
      length: indices.length,
      at: (place) => {
        const index = indices.at(place);
        if (index === undefined) {
          throw new AStarPOError('ASTARPO_TASKS', `expected a place from 0 to ${indices.length - 1} in split ${split}, got ${place}`);
        }
        return this.#task(index);
      },
    };
  }

  /** The task of this id, whatever its split; undefined where the shop has none. */
  find(id: string): WebShopTask | undefined {
    const index = this.shop.goals.find(id);
    return index === undefined ? undefined : this.#task(index);
  }

  #task(index: number): WebShopTask {
    const goal = this.shop.goals.at(index);
    return { id: goal.id ?? `webshop_${index}`, index, instruction: goal.instruction, goal };
  }

  async open(task: WebShopTask, options: { seed: bigint; signal: AbortSignal }): Promise<Episode> {
    options.signal.throwIfAborted();
    const episode = this.openNow(task, options.seed);
    return this.shop.searcher.waits ? new WaitingEpisode(episode, this.shop) : episode;
  }

  /**
   * `open` for an episode that never waits: over a large catalogue a search then holds up everything else for some milliseconds. `seed` only
   * decides what searches for random products find.
   */
  openNow(task: WebShopTask, seed: bigint): WebShopEpisode {
    this.#guard.check();
    return new WebShopEpisode(this, task, seed);
  }

  /**
   * Ends the search threads; steps that wait for them fail with ASTARPO_DISPOSED. Idempotent. A process also exits without it, since idle
   * threads do not hold it.
   */
  close(): Promise<void> {
    return this.#guard.dispose(() => {
      this.options.titles.close();
      return this.shop.close();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
