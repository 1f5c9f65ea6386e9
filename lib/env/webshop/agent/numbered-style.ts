import { optionValue, type Product } from '../catalogue/products.ts';
import { subPageTexts } from '../pages/page-nodes.ts';
import { oneLine, shortPrice } from '../pages/short-forms.ts';
import { subPages } from '../shop/buttons.ts';
import { pageSize } from '../shop/shop.ts';
import type { AgentStyle, Dialogue, PageView, ReadTurn } from './agent-style.ts';
import { parseNumbered, type Spoken, spokenText } from './numbered-grammar.ts';

/**
 * The shop of few words: pages number what they list, and an action is a word and a number: `search red shoes`, `click 1`, `buy 1`, `next`,
 * `back`. On a page of results `click N` opens the N-th and `buy N` buys it as it is; on a product's page `click N` chooses the N-th value, or
 * opens the text with that number, and `buy` buys. What was thought may stand before the action. See docs/mini-shop.md.
 */
export const numberedStyle: AgentStyle = {
  name: 'numbered 1',
  ownPages: true,
  begin: () => new NumberedDialogue(),
  say: (action, thought, view) => `${thought === undefined ? '' : `${oneLine(thought)}\n`}${wordsOf(action, view)}`,
};

/** Stands for a search of any words in the valid actions of an observation. */
const searchMarker = 'search <query>';

class NumberedDialogue implements Dialogue {
  #view: PageView | undefined;
  /** The list that the shopper saw last: a product may still be called by its number there. */
  #listed: readonly Product[] = [];
  /** Why the last turn did nothing. */
  #refusal = '';

  observe(view: PageView, last?: Parameters<Dialogue['observe']>[1]): ReturnType<Dialogue['observe']> {
    this.#view = view;
    if (view.page.kind === 'results') this.#listed = view.page.shown;
    const head = last === undefined ? `Task: ${oneLine(view.instruction)}\n` : last.outcome === 'nothing' ? `${this.#refusal}\n` : '';
    return { text: head + describe(view), validActions: validActions(view) };
  }

  /** What is understood and not possible is handed to the shop as it was said, where it does nothing: an attempt counts as an action. */
  read(said: string): ReadTurn {
    const { spoken, thought } = parseNumbered(said);
    const thinking = thought === '' ? {} : { thought };
    this.#refusal = notUnderstood;
    if (spoken === undefined) return { actions: [], formatted: false, ...thinking };
    const actions = this.#actions(spoken);
    this.#refusal = typeof actions === 'string' ? actions : 'Nothing happened.';
    return { actions: typeof actions === 'string' ? [spokenText(spoken)] : actions, formatted: true, ...thinking };
  }

  /** What to do, or why nothing can be done. */
  #actions(spoken: Spoken): string[] | string {
    const view = this.#view;
    if (view === undefined || view.page.kind === 'done') return 'Nothing is left to do.';
    if (spoken.kind === 'search') return [`search[${spoken.words}]`];
    if (spoken.kind === 'back') return backFrom(view);
    if (spoken.kind === 'click') return clickOn(view, spoken.target);
    if (spoken.kind === 'next') return clickOn(view, 'next >');
    return this.#buy(view, spoken.number);
  }

  #buy(view: PageView, number: number | undefined): string[] | string {
    const { page } = view;
    if (page.kind === 'results') {
      if (number === undefined) return 'Say which: buy N.';
      const open = clickOn(view, number);
      return typeof open === 'string' ? open : [...open, 'click[buy now]'];
    }
    if (page.kind === 'search') return 'Nothing is listed yet: search first.';
    if (page.kind === 'done' || (number !== undefined && this.#listed[number - 1]?.asin !== page.product.asin)) {
      return 'Another product is open: say buy for this one, or back.';
    }
    return page.kind === 'sub-page' ? ['click[< prev]', 'click[buy now]'] : ['click[buy now]'];
  }
}

const notUnderstood = 'Not understood: say search WORDS, click N, buy N, next or back, on a line of its own.';

/** What has a number on a page, in order. */
function numbered({ page, clickables }: PageView): string[] {
  if (page.kind === 'results') return page.shown.map(({ asin }) => asin.toLowerCase());
  if (page.kind !== 'item') return [];
  const values = new Set([...page.product.options.values()].flat());
  return [...values, ...subPages.filter((name) => clickables.includes(name) && !values.has(name))];
}

