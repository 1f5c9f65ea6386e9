import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../lib/cli/program.ts';
import { agentStyleNames } from '../../lib/env/webshop/agent/styles.ts';
import { WebShopEnv } from '../../lib/env/webshop/webshop-env.ts';
import { inspectTrajectory } from '../../lib/report/inspection.ts';
import type { Trajectory } from '../../lib/rollout/trajectory.ts';
import { saveTrajectories } from '../../lib/rollout/trajectory-file.ts';
import { createShopApp, type Site } from '../../lib/webshop/serve/app.ts';
import { Recording } from '../../lib/webshop/serve/recording.ts';
import { replay } from '../../lib/webshop/serve/replay.ts';
import { openServer } from '../../lib/webshop/serve/server.ts';
import { styleFormat } from '../fixtures/chats.ts';
import { attack, writeHostileShop } from '../fixtures/hostile-shop.ts';
import { byteTokenizer, recordTrip, shopperActions } from '../fixtures/recorded-trip.ts';

const form = 'application/x-www-form-urlencoded';

/** A browser without scripts: keeps its cookie and sends the forms of the last page. */
class Visitor {
  readonly #app: Hono;
  cookie = '';
  html = '';

  constructor(app: Hono) {
    this.#app = app;
  }

  async get(path: string): Promise<Response> {
    const response = await this.#app.request(path, { headers: { cookie: this.cookie } });
    const set = response.headers.get('set-cookie');
    if (set !== null) this.cookie = set.split(';')[0] ?? '';
    this.html = await response.text();
    return response;
  }

  hidden(name: string): string {
    return new RegExp(`name="${name}" value="([^"]*)"`).exec(this.html)?.[1] ?? '';
  }

  async post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    const all = { token: this.hidden('token'), count: this.hidden('count'), ...fields };
    const body = new URLSearchParams(all).toString();
    const sent = { cookie: this.cookie, 'content-type': form, 'sec-fetch-site': 'same-origin', origin: 'http://localhost', ...headers };
    const response = await this.#app.request(path, { method: 'POST', headers: sent, body });
    if (response.status === 303) await this.get(response.headers.get('location') ?? '/');
    else this.html = await response.text();
    return response;
  }

  /** Says to the shop what an agent would. */
  async act(action: string): Promise<void> {
    const [, name = '', argument = ''] = /^(\w+)\[(.*)\]$/s.exec(action) ?? [];
    await this.post('/act', name === 'search' ? { search: argument } : { press: argument });
  }
}

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

