import { AStarPOError } from '../../errors.ts';
import type { Observation } from '../environment.ts';
import { observationText } from '../observation-text.ts';

/** What a generated instruction asks for. */
export interface Request {
  /** `Find me …` without those two words, the options and the price. */
  readonly stem: string;
  /** The kind of product: the end of the stem's list of properties. */
  readonly kind: string;
  readonly options: readonly { readonly name: string; readonly value: string }[];
  /** In dollars; infinite when none is named. */
  readonly priceUpper: number;
}

/** Reads an instruction of the form `Find me a, b kind with c with color: x, and size: y, and price lower than 40.00 dollars`. */
export function readInstruction(instruction: string): Request {
  const price = /, and price lower than ([\d.]+) dollars$/.exec(instruction);
  const wanted = price === null ? instruction : instruction.slice(0, price.index);
  const colon = wanted.indexOf(': ');
  const cut = colon < 0 ? -1 : wanted.lastIndexOf(' with ', colon);
  const stem = (cut < 0 ? wanted : wanted.slice(0, cut)).replace(/^Find me /, '');
  const options = (cut < 0 ? [] : wanted.slice(cut + ' with '.length).split(/, and (?=[^:]+: )/)).map((text) => {
    const at = text.indexOf(': ');
    return { name: text.slice(0, at), value: text.slice(at + 2) };
  });
  const properties = stem.split(/ with | for /)[0] ?? stem;
  const kind = properties.slice(properties.lastIndexOf(', ') + 1).trim();
  return { stem, kind: kind.split(' ').at(-1) ?? kind, options, priceUpper: price === null ? Number.POSITIVE_INFINITY : Number(price[1]) };
}

export interface Listing {
  /** As shown, which is in capitals. */
  readonly code: string;
  readonly title: string;
  /** The lowest price shown, in dollars. */
  readonly price: number;
}

/** What a page offers, read from either layout. */
export type Reading =
  | { readonly kind: 'search' }
  | { readonly kind: 'sub-page' }
  | { readonly kind: 'results'; readonly listings: readonly Listing[] }
  | { readonly kind: 'item'; readonly values: readonly string[] };

const buttons = new Set(['back to search', '< prev', 'next >', 'description', 'features', 'reviews', 'attributes', 'buy now', 'search']);

/** Errors: `ASTARPO_ENVIRONMENT` for an observation without valid actions. */
export function readPage(observation: Observation): Reading {
  if (observation.validActions === undefined) {
    throw new AStarPOError('ASTARPO_ENVIRONMENT', 'expected an observation with valid actions, got one without');
  }
  const targets = new Set(observation.validActions.filter((action) => action.startsWith('click[')).map((action) => action.slice(6, -1)));
  if (targets.size === 0) return { kind: 'search' };
  const others = [...targets].filter((target) => !buttons.has(target));
  if (targets.has('buy now')) return { kind: 'item', values: others };
  if (!targets.has('next >')) return { kind: 'sub-page' };
  return { kind: 'results', listings: readListings(observationText(observation), new Set(others)) };
}

/** Products are segments of code, title, price in the full layout, lines of title, price and code in the compact one. */
function readListings(text: string, codes: ReadonlySet<string>): Listing[] {
  const listings: { code: string; rest: string }[] = [];
  const full = text.includes('[SEP]');
  for (const piece of text.split(full ? ' [SEP] ' : '\n')) {
    const words = piece.split(' ');
    const code = (full ? words[0] : words.at(-1)) ?? '';
    const last = listings.at(-1);
    if (codes.has(code.toLowerCase())) listings.push({ code, rest: (full ? words.slice(1) : words.slice(0, -1)).join(' ') });
    else if (full && last !== undefined) last.rest += ` ${piece}`;
  }
  return listings.map(({ code, rest }) => {
    const price = /\$([\d.]+)(?: to \$[\d.]+)?$/.exec(rest);
    return { code, title: rest.slice(0, price?.index).trim(), price: Number(price?.[1] ?? Number.NaN) };
  });
}
