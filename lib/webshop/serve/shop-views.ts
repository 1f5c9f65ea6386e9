import { html } from 'hono/html';
import type { Product } from '../../env/webshop/catalogue/products.ts';
import { subPageTexts } from '../../env/webshop/pages/page-nodes.ts';
import { subPageTitle } from '../../env/webshop/shop/buttons.ts';
import { type Page, parseAction, type Session } from '../../env/webshop/shop/session.ts';
import { pageSize } from '../../env/webshop/shop/shop.ts';
import { choicesOf } from './choices.ts';
import { clip, counted, type Html } from './document.ts';

/** How a page of the shop is shown: live, with what its forms must send along, or as a picture of itself with what was done on it. */
export type Hand = { readonly live: true; readonly fields: Html } | { readonly live: false; readonly done?: string | undefined };

type ShoppingPage = Exclude<Page, { kind: 'done' }>;
type Trip = Pick<Session, 'search' | 'subPages'>;

export function shoppingTitle(page: ShoppingPage, { search }: Trip): string {
  if (page.kind === 'search') return 'Search';
  if (page.kind === 'results') return `Results for ${search.query}`;
  return page.kind === 'item' ? page.product.title : `${subPageTitle(page.name)} of ${page.product.title}`;
}

/** A page of the shop before the purchase. */
export function shoppingView(page: ShoppingPage, trip: Trip, hand: Hand): Html {
  switch (page.kind) {
    case 'search':
      return searchView(hand);
    case 'results':
      return resultsView(page, trip, hand);
    case 'item':
      return itemView(page, trip, hand);
    case 'sub-page':
      return subPageView(page, hand);
  }
}

/** The search bar; works on every page. */
export function searchForm(hand: Hand, query = ''): Html {
  const id = hand.live ? 'query' : 'query-then';
  const text = hand.live ? query : (doneTo(hand, 'search') ?? query);
  return form(
    hand,
    'search',
    html`<label for="${id}">Search the shop</label>
<div class="field"><input id="${id}" type="search" name="search" value="${text}" maxlength="500" autocomplete="off" required${key(hand, '/')}>
<button class="primary"${hand.live ? '' : html` disabled`}>Search</button></div>`,
  );
}

function searchView(hand: Hand): Html {
  return html`<section class="hero">${heading(hand, 'What are you looking for?')}${searchForm(hand)}
<p class="hint">Say what kind of thing it is and how it should be: <q>long sleeve cotton shirt</q>.</p></section>`;
}

function resultsView(page: ShoppingPage & { kind: 'results' }, { search }: Trip, hand: Hand): Html {
  const pages = Math.ceil(page.total / pageSize);
  const from = (page.number - 1) * pageSize + 1;
  const range = page.shown.length === 0 ? '' : `, ${from} to ${from + page.shown.length - 1} shown`;
  const list = html`<ol class="products" start="${from}">${page.shown.map((product, place) => card(product, place, hand))}</ol>`;
  const empty = html`<p class="empty">${page.total === 0 ? 'Nothing was found. Try other words.' : 'There are no more results.'}</p>`;
  const pager = html`<nav class="pager" aria-label="Pages of results">
${page.number > 1 ? button(hand, '< prev', '← Previous', 'p') : ''}
<span>Page ${page.number}${pages > 0 ? ` of ${pages}` : ''}</span>
${button(hand, 'next >', 'Next →', 'n')}</nav>`;
  return form(
    hand,
    'results',
    html`<p class="trail">${button(hand, 'back to search', '← New search', 'b', 'quiet')}</p>
${heading(hand, html`Results for <q>${clip(search.query, 200)}</q>`)}
<p class="hint">${counted(page.total, 'result')}${range}</p>
${page.shown.length === 0 ? empty : list}
${pager}`,
  );
}

function card(product: Product, place: number, hand: Hand): Html {
  const { asin, priceText } = product;
  return html`<li class="product">${tile(product)}
<div>${productLink(product, place, hand)}
<p class="price">${priceText}</p><p class="hint">${asin}</p></div></li>`;
}

function productLink({ asin, title }: Product, place: number, hand: Hand): Html {
  const link = button(hand, asin.toLowerCase(), title === '' ? asin : clip(title, 300), String((place + 1) % 10), 'link');
  return hand.live ? html`<h2>${link}</h2>` : html`<p class="h2">${link}</p>`;
}

/** Stands for the picture, which catalogues do not hold. */
function tile({ category, title }: Product): Html {
  const names = ['beauty', 'electronics', 'fashion', 'garden', 'grocery'];
  const look = names.includes(category) ? category : 'other';
  return html`<div class="tile ${look}" aria-hidden="true"><span>${(title.match(/[\p{L}\p{N}]/u)?.[0] ?? '·').toUpperCase()}</span></div>`;
}

