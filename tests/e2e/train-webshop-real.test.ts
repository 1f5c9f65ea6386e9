import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readTrajectories } from '../../lib/rollout/trajectory-file.ts';
import { VStarCache } from '../../lib/vstar/cache.ts';
import { lines, succeed } from './command.ts';

const data = process.env.ASTARPO_WEBSHOP_DATA ?? fileURLToPath(new URL('../../../shared/webshop', import.meta.url));
const present = existsSync(join(data, 'items_shuffle_1000.json'));
if (!present) console.warn(`skipped: no WebShop products in ${data} (set ASTARPO_WEBSHOP_DATA to their folder)`);

describe.skipIf(!present)('training on the real products', () => {
  it('goes from random weights through both stages', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'astarpo-real-'));
    const [blank, warm, run] = ['blank', 'warm', 'run'].map((name) => join(folder, name)) as [string, string, string];
    const shop = ['--env', 'webshop', '--data', data];
    await succeed([
      'model',
      'init',
      '--out',
      blank,
      ...shop,
      '--hidden',
      '32',
      '--layers',
      '1',
      '--heads',
      '2',
      '--kv-heads',
      '1',
      '--vocab',
      '2048',
    ]);
    // First turns alone: short, so a small model learns to search in seconds. Buying is more than it can do; the way is what is tested.
    const imitation = ['--episodes', '256', '--max-turns', '1', '--steps', '250', '--batch', '16', '--learning-rate', '5e-3'];
    await succeed(['sft', '--out', warm, '--model', blank, ...shop, ...imitation]);
    const training = ['train', ...shop, '--model', warm, '--steps', '5', '--batch', '8', '--samples', '4'];
    await succeed([...training, '--eval-episodes', '8', '--max-turns', '4', '--max-tokens', '16', '--tensorboard', '--out', run]);

    const visited = new Set<string>();
    let pages = 0;
    for await (const { trajectory, step } of readTrajectories(join(run, 'trajectories.jsonl'))) {
      visited.add(trajectory.taskId);
      expect(step).toBeGreaterThanOrEqual(1);
      const [context] = trajectory.contexts;
      expect(context?.turns[0]?.text).toMatch(/^WebShop \[SEP\] Instruction: \[SEP\] .+ \[SEP\] Search$/);
      for (const turn of context?.turns ?? []) if (/Page \d+ \(Total results: \d+\) \[SEP\]/.test(turn.text)) pages++;
    }
    expect(visited.size).toBe(40);
    expect(pages).toBeGreaterThan(0);
    const cache = await VStarCache.open(join(run, 'vstar.jsonl'), { readOnly: true });
    expect(cache.keys()).toHaveLength(40);
    for (const key of cache.keys()) expect(cache.get(key)).toHaveLength(4);
    expect(lines(join(run, 'metrics.jsonl'))).toHaveLength(5);
    expect(lines(join(run, 'eval.jsonl')).map((line) => (JSON.parse(line) as { when: string }).when)).toEqual(['before', 'final']);

    const [audit, csv, json] = ['audit.jsonl', 'summary.csv', 'result.json'].map((name) => join(folder, name)) as [string, string, string];
    const paid = ['--scoring', 'verl-agent', '--splits', 'verl-agent', '--shaping', 'step-cost', 'process', '--signals'];
    const files = ['--audit', audit, '--csv', csv, '--json', json];
    const { out } = await succeed(['eval', '--model', warm, ...shop, ...paid, ...files, '--episodes', '4', '--max-turns', '2']);
    expect(out).toMatch(/of 4 tasks, score 0\.\d+, return -?\d.*, paid as verl-agent \+ step-cost \+ process/);
    const config = {
      splits: 'verl-agent',
      scoring: { name: 'verl-agent', scale: 10 },
      shaping: [{ name: 'step-cost' }, { name: 'process' }],
    };
    expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({ result: { environment: { id: 'webshop', config }, split: 'test' } });
    expect(lines(audit)).toHaveLength(4);
    const [episode] = lines(audit).map((line) => JSON.parse(line) as object);
    expect(episode).toMatchObject({
      environment: { config },
      split: 'test',
      player: warm,
      turns: [{ signals: { pages: expect.any(Number) } }, {}],
    });
    expect(lines(csv)[1]).toContain(',verl-agent + step-cost + process,plain,verl-agent,test,');
  }, 180_000);
});
