import { AStarPOError } from '../../errors.ts';
import type { Episode, Observation, StepResult } from '../environment.ts';
import type { Shop } from './shop/shop.ts';
import type { WebShopEpisode } from './webshop-episode.ts';

/** An episode over a large catalogue: threads search while it waits, and everything else in the process goes on. */
export class WaitingEpisode implements Episode {
  readonly #episode: WebShopEpisode;
  readonly #shop: Shop;
  #stepping = false;

  constructor(episode: WebShopEpisode, shop: Shop) {
    this.#episode = episode;
    this.#shop = shop;
  }

  get first(): Observation {
    return this.#episode.first;
  }

  /** Errors: `ASTARPO_BUSY` during another step, and those of `Shop.prepare`; the episode is of no use after those. */
  async step(said: string): Promise<StepResult> {
    if (this.#stepping) {
      throw new AStarPOError('ASTARPO_BUSY', 'expected the last step to have ended, got another', { hint: 'await it' });
    }
    this.#stepping = true;
    try {
      return await this.#shop.searchAhead(this.#episode.stepping(said));
    } finally {
      this.#stepping = false;
    }
  }
}
