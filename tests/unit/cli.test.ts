import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createProgram, runCommandLine } from '../../lib/cli/program.ts';
import { describeStore } from '../../lib/cli/vstar.ts';
import { VStarCache } from '../../lib/vstar/cache.ts';

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs a command line in this process and collects what it prints. */
async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  let out = '';
  let err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const status = await runCommandLine(args, (text) => {
    err += text;
  });
  vi.restoreAllMocks();
  return { status, out, err };
}

describe('command line', () => {
  it('prints the resolved config of a dry run and does nothing else', async () => {
    const { status, out } = await run(
      'train',
      '--env',
      'webshop',
      '--data',
      '/nowhere',
      '--model',
      'm',
      '--steps',
      '5',
      '--batch',
      '8',
      '--samples',
      '4',
      '--dry-run',
    );
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ env: 'webshop', data: '/nowhere', model: 'm', steps: 5, batch: 8, samples: 4, beta1: 0.5 });
  });

  it('reads back what a dry run printed', async () => {
    const { out } = await run('eval', '--model', 'm', '--greedy', '--dry-run');
    const file = join(await mkdtemp(join(tmpdir(), 'astarpo-cli-')), 'eval.json');
    await writeFile(file, out);
    expect((await run('eval', '--config', file, '--dry-run')).out).toBe(out);
    expect(JSON.parse((await run('eval', '--config', file, '--episodes', '3', '--dry-run')).out)).toMatchObject({
      greedy: true,
      episodes: 3,
    });
  });

  it('lets a config file switch off what is on by default', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'astarpo-cli-')), 'init.json');
    await writeFile(file, '{ "out": "m", "tiedHead": false }');
    expect(JSON.parse((await run('model', 'init', '--config', file, '--dry-run')).out)).toMatchObject({ tiedHead: false });
    expect(JSON.parse((await run('model', 'init', '--out', 'm', '--no-tied-head', '--dry-run')).out)).toMatchObject({ tiedHead: false });
    expect(JSON.parse((await run('model', 'init', '--out', 'm', '--dry-run')).out)).toMatchObject({ tiedHead: true });
  });

  it.each([
    [['train', '--bacth', '8'], 'ASTARPO_UNKNOWN_OPTION', 'did you mean --batch?'],
    [['trian'], 'ASTARPO_UNKNOWN_OPTION', 'did you mean train?'],
    [['model', 'inti'], 'ASTARPO_UNKNOWN_OPTION', 'did you mean init?'],
    [['vstar', 'inpsect'], 'ASTARPO_UNKNOWN_OPTION', 'did you mean inspect?'],
    [['train', '--model', 'm', '--steps', 'many'], 'ASTARPO_OPTION', '--steps'],
    [['train', '--model', 'm', '--objective', 'ppo'], 'ASTARPO_OPTION', 'astar-po-sft'],
    [['train', '--model'], 'ASTARPO_OPTION', '--model'],
    [['train'], 'ASTARPO_OPTION', '--model is required'],
    [['train', '--model', 'm', '--objective', 'astar-po-sft', '--beta2', '1'], 'ASTARPO_OPTION', '--beta2 belongs to astar-po'],
    [['vstar', 'inspect'], 'ASTARPO_OPTION', 'file'],
    [['vstar', 'inspect', '/nowhere/vstar.jsonl'], 'ASTARPO_VSTAR', '/nowhere/vstar.jsonl'],
    [['env', 'check', '--human-goals'], 'ASTARPO_OPTION', 'expected data beside humanGoals'],
    [['libtorch', 'install', '--cpu', '--cuda', 'cu130', '--dry-run'], 'ASTARPO_OPTION', 'got both'],
  ])('%j fails with %s', async (args, code, part) => {
    const { status, err } = await run(...args);
    expect(status).toBe(1);
    expect(err).toContain(code);
    expect(err).toContain(part);
  });

  it('describes every option of every command', () => {
    const commands = createProgram().commands.flatMap((command) => [command, ...command.commands]);
    for (const command of commands) {
      expect(command.description(), command.name()).not.toBe('');
      for (const option of command.options) expect(option.description, `${command.name()} ${option.flags}`).not.toBe('');
    }
  });

  it('wraps the help of every command at 80 columns', () => {
    const check = (command: Command): void => {
      const wide = command
        .configureOutput({ getOutHelpWidth: () => 80 })
        .helpInformation()
        .split('\n')
        .filter((line) => line.length > 80);
      expect({ command: command.name(), wide }).toEqual({ command: command.name(), wide: [] });
      command.commands.forEach(check);
    };
    check(createProgram());
  });

  it('has the version of the package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(createProgram().version()).toBe(version);
  });
});

describe('vstar inspect', () => {
  it('says what a store holds', async () => {
    const cache = await VStarCache.open(join(await mkdtemp(join(tmpdir(), 'astarpo-store-')), 'vstar.jsonl'));
    for (const [key, returns] of Object.entries({ a: [0, 0, 1, 1], b: [0, 0, 0, 0] })) {
      for (const [index, value] of returns.entries()) {
        cache.add({ key, index, return: value, success: value === 1, turns: 1, tokens: 1, finish: 'done', seed: 0n, time: '' });
      }
    }
    const text = describeStore(cache, { beta1: 0.5 });
    await cache.close();
    expect(text).toContain('2 tasks, 8 samples');
    expect(text).toContain('V* max   mean 0.5000');
    expect(text).toContain('V* mean  mean 0.2500');
    // β ln((1 + e^(1/β)) / 2) for two successes of four, and 0.
    expect(text).toContain(`V* soft  mean ${((0.5 * Math.log((1 + Math.exp(2)) / 2)) / 2).toFixed(4)}`);
    expect(text).toMatch(/solved {3}0\/4 +1 tasks/);
    expect(text).toMatch(/solved {3}2\/4 +1 tasks/);
  });
});
