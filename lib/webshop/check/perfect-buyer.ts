import type { Agent } from '../../env/agent.ts';
import type { Observation } from '../../env/environment.ts';
import type { PageView } from '../../env/webshop/agent/agent-style.ts';
import { requireMoment } from '../../env/webshop/agent/moment.ts';
import type { Product } from '../../env/webshop/catalogue/products.ts';
import type { BestPurchase } from './best-purchase.ts';

/** Pages of results that it turns over for one search. */
const pagesPerSearch = 5;

/** Turns that it needs at most: three searches over all their pages, a value for each option, and the purchase. */
export const perfectTurns = 40;

/**
 * Walks through the shop to a purchase that was chosen beforehand: searches for the product by its title, then by title and values, then by
 * its query, opens it, chooses its values and buys. It looks behind the pages, so it plays in every style; it gives up where no search lists
 * the product.
 */
export class PerfectBuyer implements Agent {
  readonly #product: Product;
  readonly #queries: string[];
  readonly #values: string[];
  /** Whether no search listed the product. */
  lost = false;

  constructor({ product, chosen }: BestPurchase) {
    this.#product = product;
    this.#values = [...chosen];
    this.#queries = [product.title, `${product.title} ${chosen.join(' ')}`, `<q> ${product.query}`].map(searchable);
  }

  /** Throws ASTARPO_ENVIRONMENT for observations of other environments. */
  act(observation: Observation): string {
    const moment = requireMoment(observation);
    return moment.style.say(this.#next(moment.view), undefined, moment.view);
  }

  #next({ page }: PageView): string {
    const product = this.#product;
    if (page.kind === 'results') {
      if (page.shown.some(({ asin }) => asin === product.asin)) return `click[${product.asin.toLowerCase()}]`;
      if (page.shown.length > 0 && page.number < pagesPerSearch) return 'click[next >]';
    }
    if (page.kind === 'item' && page.product.asin === product.asin) {
      const value = this.#values.shift();
      return value === undefined ? 'click[buy now]' : `click[${value}]`;
    }
    const query = this.#queries.shift();
    this.lost = query === undefined;
    return query === undefined ? 'click[back to search]' : `search[${query}]`;
  }
}

/** Without brackets, which would end the action. */
function searchable(text: string): string {
  return text.replace(/[[\]]/g, ' ').replace(/\s+/g, ' ').trim();
}
