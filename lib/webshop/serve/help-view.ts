import { html } from 'hono/html';
import type { Html } from './document.ts';

const keys: readonly (readonly [key: string, does: string])[] = [
  ['/', 'go to the search bar'],
  ['1 … 9, 0', 'open a result of the page'],
  ['n, p', 'next page, previous page; on an item p goes back to the results'],
  ['b', 'back to a new search'],
  ['d, f, r, a', 'description, features, reviews, attributes of an item'],
  ['Shift + B', 'buy'],
  ['g, c, r', 'goals; there: go on with the game, play a random goal'],
  ['← and →, Home, End', 'steps of a recording'],
  ['u', 'up from a recording to its list'],
  ['?', 'this page'],
];

export const helpView: Html = html`<h1>Rules and keys</h1>
<section aria-labelledby="rules"><h2 id="rules">Rules</h2>
<ul class="prose">
<li>Buy one product that fits what you are asked for: its kind, its attributes, its options, and the price.</li>
<li>Options are chosen on the product's page. A new search, or going back to the results, forgets them.</li>
<li>Search looks at titles, descriptions, first features and options. It finds at most 50 products, ten to a page.</li>
<li>Buying ends the game. The score is between 0 and 1; only 1 is a success.</li>
<li>An agent sees the same pages as text and does the same things in words: your actions are listed below every page in its words.</li>
</ul></section>
<section aria-labelledby="shortcuts"><h2 id="shortcuts">Keys</h2>
<p>Everything can be reached with Tab, Enter and the arrow keys. Single keys are shorter, and can be turned off at the end of every page.</p>
<dl class="facts keys">${keys.map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl></section>`;