/** Tags that a page should not have, with attribute values left out: all are in quotes, which no escaped text can end. */
function scripts(html: string): string[] {
  const bare = html.replace(/="[^"<>]*"/g, '=""');
  return bare.match(/<script(?! src="" defer>)[^>]*>|<img[^>]*>|<[^>]*\son\w+=[^>]*>/gi) ?? [];
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
    const headers = { 'content-type': form };
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

describe('replaying', () => {
  async function replayed(trajectories: readonly Trajectory[], changes: Partial<Site> = {}): Promise<Visitor> {
    const path = join(folder, 'trajectories.jsonl');
    await rm(path, { force: true });
    await saveTrajectories(path, trajectories);
    return new Visitor(shopApp({ recordings: [await Recording.open(path)], ...changes }));
  }

  it('shows every page beside what the model said, with the log-probs of its tokens', async () => {
    const task = env.tasks('test').at(1);
    const actions = shopperActions(env, task);
    const trajectory = recordTrip(env, task, actions);
    const visitor = await replayed([trajectory], { inspect: (one) => inspectTrajectory(one, byteTokenizer) });
    await visitor.get('/recordings');
    expect(visitor.html).toContain('1 recorded');
    await visitor.get('/recordings/0');
    expect(visitor.html).toContain(task.id);
    for (const [step, action] of actions.entries()) {
      await visitor.get(`/recordings/0/0?step=${step}`);
      expect(visitor.html).toContain(`Step ${step + 1} of ${actions.length + 1}`);
      expect(visitor.html).not.toContain('class="notice"');
      expect(visitor.html.match(/class="token shade/g)?.length).toBeGreaterThan(action.length);
    }
    expect(visitor.html).toContain('log-prob -0.030');
    await visitor.get('/recordings/0/0?step=1');
    expect(visitor.html.match(/class="button [a-z ]*done"/g)).toHaveLength(1);
    await visitor.get(`/recordings/0/0?step=${actions.length}`);
    expect(visitor.html).toContain('Exactly what was asked for');
    expect((await visitor.get(`/recordings/0/0?step=${actions.length + 1}`)).status).toBe(404);
    expect((await visitor.get('/recordings/0/1')).status).toBe(404);
  });

  it('goes through contexts turn by turn', async () => {
    const task = env.tasks('test').at(1);
    const actions = shopperActions(env, task);
    const grown = recordTrip(env, task, actions);
    const trajectory = recordTrip(env, task, actions, { fresh: true });
    expect([grown.contexts.length, trajectory.contexts.length]).toEqual([1, actions.length]);
    const visitor = await replayed([trajectory, grown], { inspect: (one) => inspectTrajectory(one, byteTokenizer) });
    for (const [step, action] of actions.entries()) {
      await visitor.get(`/recordings/0/0?step=${step}`);
      expect(visitor.html).toContain(`Step ${step + 1} of ${actions.length + 1}`);
      expect(visitor.html).toContain(`<dt>Context</dt><dd>${step + 1} of ${actions.length}</dd>`);
      expect(visitor.html).not.toContain('class="notice"');
      const tokens = visitor.html.match(/<span class="token shade\d" title="[^"]*">/g);
      expect(tokens).toHaveLength(Buffer.from(action).length + 1);
      await visitor.get(`/recordings/0/1?step=${step}`);
      expect(visitor.html.match(/<span class="token shade\d" title="[^"]*">/g)).toEqual(tokens);
      expect(visitor.html).not.toContain('<dt>Context</dt>');
    }
    await visitor.get(`/recordings/0/0?step=${actions.length}`);
    expect(visitor.html).toContain('Exactly what was asked for');
  });

  it('says when the shop is not the recorded one, or the tokenizer not the model’s', async () => {
    const task = env.tasks('test').at(1);
    const trajectory = recordTrip(env, task, ['search[shoes]', 'click[next >]', 'click[< prev]']);
    const [context] = trajectory.contexts;
    const turns = context?.turns.map((turn, i) => (i === 2 ? { ...turn, text: 'another page' } : turn)) ?? [];
    const other = { ...trajectory, contexts: [{ ...context, turns } as Trajectory['contexts'][0]] };
    const visitor = await replayed([other, { ...trajectory, taskId: 'webshop_99999999' }, { ...trajectory, taskId: attack }]);
    await visitor.get('/recordings/0/0?step=0');
    expect(visitor.html).toContain('What are you looking for?');
    await visitor.get('/recordings/0/0?step=1');
    expect(visitor.html).toContain('it is another catalogue');
    expect(visitor.html).toContain('another page');
    await visitor.get('/recordings/0/1');
    expect(visitor.html).toContain('no goal of that name');
    expect(visitor.html).toContain('--model');
    await visitor.get('/recordings/0/2');
    expect(scripts(visitor.html)).toEqual([]);
  });

  it('escapes what a model says', async () => {
    const task = env.tasks('test').at(0);
    const trajectory = recordTrip(env, task, [`${attack}\u202e\u0007`, attack], { finish: attack as 'done', rewards: { [attack]: 1 } });
    for (const inspect of [undefined, (one: Trajectory) => inspectTrajectory(one, byteTokenizer)]) {
      const visitor = await replayed([trajectory], { inspect });
      for (const path of ['/recordings/0', '/recordings/0/0', '/recordings/0/0?step=1']) {
        await visitor.get(path);
        expect(scripts(visitor.html)).toEqual([]);
        for (const hidden of ['\u202e', '\u0007']) expect(visitor.html).not.toContain(hidden);
      }
    }
  });

  it('refuses files that are no trajectories, and reads one that grew', async () => {
    const path = join(folder, 'grown.jsonl');
    const trajectory = recordTrip(env, env.tasks('test').at(0), ['search[é🙂]', 'click[next >]']);
    await saveTrajectories(path, [trajectory]);
    const recording = await Recording.open(path);
    await saveTrajectories(path, [{ ...trajectory, sample: 1 }]);
    expect((await recording.list()).map(({ sample }) => sample)).toEqual([0, 1]);
    expect((await recording.read(1)).trajectory).toEqual({ ...trajectory, sample: 1 });
    const [, second] = (await readFile(path, 'utf8')).split('\n');
    await writeFile(path, `${second}\n`);
    expect((await recording.list()).map(({ sample }) => sample)).toEqual([1]);
    await writeFile(path, '{"schema":1,"seed":"1","contexts":[]}\n');
    await expect(Recording.open(path)).rejects.toMatchObject({ code: 'ASTARPO_DATA' });
    await expect(Recording.open(join(folder, 'none.jsonl'))).rejects.toMatchObject({ code: 'ASTARPO_IO' });
  });

  it.each(agentStyleNames)('reads texts in the style that they were recorded in: %s', async (style) => {
    const styled = await WebShopEnv.open({ synthetic, style });
    const task = styled.tasks('test').at(1);
    const texts = shopperActions(styled, task);
    const trajectory = recordTrip(styled, task, texts, style === 'tools' ? { chat: styleFormat('qwen2.5-style') } : {});
    expect(trajectory.return).toBe(1);
    for (const shop of [styled, env]) {
      const replayed = await replay(trajectory, shop);
      expect(replayed.agreement).toBe('same');
      expect(replayed.steps.map(({ read }) => read?.actions.length)).toEqual([...texts.map(() => 1), undefined]);
      expect(replayed.steps.at(-1)?.shown?.page).toMatchObject({ kind: 'done', score: { reward: 1 } });
    }
  });

  it('tells the score that the recording tells, whatever was paid for the way', async () => {
    const styled = await WebShopEnv.open({ synthetic, style: 'ragen', scoring: 'verl-agent', shaping: 'step-cost' });
    const task = styled.tasks('test').at(1);
    const trajectory = recordTrip(styled, task, shopperActions(styled, task));
    expect(trajectory.contexts[0]?.turns.map(({ reward }) => reward)).toContain(-0.1);
    expect((await replay(trajectory, styled)).agreement).toBe('same');
  });

  it('says when it was played with other limits', async () => {
    const styled = await WebShopEnv.open({ synthetic, style: 'ragen', maxActions: 3 });
    const task = styled.tasks('test').at(1);
    const trajectory = recordTrip(styled, task, shopperActions(styled, task));
    expect(trajectory).toMatchObject({ finish: 'done', success: false });
    expect((await replay(trajectory, styled)).agreement).toBe('same');
    const elsewhere = await replay(trajectory, env);
    expect(elsewhere.agreement).toBe('not compared');
    expect(elsewhere.steps.map(({ read }) => read?.actions.length)).toEqual([1, 1, 1, undefined]);
  });

  it('shows the thought beside the action', async () => {
    const styled = await WebShopEnv.open({ synthetic, style: 'think-act' });
    const task = styled.tasks('test').at(1);
    const thought = `I could search[x] ${attack}`;
    const trajectory = recordTrip(styled, task, [styled.options.style.say('search[red shoes]', thought), 'hm']);
    const visitor = await replayed([trajectory]);
    await visitor.get('/recordings/0/0?step=0');
    expect(visitor.html).toContain('I could search[x]');
    expect(visitor.html).toMatch(/aria-label="Actions"><h4>Action<\/h4><p><code>search\[red shoes\]<\/code>/);
    expect(scripts(visitor.html)).toEqual([]);
    await visitor.get('/recordings/0/0?step=1');
    expect(visitor.html).toContain('None was found.');
    expect(visitor.html).not.toContain('class="notice"');
  });

  it('finds actions in recordings of another form: what they say was understood, else what stands in the text', async () => {
    const task = env.tasks('test').at(1);
    const trajectory = recordTrip(env, task, ['<think>I could search[x]</think>\nsearch[red shoes]', 'onwards', 'nothing']);
    const [context] = trajectory.contexts;
    const turns = context?.turns.map((turn) => {
      if (turn.role === 'environment') return { ...turn, text: 'told in another way' };
      return { ...turn, info: turn.text === 'onwards' ? { actions: ['click[next >]'], thought: 'more' } : {} };
    });
    const replayed = await replay({ ...trajectory, contexts: [{ ...context, turns } as Trajectory['contexts'][0]] }, env);
    expect(replayed.agreement).toBe('not compared');
    expect(replayed.steps.map(({ read }) => read?.actions)).toEqual([['search[red shoes]'], ['click[next >]'], []]);
    expect(replayed.steps[1]?.read?.thought).toBe('more');
    expect(replayed.steps[2]?.shown?.page).toMatchObject({ kind: 'results', number: 2 });
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
