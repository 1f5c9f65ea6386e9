import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebShopEnv } from '../../lib/env/webshop/webshop-env.ts';
import { EpisodeAuditFile } from '../../lib/report/episode-audit.ts';
import { SummaryFile, summaryColumns } from '../../lib/report/summary-file.ts';
import { auditResult } from '../../lib/report/trajectory-audit.ts';
import { evaluate, evaluationSeed } from '../../lib/train/evaluate.ts';
import type { EvaluationResult } from '../../lib/train/events.ts';
import { FakeModel, ToyEnv } from '../fixtures/toy.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-audit-'));
});
afterEach(() => rm(folder, { recursive: true }));

const lines = async (path: string) => (await readFile(path, 'utf8')).trimEnd().split('\n');

describe('audits of an evaluation', () => {
  it('have every turn of every episode with what it paid, and the whole config', async () => {
    const env = await WebShopEnv.open({
      synthetic: { categories: 2, productsPerCategory: 10 },
      ...{ scoring: 'gem', shaping: 'step-cost', signals: true },
    });
    const task = env.tasks('test').at(0);
    const path = join(folder, 'deep', 'audit.jsonl');
    const audit = await EpisodeAuditFile.open(path);
    const model = new FakeModel();
    model.maxPositions = 4096;
    const script = [`search[${task.goal.query}]`, 'nonsense', `click[${task.goal.asin}]`, 'click[buy now]'];
    let said = 0;
    model.speak = () => script[said++] ?? '';
    await evaluate(model, env, env.tasks('test'), {
      ...{ episodes: 1, seed: 3n, rollout: { sampling: { maxTokens: 100 } } },
      onEpisode: (result) => audit.append(auditResult(env, result, { player: 'fake', split: 'test' })),
    });
    await audit.close();
    const [line = ''] = await lines(path);
    const episode = JSON.parse(line);
    expect(episode).toMatchObject({
      ...{ schema: 1, task: task.id, instruction: task.instruction, player: 'fake', split: 'test', sample: 0 },
      seed: evaluationSeed(3n, task.id, 0).toString(),
      environment: {
        id: 'webshop',
        version: env.version,
        config: { scoring: { name: 'gem' }, shaping: [{ name: 'step-cost', cost: 0.1 }] },
      },
      finish: 'done',
    });
    expect(episode.turns).toHaveLength(4);
    expect(episode.turns.map((turn: { said: string }) => turn.said)).toEqual(script);
    expect(episode.turns[0].observation).toContain(task.instruction);
    expect(episode.turns[1]).toMatchObject({
      reward: -0.2,
      valid: false,
      done: false,
      rewards: { score: 0, penalty: -0.1, shaping: -0.1 },
    });
    expect(episode.turns[3]).toMatchObject({ valid: true, done: true });
    expect(episode.turns[3].signals.pages).toBeGreaterThan(1);
    expect(episode.rewards.penalty).toBeCloseTo(-0.1, 12);
    expect(episode.rewards.shaping).toBeCloseTo(-0.4, 12);
    expect(episode.return).toBeCloseTo(episode.rewards.score - 0.5, 12);
  });

  it('say what the text was read as, where that is not the text, and why an episode broke', async () => {
    const env = new ToyEnv();
    env.meddle = ({ id }) => {
      if (id === 'test-1') throw new Error('the shop burnt down');
      return { reward: 1, done: true, info: { thought: 'why not', actions: ['a', 'b'] } };
    };
    const audits: unknown[] = [];
    await evaluate(new FakeModel(), env, env.tasks('test'), {
      ...{ episodes: 2, rollout: { sampling: { maxTokens: 4 }, retries: 0, concurrency: 1 } },
      onEpisode: (result) => audits.push(auditResult(env, result, { player: 'fake', split: 'test' })),
    });
    expect(audits).toMatchObject([
      { task: 'test-0', turns: [{ thought: 'why not', actions: ['a', 'b'], reward: 1, done: true }], return: 1 },
      { task: 'test-1', turns: [], return: 0, success: false, finish: 'env_error', error: expect.stringContaining('the shop burnt down') },
    ]);
  });
});

const result: EvaluationResult = {
  environment: { id: 'webshop', version: '1', config: { scoring: { name: 'webshop' }, splits: 'ragen', style: { name: 'plain' } } },
  ...{ split: 'test', episodes: 2, successes: 1, success: 0.5, interval: { lo: 0.1, hi: 0.9 }, score: 0.75, rewards: { score: 0.75 } },
  ...{ turns: 3, tokens: 40, validRate: 1, finish: { done: 2 }, truncationRate: 0, seconds: 1 },
};

describe('files that collect', () => {
  it('a row says who played what, how it was divided and how it paid', async () => {
    const path = join(folder, 'results', 'summary.csv');
    const first = await SummaryFile.open(path);
    first.append(result, { player: 'a "small", model', seed: 7n, temperature: 1, maxTurns: 15 });
    await first.close();
    const second = await SummaryFile.open(path);
    second.append(
      { ...result, environment: { ...result.environment, scoring: 'ragen + process' }, rewards: {} },
      { player: 'random', seed: 1 },
    );
    await second.close();
    const [header = '', one = '', two = '', ...rest] = await lines(path);
    expect(rest).toEqual([]);
    expect(header.split(',')).toEqual(summaryColumns);
    expect(one).toContain(',"a ""small"", model",webshop,1,webshop,plain,ragen,test,');
    expect(one).toMatch(/,2,1,0\.5,0\.1,0\.9,0\.75,0\.75,3,40,1,0,1,15,7$/);
    expect(two).toMatch(/,random,webshop,1,ragen \+ process,plain,ragen,test,[0-9a-f]{16},2,1,0\.5,0\.1,0\.9,,0\.75,3,40,1,0,,,1$/);
  });

  it('lose a half-written last line and nothing else', async () => {
    const path = join(folder, 'summary.csv');
    const add = async (player: string) => {
      const file = await SummaryFile.open(path);
      file.append(result, { player, seed: 1 });
      await file.close();
    };
    await writeFile(path, 'time,play');
    await add('one');
    await appendFile(path, `2026-01-01,${'x'.repeat(200_000)}`);
    await add('two');
    expect((await lines(path)).map((line) => line.split(',')[1])).toEqual(['player', 'one', 'two']);
  });

  it.each(['dear diary\n', 'dear diary', 'time,player\n', '{"schema":1}\n'])('leave a file alone that begins with %j', async (content) => {
    const path = join(folder, 'other');
    await writeFile(path, content);
    const hint = { code: 'ASTARPO_DATA', message: expect.stringContaining('name another file') };
    await expect(SummaryFile.open(path)).rejects.toMatchObject(hint);
    await expect(EpisodeAuditFile.open(path)).rejects.toMatchObject(hint);
    expect(await readFile(path, 'utf8')).toBe(content);
    await expect(SummaryFile.open(join(path, 'below'))).rejects.toMatchObject({ code: 'ASTARPO_IO' });
  });
});