function clickOn(view: PageView, target: number | string): string[] | string {
  if (typeof target === 'string') {
    // Names are said with single blanks, and with the slash that became a bar between two blanks when the shop loaded the value.
    const wanted = oneLine(optionValue(target));
    const name = view.clickables.find((clickable) => oneLine(clickable) === wanted);
    return name === undefined ? `There is no "${shortened(target)}" here.` : [`click[${name}]`];
  }
  const targets = numbered(view);
  const found = targets[target - 1];
  if (found !== undefined) return [`click[${found}]`];
  return targets.length === 0 ? 'Nothing has a number here.' : `Expected a number from 1 to ${targets.length}, got ${target}.`;
}

/** To the page before, for results of the first page to the search page. */
function backFrom({ clickables }: PageView): string[] | string {
  const target = ['< prev', 'back to search'].find((name) => clickables.includes(name));
  return target === undefined ? 'There is no page before this one.' : [`click[${target}]`];
}

function describe(view: PageView): string {
  const { page } = view;
  switch (page.kind) {
    case 'search':
      return 'search WORDS';
    case 'results': {
      const begin = (page.number - 1) * pageSize;
      const products = page.shown.map(({ title, priceText }, i) => `${i + 1}. ${oneLine(title)}, ${shortPrice(priceText)}`);
      const place = page.shown.length === 0 ? 'none here' : `${begin + 1} to ${begin + page.shown.length}`;
      const words = [...(products.length === 0 ? [] : ['click N', 'buy N']), ...(hasNext(page) ? ['next'] : []), 'back', 'search WORDS'];
      return [`${page.total} found, ${place}`, ...products, words.join(' | ')].join('\n');
    }
    case 'item':
      return describeItem(view, page.product, page.chosen);
    case 'sub-page': {
      const texts = subPageTexts(page.product, page.name).map(oneLine).filter(Boolean);
      return [`${page.name}: ${texts.length === 0 ? 'nothing' : ''}`.trim(), ...texts, 'buy | back'].join('\n');
    }
    case 'done':
      return `Bought ${oneLine(page.product.title)}. Score ${page.score.reward.toFixed(2)}.`;
  }
}

function describeItem(view: PageView, product: Product, chosen: ReadonlyMap<string, string>): string {
  const names = numbered(view);
  const values = new Set([...product.options.values()].flat());
  const label = (target: string) => `[${names.indexOf(target) + 1}] ${oneLine(target)}`;
  // A value of several options belongs to the last that has it: only there it can be chosen.
  const ownerOf = new Map([...product.options].flatMap(([name, own]) => own.map((value): [string, string] => [value, name])));
  const options = [...product.options].map(([name, own]) => {
    const shown = [...new Set(own)].map((value) =>
      ownerOf.get(value) !== name ? oneLine(value) : `${label(value)}${chosen.get(name) === value ? ' (chosen)' : ''}`,
    );
    return `${oneLine(name)}: ${shown.join(', ')}`;
  });
  const texts = names.filter((name) => !values.has(name)).map(label);
  return [`${oneLine(product.title)}, ${shortPrice(product.priceText)}`, ...options, texts.join(', '), 'buy | click N | back'].join('\n');
}

function hasNext({ number, total }: { readonly number: number; readonly total: number }): boolean {
  return number * pageSize < total;
}

/** What may be said on a page, in the words of this style. */
function validActions(view: PageView): string[] {
  const { page, searchBar } = view;
  if (searchBar) return [searchMarker];
  if (page.kind === 'done') return [];
  const numbers = numbered(view).map((_, i) => i + 1);
  const clicks = numbers.map((number) => `click ${number}`);
  if (page.kind === 'results') {
    return [...clicks, ...numbers.map((number) => `buy ${number}`), ...(hasNext(page) ? ['next'] : []), 'back', searchMarker];
  }
  return [...clicks, 'buy', 'back', searchMarker];
}

/** How an action of the shop is said on a page; by its name where it has no number. */
function wordsOf(action: string, view: PageView | undefined): string {
  const match = /^(search|click)\[(.*)\]$/s.exec(action);
  if (match === null) return action;
  const [, name, argument = ''] = match;
  if (name === 'search') return `search ${argument}`;
  if (argument === 'next >') return 'next';
  if (argument === 'buy now') return 'buy';
  if (view === undefined) return `click ${argument}`;
  if (backFrom(view)[0] === action) return 'back';
  const number = numbered(view).indexOf(argument.toLowerCase()) + 1;
  return `click ${number === 0 ? argument : number}`;
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