function itemView(page: ShoppingPage & { kind: 'item' }, { subPages }: Trip, hand: Hand): Html {
  const { product, chosen } = page;
  const options = choicesOf(product, chosen, subPages);
  const fieldsets = options.map(
    ({ name, choices }, place) => html`<fieldset class="option"><legend>${clip(name, 200)}</legend>
${choices.map(
  (
    { value, chosen, blocked },
    at,
  ) => html`<label class="choice${blocked === undefined ? '' : ' blocked'}${doneTo(hand, 'click') === value ? ' done' : ''}">
<input type="radio" name="${option(hand, place)}" value="${at}"${chosen ? html` checked` : ''}${hand.live && blocked === undefined ? '' : html` disabled`}>
<span>${clip(value, 300)}${blocked === undefined ? '' : html` <small>(${blocked})</small>`}</span></label>`,
)}</fieldset>`,
  );
  // The first button of a form is what Enter presses: it must not be the purchase.
  const keep = hand.live && options.length > 0 ? html`<button name="keep" value="1" class="quiet">Keep these choices</button>` : '';
  return form(
    hand,
    'item',
    html`${options.length === 0 ? '' : html`<button name="keep" value="1" class="unseen" tabindex="-1" aria-hidden="true">Keep</button>`}
<p class="trail">${button(hand, 'back to search', '← New search', 'b', 'quiet')} ${button(hand, '< prev', '← Back to results', 'p', 'quiet')}</p>
<div class="item">${tile(product)}
<div class="about">${heading(hand, clip(product.title))}
<p class="price">${product.priceText}</p><p class="hint">${product.asin} · Rating: N.A.</p>
${fieldsets}
<div class="actions">${keep}${button(hand, 'buy now', 'Buy now', 'B', 'primary')}</div>
<div class="more" role="group" aria-label="More about it">${subPages.map((name) => button(hand, name, subPageTitle(name), name[0] ?? ''))}</div>
</div></div>`,
  );
}

function subPageView(page: ShoppingPage & { kind: 'sub-page' }, hand: Hand): Html {
  const texts = subPageTexts(page.product, page.name).filter((text) => text.trim() !== '');
  const body = page.name === 'description' ? texts.map((text) => html`<p class="prose">${clip(text)}</p>`) : bullets(texts);
  return form(
    hand,
    'sub-page',
    html`<p class="trail">${button(hand, 'back to search', '← New search', 'b', 'quiet')} ${button(hand, '< prev', '← Back to the item', 'p', 'quiet')}</p>
${heading(hand, subPageTitle(page.name))}<p class="hint">${clip(page.product.title, 300)}</p>
${texts.length === 0 ? html`<p class="empty">There is nothing on this page.</p>` : body}`,
  );
}

function bullets(texts: readonly string[]): Html {
  return html`<ul class="prose">${texts.slice(0, 500).map((text) => html`<li>${clip(text)}</li>`)}</ul>`;
}

function form(hand: Hand, name: string, body: Html): Html {
  if (!hand.live) return html`<div class="form ${name}">${body}</div>`;
  return html`<form method="post" action="/act" class="${name}"${name === 'search' ? html` role="search"` : ''}>${hand.fields}${body}</form>`;
}

/** A picture of a page stands inside another page, whose heading is above it. */
function heading(hand: Hand, text: Html | string): Html {
  return hand.live ? html`<h1>${text}</h1>` : html`<h3 class="h1">${text}</h3>`;
}

function button(hand: Hand, press: string, label: string, shortcut: string, look = ''): Html {
  if (!hand.live) return html`<span class="button ${look}${doneTo(hand, 'click') === press ? ' done' : ''}">${label}</span>`;
  return html`<button name="press" value="${press}" class="${look}" data-key="${shortcut}">${label}</button>`;
}

function key(hand: Hand, shortcut: string): Html | '' {
  return hand.live ? html` data-key="${shortcut}"` : html` disabled`;
}

/** What was searched for or clicked on the page that a picture shows. */
function doneTo(hand: Hand, name: 'search' | 'click'): string | undefined {
  if (hand.live || hand.done === undefined) return undefined;
  const action = parseAction(hand.done);
  return action.name === name ? action.argument : undefined;
}

/** Groups of radio buttons go by their names, which the live page and a picture must not share. */
function option(hand: Hand, place: number): string {
  return hand.live ? `option${place}` : `then${place}`;
}
