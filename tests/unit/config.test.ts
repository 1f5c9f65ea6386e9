import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { flagName, resolveConfig } from '../../lib/cli/options.ts';
import { evalSchema, modelInitSchema, parseConfig, trainSchema } from '../../lib/config.ts';
import { isAStarPOError } from '../../lib/errors.ts';

async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isAStarPOError(error)) throw new Error(`expected an AStarPOError, got ${String(error)}`);
  return error;
}

async function configFile(content: string): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'astarpo-config-')), 'config.json');
  await writeFile(file, content);
  return file;
}

describe('config', () => {
  it('fills in defaults', () => {
    const config = parseConfig(trainSchema, { model: 'm' });
    expect(config).toMatchObject({ model: 'm', env: 'webshop', samples: 8, beta1: 0.5, temperature: 1, objective: 'astar-po' });
    expect(config.out).toBeUndefined();
  });

  it('takes flags over the file over defaults', async () => {
    const file = await configFile('{ "model": "from-file", "steps": 7, "batch": 9 }');
    const config = await resolveConfig(trainSchema, { steps: 3 }, file);
    expect(config).toMatchObject({ model: 'from-file', steps: 3, batch: 9, samples: 8 });
  });

  it('names the nearest option for an unknown one, in the spelling of its place', async () => {
    const file = await configFile('{ "model": "m", "learningrat": 1 }');
    const inFile = await failure(resolveConfig(trainSchema, {}, file));
    expect(inFile.code).toBe('ASTARPO_UNKNOWN_OPTION');
    expect(inFile.message).toContain('did you mean learningRate?');
    const asFlag = await failure(resolveConfig(trainSchema, { model: 'm', bacth: 1 }, undefined));
    expect(asFlag.message).toContain('unknown option --bacth');
    expect(asFlag.message).toContain('did you mean --batch?');
  });

  it('reports every value that is not allowed, and what is missing', async () => {
    const bad = await failure(resolveConfig(trainSchema, { steps: 0, beta1: -1, vstarMode: 'hard' }, undefined));
    expect(bad.code).toBe('ASTARPO_OPTION');
    for (const part of ['--model is required', '--steps', '--beta1', '--vstar-mode', '"soft"|"max"|"mean"|"zero"'])
      expect(bad.message).toContain(part);
  });

  it('names the value that was probably meant, in lists too', async () => {
    const scoring = await failure(resolveConfig(evalSchema, { model: 'm', scoring: 'verl-agnet' }, undefined));
    expect(scoring).toMatchObject({ code: 'ASTARPO_OPTION', message: expect.stringContaining('did you mean verl-agent?') });
    const shaping = await failure(resolveConfig(evalSchema, { model: 'm', shaping: ['process', 'step-cots'] }, undefined));
    expect(shaping.message).toContain('did you mean step-cost?');
    const far = await failure(resolveConfig(evalSchema, { model: 'm', penaltyFor: 'everything', penalty: -1 }, undefined));
    expect(far.message).toMatch(/--penalty-for: .*"format"\|"action"/);
    expect(far.message).not.toContain('did you mean');
    const given = { model: 'm', scoring: 'ragen', penalty: 0.2, penaltyFor: 'action', shaping: ['process'], successAt: 0.9, signals: true };
    expect(await resolveConfig(evalSchema, given, undefined)).toMatchObject(given);
  });

  it('refuses files that are not an object of options', async () => {
    expect((await failure(resolveConfig(trainSchema, {}, await configFile('[1]')))).code).toBe('ASTARPO_OPTION');
    expect((await failure(resolveConfig(trainSchema, {}, await configFile('{')))).code).toBe('ASTARPO_OPTION');
    expect((await failure(resolveConfig(trainSchema, {}, '/nowhere/config.json'))).code).toBe('ASTARPO_IO');
  });

  it('spells flags in kebab case', () => {
    expect(Object.keys(modelInitSchema.shape).map(flagName)).toContain('--max-positions');
  });
});
