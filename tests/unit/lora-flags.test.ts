import { describe, expect, it } from 'vitest';
import { loraOptions } from '../../lib/cli/open.ts';
import { resolveConfig } from '../../lib/cli/options.ts';
import { parseConfig, trainSchema } from '../../lib/config.ts';
import { deriveSeed } from '../../lib/util/rng.ts';

const options = (flags: object) => loraOptions(parseConfig(trainSchema, { model: 'm', ...flags }), 1);

describe('the flags of an adapter', () => {
  it('ask for none by default', () => {
    expect(options({})).toBeUndefined();
  });

  it('become its options', () => {
    const seed = deriveSeed(1, 'lora');
    expect(options({ loraRank: 4 })).toEqual({ rank: 4, seed });
    expect(
      options({ loraRank: 4, loraAlpha: 16, loraDropout: 0.1, loraTargets: ['q_proj'], loraLayers: [0, 2], loraRslora: true }),
    ).toEqual({
      ...{ rank: 4, alpha: 16, dropout: 0.1, targetModules: ['q_proj'], layers: [0, 2], useRslora: true, seed },
    });
    expect(options({ loraRank: 4, loraPattern: '.*q_proj' })).toMatchObject({ targetModules: '.*q_proj' });
    expect(options({ loraRank: 4, loraTargets: ['all-linear'] })).toMatchObject({ targetModules: 'all-linear' });
  });

  it.each([
    [{ loraAlpha: 16 }, '--lora-alpha'],
    [{ loraTargets: ['q_proj'] }, '--lora-targets'],
    [{ loraRank: 4, loraTargets: ['q_proj'], loraPattern: '.*' }, '--lora-pattern'],
    [{ loraRank: 0 }, 'loraRank'],
    [{ loraRank: 4, loraDropout: 1 }, 'loraDropout'],
  ])('refuse %o', (flags, text) => {
    expect(() => options(flags)).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION', message: expect.stringContaining(text) }));
  });

  it('of a misspelt name are not known', async () => {
    await expect(resolveConfig(trainSchema, { model: 'm', loraRnak: 4 }, undefined)).rejects.toMatchObject({
      code: 'ASTARPO_UNKNOWN_OPTION',
      message: expect.stringContaining('--lora-rank'),
    });
  });
});
