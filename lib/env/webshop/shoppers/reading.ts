import type { PageView } from '../agent/agent-style.ts';
import type { Product } from '../catalogue/products.ts';
import { buttonNames } from '../shop/buttons.ts';

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

/** What a page offers, whatever the layout and the style that tell it. */
export type Reading =
  | { readonly kind: 'search' }
  | { readonly kind: 'sub-page' }
  | { readonly kind: 'results'; readonly listings: readonly Listing[] }
  | { readonly kind: 'item'; readonly values: readonly string[] };

export function readPage({ page, clickables }: PageView): Reading {
  switch (page.kind) {
    case 'results':
      return { kind: 'results', listings: page.shown.map(listing) };
    case 'item':
      return { kind: 'item', values: clickables.filter((target) => !buttonNames.has(target)) };
    case 'sub-page':
      return { kind: 'sub-page' };
    default:
      return { kind: 'search' };
  }
}

function listing({ asin, title, priceText }: Product): Listing {
  return { code: asin, title, price: Number(/\$([\d.]+)/.exec(priceText)?.[1] ?? Number.NaN) };
}
