import { html } from 'hono/html';
import { clip, counted, type Html } from './document.ts';
import type { FoundGoals } from './goal-list.ts';

export interface GoalsPage {
  readonly splits: readonly string[];
  readonly split: string;
  readonly words: string;
  readonly start: number;
  readonly list: FoundGoals;
  /** What a form sends along. */
  readonly fields: Html;
  /** A game that was begun, if any. */
  readonly playing: string | undefined;
}

/** Where a person chooses what to play. */
export function goalsView({ splits, split, words, start, list, fields, playing }: GoalsPage): Html {
  const { goals, length, searched, more } = list;
  const last = goals.at(-1)?.place;
  const next = more && last !== undefined ? last + 1 : searched < length ? searched : undefined;
  const address = (from: number) => `/?${new URLSearchParams({ split, words, start: String(from) })}`;
  const play = (body: Html, look: string) =>
    html`<form method="post" action="/play" class="${look}">${fields}<input type="hidden" name="split" value="${split}">${body}</form>`;
  const byNumber = html`<h2>Take one by number</h2><label for="place">Place in its split, from 0 to ${(length - 1).toLocaleString('en')}</label>
<input id="place" type="number" name="place" min="0" max="${length - 1}" value="0" required inputmode="numeric"><button>Play this goal</button>`;
  const byChance = html`<h2>Or leave it to chance</h2><p>Any of ${counted(length, 'goal')} of this split.</p><button name="random" value="1" class="primary" data-key="r">Play a random goal</button>`;
  const unlisted =
    length === 0
      ? ''
      : html`${play(byNumber, 'panel')}
${play(byChance, 'panel')}`;
  return html`<section class="intro"><h1>Choose a goal</h1>
<p>You are told what to buy. Search the shop, choose the options, and buy what fits best: the score says how well it fits.</p>
${playing === undefined ? '' : html`<p class="notice">You have begun a game: <a href="/shop" data-key="c">go on</a> with <q>${clip(playing, 160)}</q></p>`}
</section>
<div class="chooser">
<form method="get" action="/" class="panel" role="search"><h2>Find one</h2>
<label for="split">Split</label><select id="split" name="split">${splits.map(
    (name) => html`<option${name === split ? html` selected` : ''}>${name}</option>`,
  )}</select>
<label for="words">Words in the instruction</label><input id="words" type="search" name="words" value="${words}" maxlength="200" autocomplete="off" data-key="/">
<button>Show goals</button></form>
${unlisted}
</div>
<section aria-labelledby="goals"><h2 id="goals">Goals of split <q>${split}</q>${words === '' ? '' : html` with <q>${words}</q>`}</h2>
${goals.length === 0 ? html`<p class="empty">${length === 0 ? 'This split has no goals.' : 'No goal here has all of these words.'}</p>` : ''}
${play(
  html`<ol class="goals">${goals.map(
    ({ place, task }) =>
      html`<li><span class="place">${place}</span><p id="goal${place}">${clip(task.instruction, 600)}</p>
<button name="place" value="${place}" aria-describedby="goal${place}">Play</button></li>`,
  )}</ol>`,
  '',
)}
${searched < length && !more ? html`<p class="hint">Looked at goals up to ${searched.toLocaleString('en')} of ${length.toLocaleString('en')}.</p>` : ''}
<nav class="pager" aria-label="Pages of goals">
${start > 0 ? html`<a class="button" href="${address(0)}" data-key="p">First goals</a>` : ''}
${next === undefined ? '' : html`<a class="button" href="${address(next)}" data-key="n">More goals</a>`}</nav></section>`;
}

/** What the shopper was asked for, on every page of the game. */
export function taskBanner(instruction: string, where: string): Html {
  return html`<aside class="task" aria-label="What you are asked for"><p><strong>Your task</strong> <span class="where">${where}</span></p><p>${clip(instruction, 2000)}</p></aside>`;
}
