import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../lib/cli/program.ts';
import { modelConfig, toHuggingFace } from '../../lib/model/config.ts';
import type { MemoryPlan } from '../../lib/train/memory-plan.ts';

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const golden = (name: string) => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));

async function doctor(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const status = await runCommandLine(['doctor', ...args], (text) => {
    err += text;
  });
  vi.restoreAllMocks();
  process.exitCode = undefined;
  return { status, out, err };
}

interface Printed {
  readonly fits: boolean;
  readonly plan: MemoryPlan;
}

describe('doctor --model', () => {
  it('prints the plan of a folder and that it fits', async () => {
    const { status, out } = await doctor('--model', golden('tied'), '--micro-batch-tokens', '512');
    expect(status).toBe(0);
    expect(out).toMatch(/^weights +\d/m);
    expect(out).toMatch(/fits this machine: [\d.]+ MiB of [\d.]+ GiB/);
  });

  it('plans for an adapter, a new one or that of a folder, over a base that is shared', async () => {
    const fresh = JSON.parse((await doctor('--model', golden('tied'), '--lora-rank', '4', '--json')).out) as Printed;
    const saved = JSON.parse((await doctor('--model', golden('lora/all-linear'), '--json')).out) as Printed;
    expect(saved.plan).toEqual(fresh.plan);
    expect(saved.plan.reference).toBe(0);
    const both = await doctor('--model', golden('lora/all-linear'), '--lora-rank', '4');
    expect([both.status, both.err.split(' ')[0]]).toEqual([1, 'ASTARPO_OPTION']);
  });

  it('says from a config.json alone that a model does not fit, and what to do', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'astarpo-doctor-')), 'config.json');
    const huge = modelConfig({ vocabSize: 150_000, hiddenSize: 8192, layers: 80, heads: 64, kvHeads: 8, intermediateSize: 29_568 });
    await writeFile(file, JSON.stringify(toHuggingFace(huge)));
    const { status, out } = await doctor('--model', file, '--dtype', 'bfloat16', '--micro-batch-tokens', '512', '--concurrency', '1');
    expect(status).toBe(1);
    expect(out).toContain('does not fit this machine');
    expect(out).toContain('--lora-rank');
  });

  it.each([
    [['--model', '/nowhere/at/all'], 'ASTARPO_IO'],
    [['--model', golden('tied'), '--lora-rank', '4', '--lora-targets', 'qq_proj'], 'ASTARPO_OPTION'],
    [['--model', golden('tied'), '--lora-alpha', '4'], 'ASTARPO_OPTION'],
    [['--modell', 'm'], 'ASTARPO_UNKNOWN_OPTION'],
  ])('refuses %j', async (args, code) => {
    const { status, err } = await doctor(...args);
    expect([status, err.split(' ')[0]]).toEqual([1, code]);
  });
});
