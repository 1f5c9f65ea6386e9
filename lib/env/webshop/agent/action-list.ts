import type { Offer } from './agent-style.ts';

/** Stands for a search of any words in the valid actions of an observation. */
export const searchMarker = 'search[<query>]';

/** `click[…]` of everything that can be clicked; `without`: what is left out. */
export function clicksOf({ clickables }: Offer, without?: string): string[] {
  return clickables.filter((target) => target !== without).map((target) => `click[${target}]`);
}

/** The bare valid actions: a search on the page with the search bar, clicks on all others. */
export function plainActions(offer: Offer): string[] {
  return offer.searchBar ? [searchMarker] : clicksOf(offer);
}
