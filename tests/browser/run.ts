// Plays and replays in a real Chromium with the keyboard alone, in light and dark, on a desk and on a phone; looks for what is hard to read or
// to use, and takes screenshots.
//   npm run test:browser                              with the synthetic shop
//   npm run test:browser -- --data DIR --shots DIR    with a catalogue; keeps the screenshots
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WebShopEnv, type WebShopTask } from '../../lib/env/webshop/webshop-env.ts';
import { inspectTrajectory } from '../../lib/report/inspection.ts';
import { saveTrajectories } from '../../lib/rollout/trajectory-file.ts';
import { createShopApp } from '../../lib/webshop/serve/app.ts';
import { Recording } from '../../lib/webshop/serve/recording.ts';
import { openServer, type ShopServer } from '../../lib/webshop/serve/server.ts';
import { attack, writeHostileShop } from '../fixtures/hostile-shop.ts';
import { byteTokenizer, recordTrip, shopperActions } from '../fixtures/recorded-trip.ts';
import { Chromium, findChromium } from './chromium.ts';
import { pageFaults } from './page-checks.ts';

const { values } = parseArgs({ options: { data: { type: 'string' }, shots: { type: 'string' } } });
const folder = mkdtempSync(join(tmpdir(), 'astarpo-browser-'));
const faults: string[] = [];
let prefix = '';

async function openShop(env: WebShopEnv, texts: (actions: readonly string[]) => readonly string[], task: WebShopTask): Promise<ShopServer> {
  const path = join(folder, 'trajectories.jsonl');
  rmSync(path, { force: true });
  await saveTrajectories(path, [recordTrip(env, task, texts(shopperActions(env, task)))]);
  const recordings = [await Recording.open(path)];
  const onError = (error: unknown) => faults.push(`the server failed: ${error}`);
  const app = createShopApp({ env, split: 'all', recordings, inspect: (one) => inspectTrajectory(one, byteTokenizer), onError });
  return openServer(app, { host: '127.0.0.1', port: 0 });
}

/** Checks the page as it is in every width and scheme. */
async function check(chromium: Chromium, page: string): Promise<void> {
  const name = prefix + page;
  for (const width of [1280, 390]) {
    for (const scheme of ['light', 'dark'] as const) {
      await chromium.look(width, scheme);
      for (const fault of await pageFaults(chromium)) faults.push(`${name}, ${width} px, ${scheme}: ${fault}`);
      if (values.shots !== undefined) writeFileSync(join(values.shots, `${name}-${width}-${scheme}.png`), await chromium.screenshot());
    }
  }
  await chromium.look(1280, 'light');
}

/** Presses Tab until the focus is on what matches; the focus must be visible all the way. */
async function tabTo(chromium: Chromium, selector: string): Promise<void> {
  for (let i = 0; i < 80; i++) {
    await chromium.press('Tab');
    const { found, seen } = await chromium.evaluate<{ found: boolean; seen: boolean }>(`(() => {
      const at = document.activeElement;
      const shown = at.matches('.choice input') ? at.nextElementSibling : at;
      return { found: at.matches(${JSON.stringify(selector)}), seen: getComputedStyle(shown).outlineStyle !== 'none' };
    })()`);
    if (!seen) faults.push(`no visible focus on the way to ${selector}`);
    if (found) return;
  }
  assert.fail(`Tab does not reach ${selector}`);
}

const text = (chromium: Chromium) => chromium.evaluate<string>('document.body.innerText');

