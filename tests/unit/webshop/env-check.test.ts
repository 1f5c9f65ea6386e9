import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../../lib/cli/program.ts';
import { generateCatalogue } from '../../../lib/env/webshop/catalogue/generate-catalogue.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { type CheckOptions, type CheckProgress, checkEnvironment } from '../../../lib/webshop/check/check-environment.ts';
import type { CheckReport } from '../../../lib/webshop/check/check-report.ts';
import { checkDeterminism } from '../../../lib/webshop/check/determinism-check.ts';
import { compareFigures, sanitySettings } from '../../../lib/webshop/check/sanity-figures.ts';
import { webshopData } from '../../fixtures/webshop-data.ts';

const example = new URL('../../../examples/mini-shop.json', import.meta.url).pathname;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-check-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function shop(name: string, content: unknown): Promise<string> {
  const path = join(folder, `${name}.json`);
  await writeFile(path, JSON.stringify(content));
  return path;
}

const shoe = {
  id: 'shoe',
  title: 'Red shoe',
  price: 20,
  category: 'Clothing › Shoes',
  attributes: ['soft'],
  options: { size: ['40', '42'] },
};
const solvable = {
  id: 'fine',
  instruction: 'a soft red shoe in size 42 for at most 30',
  product: 'shoe',
  attributes: ['soft'],
  options: ['42'],
  maxPrice: 30,
};

