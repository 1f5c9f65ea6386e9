import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../../lib/cli/program.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { saveTrajectories } from '../../../lib/rollout/trajectory-file.ts';
import { createShopApp, type Site } from '../../../lib/webshop/serve/app.ts';
import { Recording } from '../../../lib/webshop/serve/recording.ts';
import { openServer } from '../../../lib/webshop/serve/server.ts';
import { attack, writeHostileShop } from '../../fixtures/hostile-shop.ts';
import { shopperActions } from '../../fixtures/recorded-trip.ts';
import { formType, scripts, Visitor } from '../../fixtures/shop-visitor.ts';

const synthetic = { categories: 4, productsPerCategory: 20 };
let env: WebShopEnv;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-serve-'));
  env = await WebShopEnv.open({ synthetic, layout: 'full' });
});
afterAll(() => rm(folder, { recursive: true }));

function shopApp(changes: Partial<Site> = {}): Hono {
  return createShopApp({ env, split: 'test', recordings: [], ...changes });
}

describe('playing', () => {
  it('leads from a goal to the score, by the buttons that a person sees', async () => {
    const visitor = new Visitor(shopApp());
    await visitor.get('/');
    expect(visitor.html).toContain('Choose a goal');
    const task = env.tasks('test').at(2);
    await visitor.post('/play', { split: 'test', place: '2' });
    expect(visitor.html).toContain(task.instruction);
    for (const action of shopperActions(env, task)) {
      const press = /^click\[(.*)\]$/.exec(action)?.[1];
      const radio =
        press === undefined ? undefined : new RegExp(`name="(option\\d+)" value="(\\d+)"[^>]*>\\s*<span>${press}<`).exec(visitor.html);
      if (radio === null || radio === undefined) await visitor.act(action);
      else await visitor.post('/act', { [radio[1] ?? '']: radio[2] ?? '', keep: '1' });
    }
    expect(visitor.html).toContain('Exactly what was asked for');
    for (const part of ['r_type', 'title score', 'query match', 'category match', 'r_att', 'r_option', 'r_price', 'matched']) {
      expect(visitor.html).toContain(part);
    }
    expect(visitor.html).not.toContain('not matched');
    expect(visitor.html).toMatch(/in the words of an agent \(\d+\)/);
  });

  it('tells which wishes were missed', async () => {
    const visitor = new Visitor(shopApp());
    await visitor.get('/');
    await visitor.post('/play', { split: 'test', place: '0' });
    const wanted = env.tasks('test').at(0).goal.query;
    const other = [...env.shop.products].find(({ query }) => query !== wanted);
    await visitor.act(`search[${other?.title}]`);
    await visitor.act(`click[${/value="([^"]+)" class="link" data-key="1"/.exec(visitor.html)?.[1]}]`);
    await visitor.act('click[buy now]');
    expect(visitor.html).toContain('not matched');
  });

  it('refuses what is not possible and what comes from an older page', async () => {
    const visitor = new Visitor(shopApp());
    await visitor.get('/');
    await visitor.post('/play', { split: 'test', place: '0' });
    await visitor.act('click[buy now]');
    expect(visitor.html).toContain('That cannot be done on this page.');
    await visitor.post('/act', { search: 'shoes', count: '0' });
    expect(visitor.html).toContain('of an earlier moment');
    await visitor.post('/act', { search: '  ' });
    expect(visitor.html).toContain('Say what to search for.');
    expect((await visitor.post('/act', { search: 'x'.repeat(501) })).status).toBe(400);
  });

  it('shows goals by split, words and pages; unknown ones are coded errors', async () => {
    const visitor = new Visitor(shopApp());
    const word = env.tasks('train').at(3).instruction.split(' ').at(-1) ?? '';
    await visitor.get(`/?split=train&words=${encodeURIComponent(word)}`);
    expect(visitor.html).toContain(word);
    await visitor.get('/?words=nosuchwordatall');
    expect(visitor.html).toContain('No goal here has all of these words.');
    for (const [path, status, code] of [
      ['/?split=tset', 404, 'ASTARPO_TASKS'],
      ['/?start=-1', 400, 'ASTARPO_REQUEST'],
      ['/nowhere', 404, 'ASTARPO_REQUEST'],
    ] as const) {
      expect((await visitor.get(path)).status).toBe(status);
      expect(visitor.html).toContain(code);
    }
    await visitor.get('/');
    for (const place of ['9999999', '-1', '1e3', ''])
      expect((await visitor.post('/play', { split: 'test', place })).status).toBeGreaterThanOrEqual(400);
  });

  it('says that a split has no goals, instead of offering one', async () => {
    const visitor = new Visitor(shopApp({ env: await WebShopEnv.open({ synthetic: { ...synthetic, testShare: 0 } }) }));
    await visitor.get('/?split=test');
    expect(visitor.html).toContain('This split has no goals.');
    expect(visitor.html).not.toMatch(/name="(?:place|random)"/);
    expect((await visitor.post('/play', { split: 'test', random: '1' })).status).toBe(404);
    expect(visitor.html).toContain('expected goals in split test, got none');
  });

  it('keeps as many games as it may, and nothing for those who only look', async () => {
    const app = shopApp({ maxVisits: 2 });
    const visitors = [new Visitor(app), new Visitor(app), new Visitor(app)];
    for (const visitor of visitors) {
      await visitor.get('/');
      await visitor.post('/play', { split: 'test', random: '1' });
    }
    const states = await Promise.all(visitors.map(async (visitor) => (await visitor.get('/shop')).status));
    expect(states).toEqual([303, 200, 200]);
    for (let i = 0; i < 50; i++) await new Visitor(app).get('/');
    expect((await (visitors[2] as Visitor).get('/shop')).status).toBe(200);
  });
});