async function playWithKeys(chromium: Chromium, env: WebShopEnv, url: string): Promise<void> {
  const task = env.tasks('all').at(0);
  await chromium.open(url);
  await check(chromium, 'goals');
  await chromium.press('Tab');
  assert.equal(await chromium.evaluate('document.activeElement.className'), 'skip');
  await tabTo(chromium, '.goals button');
  await chromium.leads(() => chromium.press('Enter'));
  await check(chromium, 'search');
  await chromium.press('/');
  await chromium.type(task.goal.title.split(' ').slice(0, 8).join(' '));
  await chromium.leads(() => chromium.press('Enter'));
  await check(chromium, 'results');
  await chromium.leads(() => chromium.press('n'));
  await chromium.leads(() => chromium.press('p'));
  const place = await chromium.evaluate<number>(
    `[...document.querySelectorAll('.link')].findIndex(({ value }) => value === ${JSON.stringify(task.goal.asin.toLowerCase())})`,
  );
  await chromium.leads(() => chromium.press(String((Math.max(0, place) + 1) % 10)));
  await check(chromium, 'item');
  for (const option of await chromium.evaluate<string[]>(
    `[...new Set([...document.querySelectorAll('.choice input')].map(({ name }) => name))]`,
  )) {
    await tabTo(chromium, `input[name="${option}"]`);
    await chromium.press(' ');
  }
  await chromium.leads(() => chromium.press('d'));
  await check(chromium, 'description');
  await chromium.leads(() => chromium.press('p'));
  const kept = await chromium.evaluate<number>(`document.querySelectorAll('.choice input:checked').length`);
  assert.equal(kept, await chromium.evaluate(`new Set([...document.querySelectorAll('.choice input')].map(({ name }) => name)).size`));
  await check(chromium, 'item-chosen');
  await chromium.leads(() => chromium.press('B', 'B'));
  assert.match(await text(chromium), /r_type/);
  await check(chromium, 'score');
}

async function replayWithKeys(chromium: Chromium, url: string): Promise<void> {
  await chromium.open(`${url}recordings`);
  await check(chromium, 'recordings');
  await chromium.open(`${url}recordings/0`);
  await check(chromium, 'recording');
  await chromium.open(`${url}recordings/0/0`);
  assert.match(await text(chromium), /Step 1 of/);
  await chromium.leads(() => chromium.press('ArrowRight'));
  assert.match(await text(chromium), /Step 2 of/);
  await check(chromium, 'replay');
  await chromium.leads(() => chromium.press('ArrowLeft'));
  assert.match(await text(chromium), /Step 1 of/);
  await chromium.leads(() => chromium.press('End'));
  await check(chromium, 'replay-end');
}

async function main(program: string): Promise<void> {
  if (values.shots !== undefined) mkdirSync(values.shots, { recursive: true });
  const chromium = await Chromium.launch(program);
  chromium.on((method, params) => {
    if (method === 'Page.javascriptDialogOpening') faults.push('a script of a catalogue ran');
    const entry = (params as { entry?: { level?: string; text?: string; url?: string } }).entry;
    if (method === 'Log.entryAdded' && entry?.level === 'error') faults.push(`console: ${entry.text} ${entry.url ?? ''}`);
    if (method === 'Runtime.exceptionThrown') faults.push(`a script failed: ${JSON.stringify(params)}`);
  });
  try {
    await chromium.look(1280, 'light');
    const env = await WebShopEnv.open(values.data === undefined ? { layout: 'full' } : { data: values.data });
    const server = await openShop(env, (actions) => actions, env.tasks('all').at(0));
    await playWithKeys(chromium, env, server.url);
    await replayWithKeys(chromium, server.url);
    await chromium.open(`${server.url}help`);
    await check(chromium, 'help');
    await server.close();

    prefix = 'thoughts-';
    const styled = await WebShopEnv.open({ style: 'think-act' });
    const thinking = await openShop(styled, (actions) => actions, styled.tasks('all').at(0));
    await replayWithKeys(chromium, thinking.url);
    await thinking.close();

    prefix = 'hostile-';
    await writeHostileShop(folder);
    const hostile = await WebShopEnv.open({ data: folder });
    const danger = await openShop(hostile, () => [attack, `search[${attack}]`], hostile.tasks('all').at(0));
    await playWithKeys(chromium, hostile, danger.url);
    await replayWithKeys(chromium, danger.url);
    await danger.close();
  } finally {
    await chromium.close();
    rmSync(folder, { recursive: true });
  }
  for (const fault of new Set(faults)) console.error(fault);
  console.log(faults.length === 0 ? 'test:browser: everything is as it should be' : `test:browser: ${new Set(faults).size} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

const program = findChromium();
if (program === undefined)
  console.warn('SKIPPED: test:browser, because no Chromium was found (on Debian: apt-get install chromium; or set CHROMIUM)');
else await main(program);
