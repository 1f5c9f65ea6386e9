import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentStyleNames } from '../../../lib/env/webshop/agent/styles.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { inspectTrajectory } from '../../../lib/report/inspection.ts';
import type { Trajectory } from '../../../lib/rollout/trajectory.ts';
import { saveTrajectories } from '../../../lib/rollout/trajectory-file.ts';
import { createShopApp, type Site } from '../../../lib/webshop/serve/app.ts';
import { Recording } from '../../../lib/webshop/serve/recording.ts';
import { replay } from '../../../lib/webshop/serve/replay.ts';
import { styleFormat } from '../../fixtures/chats.ts';
import { attack } from '../../fixtures/hostile-shop.ts';
import { byteTokenizer, recordTrip, shopperActions } from '../../fixtures/recorded-trip.ts';
import { scripts, Visitor } from '../../fixtures/shop-visitor.ts';

const synthetic = { categories: 4, productsPerCategory: 20 };
let env: WebShopEnv;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-serve-'));
  env = await WebShopEnv.open({ synthetic, layout: 'full' });
});
afterAll(() => rm(folder, { recursive: true }));

describe('replaying', () => {
  async function replayed(trajectories: readonly Trajectory[], changes: Partial<Site> = {}): Promise<Visitor> {
    const path = join(folder, 'trajectories.jsonl');
    await rm(path, { force: true });
    await saveTrajectories(path, trajectories);
    return new Visitor(createShopApp({ env, split: 'test', recordings: [await Recording.open(path)], ...changes }));
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
