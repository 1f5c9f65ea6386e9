import { describe, expect, it } from 'vitest';
import { readArguments } from '../oracle/arguments.ts';
import { createCandidate } from '../oracle/candidate.ts';
import { checkLengths, sequenceLengths } from '../oracle/plan.ts';
import { randomConfigs } from '../oracle/random-config.ts';
import { OracleTrouble } from '../oracle/trouble.ts';

/** The parts of `npm run test:oracle` that need no Python. */

const candidate = (changes: object) => createCandidate('test', { ...randomConfigs(1, 1)[0], ...changes }, undefined);

describe('arguments', () => {
  it('take several files, with and without --config before each', () => {
    const {
      configs = [],
      lengths,
      seed,
    } = readArguments(['--config', '/a.json', '/b', '--config', '/c', '--lengths', '1,7', '--seed', '3']) ?? {};
    expect(configs.toSorted()).toEqual(['/a.json', '/b', '/c']);
    expect({ lengths, seed }).toEqual({ lengths: [1, 7], seed: 3 });
  });

  it.each([
    [[], 'got no configuration'],
    [['--confg', 'x'], 'did you mean --config'],
    [['x', '--layers', '0'], 'from 1 to'],
    [['x', '--lengths', '3,,4'], 'got ""'],
    [['x', '--attention', 'flash'], 'got flash'],
  ])('%j is trouble that says: %s', (args, message) => {
    expect(() => readArguments(args)).toThrow(OracleTrouble);
    expect(() => readArguments(args)).toThrow(message);
  });
});

describe('lengths of the sequences', () => {
  it('reach past a sliding window and never past the positions', () => {
    const { config } = candidate({
      model_type: 'mistral',
      architectures: ['MistralForCausalLM'],
      sliding_window: 16,
      max_position_embeddings: 90,
    });
    const lengths = sequenceLengths(config);
    expect(lengths).toEqual(expect.arrayContaining([1, 2, 16, 17, 35, 90]));
    expect(new Set(lengths).size).toBe(lengths.length);
    checkLengths(lengths, config);
    expect(() => checkLengths([1, 91], config)).toThrow(OracleTrouble);
    expect(() => checkLengths([1, 1], config)).toThrow('nothing predicts the first');
  });

  it('leave the longest out for a vocabulary of 150,000', () => {
    const { config } = candidate({ vocab_size: 151_936, max_position_embeddings: 32_768 });
    const total = sequenceLengths(config).reduce((sum, length) => sum + length, 0);
    expect(total * config.vocabSize).toBeLessThan(60_000_000);
    expect(total).toBeGreaterThan(100);
  });
});

it('draws configurations that are accepted, the same for the same seed', () => {
  const configs = randomConfigs(200, 5);
  expect(randomConfigs(200, 5)).toEqual(configs);
  for (const json of configs) expect(createCandidate('drawn', json, undefined).config.vocabSize).toBe(json.vocab_size);
  expect(new Set(configs.map((json) => json.model_type)).size).toBe(5);
});
