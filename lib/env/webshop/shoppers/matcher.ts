import { analyze } from '../search/analyzer.ts';
import type { Listing, Request } from './reading.ts';

/** Finds the listing that has most of the words that an instruction asks for. */
export class Matcher {
  readonly #wanted: ReadonlySet<string>;
  readonly #priceUpper: number;

  constructor({ stem, priceUpper }: Request) {
    this.#wanted = new Set(analyze(stem));
    this.#priceUpper = priceUpper;
  }

  /** Most shared words first, a price that is too high counts like one word less; the earlier listing of equals. */
  best(listings: readonly Listing[]): Listing | undefined {
    const value = (listing: Listing): number => this.#shared(listing) - (listing.price > this.#priceUpper ? 1 : 0);
    return [...listings].sort((a, b) => value(b) - value(a))[0];
  }

  namesAll(listing: Listing): boolean {
    return this.#shared(listing) === this.#wanted.size;
  }

  #shared({ title }: Listing): number {
    return new Set(analyze(title).filter((term) => this.#wanted.has(term))).size;
  }
}