describe('safety', () => {
  it('escapes every text of a catalogue', async () => {
    await writeHostileShop(folder);
    const hostile = await WebShopEnv.open({ data: folder, showAttributes: true });
    const visitor = new Visitor(createShopApp({ env: hostile, split: 'all', recordings: [] }));
    const pages: string[] = [];
    const see = () => {
      pages.push(visitor.html);
      expect(scripts(visitor.html)).toEqual([]);
    };
    await visitor.get(`/?words=${encodeURIComponent(attack)}`);
    see();
    await visitor.post('/play', { split: 'all', place: '0' });
    see();
    await visitor.act(`search[shirt ${attack}]`);
    see();
    await visitor.act('click[b000000001]');
    see();
    expect(visitor.html).toContain('no click can name it');
    expect(visitor.html).toContain('a click chooses it for size');
    for (const name of ['description', 'features', 'reviews', 'attributes']) {
      await visitor.act(`click[${name}]`);
      see();
      if (name === 'description') expect(visitor.html).toContain('more characters)');
      await visitor.act('click[< prev]');
    }
    await visitor.post('/act', { option0: '0', press: 'buy now' });
    see();
    expect(visitor.html).toContain('r_type');
    expect(pages.filter((page) => page.includes('&lt;script&gt;alert(1)')).length).toBeGreaterThan(6);
  });

  it('sends a strict policy with every answer', async () => {
    for (const [path, init] of [
      ['/', {}],
      ['/nowhere', {}],
      ['/act', { method: 'DELETE' }],
      ['/style.css', {}],
    ] as const) {
      const { headers } = await shopApp().request(path, init);
      expect(headers.get('content-security-policy')).toContain("default-src 'none'; style-src 'self'; script-src 'self'");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
    const visitor = new Visitor(shopApp());
    await visitor.get('/');
    expect(visitor.html).not.toMatch(/ style="|<style| on\w+="/);
  });

  it('refuses forms of other sites, of other browsers and without a token', async () => {
    const visitor = new Visitor(shopApp());
    await visitor.get('/');
    const play = { split: 'test', place: '0' };
    const token = visitor.hidden('token');
    for (const [fields, headers] of [
      [{ ...play, token: '' }, {}],
      [{ ...play, token: `${token.slice(1)}0` }, {}],
      [play, { 'sec-fetch-site': 'cross-site' }],
      [play, { origin: 'http://evil.example' }],
      [play, { origin: 'null' }],
      [play, { cookie: '' }],
      [play, { cookie: 'webshop-80=0123456789abcdef0123456789abcdef' }],
    ] as const) {
      await visitor.get('/');
      expect((await visitor.post('/play', fields, headers)).status, JSON.stringify([fields, headers])).toBe(403);
      expect(visitor.html).toContain('ASTARPO_REQUEST');
    }
    await visitor.get('/');
    expect((await visitor.post('/play', play)).status).toBe(303);
  });

  it('refuses other hosts, long addresses, large bodies, other methods and what is no form', async () => {
    const app = shopApp();
    const status = async (path: string, init: RequestInit = {}) => (await app.request(path, init)).status;
    expect(await status('http://evil.example/')).toBe(421);
    expect(await status('http://127.0.0.1.evil.example/')).toBe(421);
    expect(await status('http://192.168.0.7/')).toBe(421);
    for (const host of ['127.0.0.1:4100', 'localhost:1', '[::1]:3000']) expect(await status(`http://${host}/`)).toBe(200);
    expect((await shopApp({ host: '0.0.0.0' }).request('http://192.168.0.7/')).status).toBe(200);
    expect((await shopApp({ host: '0.0.0.0' }).request('http://evil.example/')).status).toBe(421);
    expect(await status(`/?words=${'x'.repeat(5000)}`)).toBe(414);
    const headers = { 'content-type': formType };
    expect(await status('/act', { method: 'POST', headers, body: `search=${'x'.repeat(100_000)}` })).toBe(413);
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(4096).fill(97)) });
    expect(await status('/act', { method: 'POST', headers, body: endless, duplex: 'half' } as RequestInit)).toBe(413);
    expect(await status('/act', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).toBe(415);
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) expect(await status('/', { method })).toBe(405);
    expect(await status('/', { method: 'HEAD' })).toBe(200);
  });

  it('has no way to files', async () => {
    const path = join(folder, 'safe.jsonl');
    await saveTrajectories(path, []);
    const app = shopApp({ recordings: [await Recording.open(path)] });
    for (const path of [
      '/../package.json',
      '/..%2fpackage.json',
      '/%2e%2e/etc/passwd',
      '/recordings/..%2f..%2fetc%2fpasswd',
      '/recordings/0/../../x',
      '/recordings/7',
      '/recordings/0/0',
      '/style.css/../../x',
      '//etc/passwd',
      '/recordings/0/%00',
    ]) {
      const response = await app.request(path);
      expect(response.status, path).toBeGreaterThanOrEqual(400);
      expect(response.status, path).toBeLessThan(500);
      expect(await response.text()).toContain('ASTARPO_');
    }
  });
});