describe('checking an environment', () => {
  it('finds the example as it is known, with every goal solved and nothing to warn of', async () => {
    const stages: CheckProgress[] = [];
    const report = await checkEnvironment({ data: example }, { onProgress: (progress) => stages.push(progress) });
    expect(report.faults).toEqual([]);
    expect(report.warnings).toEqual([]);
    expect(report).toMatchObject({ passed: true, products: 40, splits: { train: 47, dev: 7, test: 13, all: 67 }, seed: '1' });
    expect(report.sanity).toMatchObject({ status: 'agrees', known: { name: 'examples/mini-shop.json' } });
    expect(report.perfect).toMatchObject({ goals: 67, solved: 67, unreachable: [], differing: [] });
    expect(report.determinism).toEqual({ episodes: 24, environments: 2, difference: undefined });
    expect(report.scripted.score).toBeGreaterThan(report.random.score + 0.5);
    expect(report.scripted.scoreInterval.lo).toBeLessThan(report.scripted.score);
    expect(report.scripted.successInterval.hi).toBeGreaterThan(report.scripted.success);
    expect([...new Set(stages.map(({ stage }) => stage))]).toEqual(['open', 'scripted', 'random', 'perfect', 'twice']);
    expect(stages.filter(({ stage }) => stage === 'scripted').at(-1)).toEqual({ stage: 'scripted', done: 67, total: 67 });
  });

  it('finds the synthetic shop as it is known', async () => {
    const report = await checkEnvironment({ synthetic: { seed: 1 } });
    expect(report.faults).toEqual([]);
    expect(report.sanity.status).toBe('agrees');
    expect(report.scripted).toMatchObject({ score: 1, success: 1, validRate: 1 });
  });

  it.each([100, 1000])('finds a generated catalogue of %i products as it is known', async (products) => {
    const out = join(folder, `generated-${products}`);
    await generateCatalogue({ out, products, seed: 0 });
    const report = await checkEnvironment({ data: out });
    expect(report.faults).toEqual([]);
    expect(report.sanity.status).toBe('agrees');
  });

  it.skipIf(webshopData === undefined)('finds the real human goals as they are known', async () => {
    const report = await checkEnvironment({ data: webshopData as string, humanGoals: true });
    expect(report.faults).toEqual([]);
    expect(report.sanity).toMatchObject({ status: 'agrees', known: { solvable: 13 } });
  });

  it.each(['plain', 'verl-agent', 'tools', 'ragen'] as const)('plays in the style %s', async (style) => {
    const report = await checkEnvironment({ data: example, style }, { goals: 10, perfectGoals: 10 });
    expect(report.faults).toEqual([]);
    expect(report.scripted).toMatchObject({ episodes: 10, validRate: 1, success: 1 });
    expect(report.perfect).toMatchObject({ goals: 10, solved: 10, unreachable: [] });
    expect(report.sanity.status).toBe('not compared');
  });

  it('names the tasks that nobody can solve, and why', async () => {
    const tasks = [
      solvable,
      { id: 'cheap', instruction: 'a soft shoe for at most 15', product: 'shoe', attributes: ['soft'], maxPrice: 15 },
      { id: 'green', instruction: 'a waterproof shoe in green', product: 'shoe', attributes: ['waterproof'], options: { color: 'green' } },
      { id: 'hat', instruction: 'any hat', query: 'hat' },
    ];
    const report = await checkEnvironment({ data: await shop('unsolvable', { products: [shoe], tasks }) });
    expect(report.passed).toBe(false);
    expect(report.faults).toEqual([
      'task cheap cannot be solved: shoe costs $20.00, more than $15.00',
      'task green cannot be solved: shoe has no attribute "waterproof"; shoe has no option "color: green"',
      'task hat cannot be solved: shoe is not of the right kind: r_type 0.5, title score 0.200',
    ]);
    expect(report.sanity.status).toBe('none');
  });

  it('warns of what a task asks for without saying so', async () => {
    const tasks = [
      { ...solvable, id: 'silent', instruction: 'a soft red shoe' },
      { ...solvable, instruction: 'size 42, at most 30.00' },
    ];
    const report = await checkEnvironment({ data: await shop('silent', { products: [shoe], tasks }) });
    expect(report).toMatchObject({ passed: true, faults: [] });
    expect(report.warnings).toEqual([
      'task silent: the instruction does not name the option "42", which counts for the score',
      'task silent: the instruction does not name the highest price, 30, which counts for the score',
    ]);
  });

  it('finds a product that no search lists within five pages', async () => {
    const products = Array.from({ length: 80 }, (_, i) => ({ ...shoe, id: `shoe-${i}` }));
    const last = { ...solvable, product: 'shoe-79', id: 'last' };
    const report = await checkEnvironment({ data: await shop('crowd', { products, tasks: [last] }) });
    expect(report.warnings).toEqual(['task last: shoe-79 was not bought: no search lists the product']);
  });

  it('does not let an observation exceed its budget', async () => {
    const words = Array.from({ length: 500 }, (_, i) => `word${i}`).join(' ');
    const data = await shop('long', { products: [{ ...shoe, title: `Red shoe ${words}` }], tasks: [solvable] });
    const report = await checkEnvironment({ data }, { budget: 1000 });
    expect(report.faults).toEqual([expect.stringMatching(/ of task fine has [34]\d{3} characters, more than 1000$/)]);
  });

  it('says what differs from the known figures', async () => {
    const env = await WebShopEnv.open({ data: example });
    const { scripted, random, perfect } = await checkEnvironment({ data: example });
    const same = compareFigures(env, { scripted, random, perfect }, sanitySettings);
    expect(same.status).toBe('agrees');
    const worse = { ...scripted, successes: scripted.successes - 1, score: scripted.score - 0.01 };
    const { status, deviations } = compareFigures(env, { scripted: worse, random, perfect: { ...perfect, solved: 66 } }, sanitySettings);
    expect(status).toBe('differs');
    expect(deviations).toEqual([
      expect.stringMatching(/^the scripted shopper, mean score: expected 0\.94\d*, got 0\.93/),
      'the scripted shopper, successes: expected 59, got 58',
      'best purchases, goals that can be solved: expected 67, got 66',
    ]);
    expect(compareFigures(env, { scripted, random, perfect }, { ...sanitySettings, seed: 2n }).status).toBe('not compared');
  });

  it('sees when two environments differ', async () => {
    const open = async (name: string, changes: object) =>
      WebShopEnv.open({ data: await shop(name, { products: [{ ...shoe, ...changes }], tasks: [solvable] }) });
    const [one, other] = [await open('one', {}), await open('other', { price: 21 })];
    const tasks = [one.tasks('all').at(0)];
    const settings = { seed: 1n, maxTurns: 15 };
    expect((await checkDeterminism(one, one, tasks, settings)).difference).toBeUndefined();
    expect((await checkDeterminism(one, other, tasks, settings)).difference).toMatch(
      /^task fine, line \d+: expected ".*\$20.*", got ".*\$21/,
    );
  });

  it('refuses options that mean nothing, and stops when it is told to', async () => {
    const check = (settings: CheckOptions) => checkEnvironment({ data: example }, settings);
    await expect(check({ goal: 3 } as CheckOptions)).rejects.toThrow(/unknown option goal of checkEnvironment[\s\S]*did you mean goals\?/);
    await expect(check({ goals: 0 })).rejects.toThrow('expected goals to be an integer of at least 1, got 0');
    await expect(check({ split: 'tset' })).rejects.toThrow(/expected a split of the shop, got "tset"[\s\S]*did you mean test\?/);
    await expect(check({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ASTARPO_ABORTED' });
  });
});

describe('env check', () => {
  async function run(...args: string[]): Promise<{ status: number; out: string }> {
    let out = '';
    const write = (text: string | Uint8Array) => {
      out += String(text);
      return true;
    };
    vi.spyOn(process.stdout, 'write').mockImplementation(write);
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const status = await runCommandLine(['env', 'check', ...args], write);
    vi.restoreAllMocks();
    return { status, out };
  }

  it('prints a table, writes the report and ends with 0', async () => {
    const json = join(folder, 'report.json');
    const { status, out } = await run('--data', example, '--json', json);
    expect(status).toBe(0);
    expect(out).toContain('examples/mini-shop.json: 40 products; goals: train 47, dev 7, test 13, all 67');
    expect(out).toMatch(/scripted shopper {2}0\.941 \[0\.\d{3}, 0\.\d{3}\] +88\.1 % \[78\.2, 93\.8\] +4\.2 +100\.0 %\n/);
    expect(out).toMatch(/known figures {5}as known of examples\/mini-shop\.json\npassed, 67 goals of split all in/);
    const { report } = JSON.parse(await readFile(json, 'utf8')) as { report: CheckReport };
    expect(report).toMatchObject({ passed: true, scripted: { successes: 59 } });
  });

  it('ends with 1 where it finds a fault', async () => {
    const tasks = [{ ...solvable, maxPrice: 19, instruction: 'a soft shoe \u001b[31m in size 42 for 19' }];
    const { status, out } = await run('--data', await shop('fault', { products: [shoe], tasks }));
    expect(status).toBe(1);
    expect(out).toMatch(/fault {2}task fine cannot be solved: shoe costs \$20\.00, more than \$19\.00\nfailed: 1 fault\n$/);
  });

  it('prints what is wrong with a file', async () => {
    const { status, out } = await run('--data', await shop('wrong', { products: [shoe], tasks: [{ ...solvable, product: 'sho' }] }));
    expect(status).toBe(1);
    expect(out).toMatch(/ASTARPO_DATA .*wrong\.json: tasks\[0\]\.product: expected the id of a product, got "sho" \(did you mean shoe\?\)/);
  });
});
