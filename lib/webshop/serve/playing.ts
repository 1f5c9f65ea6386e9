import { randomBytes, randomInt } from 'node:crypto';
import type { Context, Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { html } from 'hono/html';
import { openSession } from '../../env/webshop/shop/open-session.ts';
import type { Site } from './app.ts';
import { clip, type Html, renderDocument } from './document.ts';
import { listGoals } from './goal-list.ts';
import { goalsView, taskBanner } from './goal-views.ts';
import { integerOf, Refusal } from './refusal.ts';
import { scoreView } from './score-views.ts';
import { searchForm, shoppingTitle, shoppingView } from './shop-views.ts';
import { act, type Visit, type Visits } from './visits.ts';

const maxQuery = 500;

/** Choosing a goal and playing it. Every form leads to a redirect, so that a page can be loaded again. */
export function addPlaying(app: Hono, site: Site, visits: Visits): void {
  const { env, recordings } = site;
  const hasRecordings = recordings.length > 0;

  app.get('/', (context) => {
    const name = ensureName(context, visits);
    const split = context.req.query('split') ?? site.split;
    const words = (context.req.query('words') ?? '').slice(0, 200);
    const start = integerOf(context.req.query('start') ?? '0', 'start');
    const list = listGoals(env, split, { start, words });
    const playing = visits.get(name)?.task.instruction;
    const main = goalsView({ splits: env.splits, split, words, start, list, fields: tokenField(visits, name), playing });
    return context.html(renderDocument({ title: 'Goals', main, hasRecordings }));
  });

  app.post('/play', async (context) => {
    const { name, fields } = await readForm(context, visits);
    const split = fields.get('split') ?? '';
    const tasks = env.tasks(split);
    if (tasks.length === 0) throw new Refusal(404, `expected goals in split ${split}, got none`, 'choose another split');
    const place = fields.has('random') ? randomInt(tasks.length) : integerOf(fields.get('place') ?? undefined, 'a place');
    const task = tasks.at(place);
    const session = openSession(env, task.goal, randomBytes(8).readBigUInt64LE());
    visits.set(name, { task, split, place, session, log: [], count: 0, notice: undefined });
    return context.redirect('/shop', 303);
  });

  app.get('/shop', (context) => {
    const name = ensureName(context, visits);
    const visit = visits.get(name);
    if (visit === undefined) return context.redirect('/', 303);
    const { task, split, place, session, notice } = visit;
    visit.notice = undefined;
    const { page } = session;
    const token = tokenField(visits, name);
    const banner = taskBanner(task.instruction, `${split} ${place}`);
    const hand = { live: true, fields: html`${token}<input type="hidden" name="count" value="${visit.count}">` } as const;
    const bar =
      page.kind === 'search' || page.kind === 'done' ? '' : html`<div class="searchbar">${searchForm(hand, session.search.query)}</div>`;
    const body =
      page.kind === 'done'
        ? html`${scoreView(page, task.goal, env.options.titles.name)}${again(visit, token)}`
        : shoppingView(page, session, hand);
    const said = notice === undefined ? '' : html`<p class="notice" role="status">${notice}</p>`;
    const title = page.kind === 'done' ? 'Score' : shoppingTitle(page, session);
    const top = html`${page.kind === 'done' ? '' : banner}${bar}`;
    return context.html(renderDocument({ title, top, main: html`${said}${body}${logView(visit)}`, hasRecordings }));
  });

  app.post('/act', async (context) => {
    const { name, fields } = await readForm(context, visits);
    const visit = visits.get(name);
    if (visit === undefined)
      throw new Refusal(409, 'expected a game that was begun, got none', 'choose a goal; games are kept in memory only');
    visit.notice = await play(visit, fields);
    return context.redirect('/shop', 303);
  });
}

/** Does what a form says; returns what the shopper should know. */
async function play(visit: Visit, fields: URLSearchParams): Promise<string | undefined> {
  const query = fields.get('search');
  const press = fields.get('press');
  if (query !== null && query.length > maxQuery) {
    throw new Refusal(400, `expected at most ${maxQuery} characters to search for, got ${query.length}`);
  }
  await visit.session.prepare(query === null ? `click[${press ?? ''}]` : `search[${query}]`);
  // Only now, since another form may have come while this one waited; from here on nothing waits.
  if (fields.get('count') !== String(visit.count)) return 'That page was of an earlier moment of the game. This is where it stands.';
  if (query !== null) {
    if (query.trim() === '') return 'Say what to search for.';
    return act(visit, `search[${query}]`) === 'nothing' ? 'That cannot be searched for.' : undefined;
  }
  const { page } = visit.session;
  if (page.kind === 'item') {
    for (const [place, [option, values]] of [...page.product.options].entries()) {
      const field = fields.get(`option${place}`);
      if (field === null) continue;
      const value = [...new Set(values)][integerOf(field, 'a choice')];
      if (value !== undefined && page.chosen.get(option) !== value) act(visit, `click[${value}]`);
    }
  }
  if (press === null) return undefined;
  return act(visit, `click[${press}]`) === 'nothing' ? 'That cannot be done on this page.' : undefined;
}

/** The form and the browser it is from. Throws a refusal when the form was not made here for this browser. */
async function readForm(context: Context, visits: Visits): Promise<{ name: string; fields: URLSearchParams }> {
  const fields = new URLSearchParams(await context.req.text());
  const name = nameOf(context);
  if (name === undefined || !visits.isToken(name, fields.get('token') ?? '')) {
    throw new Refusal(
      403,
      'expected a form that was made for this browser, got another',
      'allow cookies of this page, open the goals and try again',
    );
  }
  return { name, fields };
}

/** Cookies do not tell ports apart: two shops on one machine must not take each other's. */
function cookieOf(context: Context): string {
  return `webshop-${new URL(context.req.url).port || '80'}`;
}

function nameOf(context: Context): string | undefined {
  const name = getCookie(context, cookieOf(context));
  return name !== undefined && /^[0-9a-f]{32}$/.test(name) ? name : undefined;
}

function ensureName(context: Context, visits: Visits): string {
  const known = nameOf(context);
  if (known !== undefined) return known;
  const name = visits.newName();
  setCookie(context, cookieOf(context), name, { httpOnly: true, sameSite: 'Strict', path: '/' });
  return name;
}

function tokenField(visits: Visits, name: string): Html {
  return html`<input type="hidden" name="token" value="${visits.token(name)}">`;
}

/** What can be done after the purchase. */
function again({ split, place }: Visit, token: Html): Html {
  return html`<form method="post" action="/play" class="actions">${token}<input type="hidden" name="split" value="${split}">
<button name="random" value="1" class="primary" data-key="r">Play a random goal</button>
<button name="place" value="${place}">Play this goal again</button>
<a class="button" href="/?split=${encodeURIComponent(split)}">Choose a goal</a></form>`;
}

function logView({ log, count }: Visit): Html {
  if (count === 0) return html``;
  const left = count - log.length;
  return html`<details class="logged"><summary>What you did, in the words of an agent (${count})</summary>
${left > 0 ? html`<p class="hint">The first ${left} are left out.</p>` : ''}
<ol class="log" start="${left + 1}">${log.map(
    ({ action, outcome }) =>
      html`<li><code>${clip(action, 300)}</code>${outcome === 'nothing' ? html` <span class="hint">did nothing</span>` : ''}</li>`,
  )}</ol></details>`;
}