describe('the server', () => {
  it('takes a free port, and says so when the wanted one is taken', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const { port } = blocker.address() as AddressInfo;
    await expect(openServer(shopApp(), { host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ASTARPO_PORT' });
    await expect(openServer(shopApp(), { host: '203.0.113.1', port: 0 })).rejects.toMatchObject({ code: 'ASTARPO_PORT' });
    blocker.close();
    const servers = [
      await openServer(shopApp(), { host: '127.0.0.1', port: undefined }),
      await openServer(shopApp(), { host: '127.0.0.1', port: undefined }),
    ];
    expect(servers[0]?.port).not.toBe(servers[1]?.port);
    expect((await fetch(servers[0]?.url ?? '')).status).toBe(200);
    for (const server of servers) await server.close();
    await expect(fetch(servers[0]?.url ?? '')).rejects.toThrow();
  });
});

describe('astar-po webshop serve', () => {
  async function failure(...args: string[]): Promise<string> {
    const failures: string[] = [];
    expect(await runCommandLine(['webshop', 'serve', ...args], (text) => failures.push(text))).toBe(1);
    return failures.join('\n');
  }

  it('says what is wrong before it listens', async () => {
    await writeHostileShop(folder);
    expect(await failure('--data', folder, '--split', 'tset')).toMatch(/ASTARPO_TASKS.*tset.*\n.*test/);
    expect(await failure('--port', '70000')).toContain('ASTARPO_OPTION');
    expect(await failure('--trajectories', join(folder, 'none.jsonl'))).toContain('ASTARPO_IO');
    expect(await failure('--model', folder)).toContain('tokenizer.json');
    expect(await failure('--data', join(folder, 'none'))).toContain('ASTARPO_DATA');
  });
});
