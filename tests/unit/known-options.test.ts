import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AStarPOError, isAStarPOError } from '../../lib/errors.ts';
import { resolveDevice } from '../../lib/model/device-options.ts';
import { initModel } from '../../lib/model/init-model.ts';
import { toNativeRequest } from '../../lib/model/sampling.ts';
import { rollout } from '../../lib/rollout/rollout.ts';
import { evaluate } from '../../lib/train/evaluate.ts';
import { supervisedFineTune } from '../../lib/train/sft.ts';
import { checkChoice, checkInteger, refuseUnknownOptions } from '../../lib/util/known-options.ts';
import { VStarCache } from '../../lib/vstar/cache.ts';
import { stage1 } from '../../lib/vstar/stage1.ts';

/** Nothing but the options is looked at before they are refused. */
const nothing = {} as never;
const sampling = { maxTokens: 4 };

const calls: Record<string, [call: () => unknown, nearest: string]> = {
  generate: [() => toNativeRequest({ ...sampling, stopIds: [], seed: 1n, temprature: 2 } as never, 8), 'temperature'],
  model: [() => resolveDevice({ dtyp: 'float32' } as never), 'dtype'],
  initModel: [() => initModel([], { hiden: 32 } as never), 'hidden'],
  rollout: [() => rollout(nothing, nothing, [], { sampling, maxTurn: 3 } as never), 'maxTurns'],
  sampling: [() => rollout(nothing, nothing, [], { sampling: { ...sampling, topp: 1 } } as never), 'topP'],
  evaluate: [() => evaluate(nothing, nothing, nothing, { episode: 3 } as never), 'episodes'],
  stage1: [() => stage1({ refrence: nothing } as never).next(), 'reference'],
  supervisedFineTune: [() => supervisedFineTune(nothing, [], { learningrate: 1 } as never), 'learningRate'],
  'VStarCache.open': [() => VStarCache.open(join(tmpdir(), 'never-made.jsonl'), { sed: 1n } as never), 'seed'],
};

describe('options that do not exist', () => {
  it.each(Object.entries(calls))('are refused by %s with the nearest name', async (_, [call, nearest]) => {
    const error = await (async () => call())().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AStarPOError);
    expect(isAStarPOError(error, 'ASTARPO_UNKNOWN_OPTION')).toBe(true);
    expect((error as AStarPOError).hint).toBe(`did you mean ${nearest}?`);
  });

  it('are told from those inherited from Object', () => {
    expect(() => refuseUnknownOptions('it', { toString: 1 }, { name: true })).toThrow(/unknown option toString/);
    expect(() => refuseUnknownOptions('it', { name: undefined }, { name: true })).not.toThrow();
  });

  it('are not the only thing checked: generate needs stop ids', () => {
    const params = { ...sampling, seed: 1n } as never;
    expect(() => toNativeRequest(params, 8)).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
  });
});

describe('values of options', () => {
  it.each([
    ['ragn', 'expected style to be one of plain, ragen, got "ragn"', 'did you mean ragen?'],
    [7, 'expected style to be one of plain, ragen, got 7', 'styles: plain, ragen'],
    [null, 'expected style to be one of plain, ragen, got null', 'styles: plain, ragen'],
    [{ name: 'x'.repeat(200) }, `expected style to be one of plain, ragen, got {"name":"${'x'.repeat(110)}…`, 'styles: plain, ragen'],
  ])('are one of those that exist: %j is none', (value, message, hint) => {
    const check = () => checkChoice('style', value, ['plain', 'ragen'], 'styles');
    expect(check).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION', message: `${message}\n  ${hint}` }));
  });

  it('are integers in their range', () => {
    expect(() => checkInteger('threads', 0, 0, 8)).not.toThrow();
    for (const value of [-1, 9, 0.5, Number.NaN, '4' as never])
      expect(() => checkInteger('threads', value, 0, 8)).toThrow(/expected threads to be an integer from 0 to 8, got /);
    expect(() => checkInteger('steps', Number.POSITIVE_INFINITY, 1)).toThrow('expected steps to be an integer of at least 1, got Infinity');
  });
});
