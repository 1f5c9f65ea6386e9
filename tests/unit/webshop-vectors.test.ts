import { describe, expect, test } from 'vitest';
import { WebShopEnv } from '../../lib/env/webshop/webshop-env.ts';
import { webshopData } from '../fixtures/webshop-data.ts';
import { checks } from '../webshop-vectors/checks.ts';

/** How many comparisons each file of recordings is good for. */
const sizes: Readonly<Record<string, number>> = {
  'token_set_ratio_vectors.jsonl': 2000,
  'normalize_color_vectors.jsonl': 500,
  'lucene_vocab_1k.json': 12_074,
  'search_vectors.json': 621,
  'goals_1k_synthetic_seed233.sample.jsonl': 670,
  'replay_vectors.jsonl': 1662,
  'reward_vectors.jsonl': 4000,
  'agentgym_done_records.jsonl': 18,
};

describe.skipIf(webshopData === undefined)('recordings of the original', () => {
  let env: Promise<WebShopEnv> | undefined;
  const shop = (): Promise<WebShopEnv> => {
    env ??= WebShopEnv.open({ data: webshopData ?? '' });
    return env;
  };

  test.each(checks.map((check) => [check.file, check] as const))('%s', async (file, check) => {
    const { compared, first } = await check.run(webshopData ?? '', shop);
    expect(first).toBeUndefined();
    expect(compared).toBe(sizes[file]);
  });
});
