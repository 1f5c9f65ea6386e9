import { describe, expect, it } from 'vitest';
import { modelConfig } from '../../lib/model/config.ts';
import { adapterModules } from '../../lib/model/lora/options.ts';
import { type MemoryPlanInput, planMemory } from '../../lib/train/memory-plan.ts';

/** Llama-3.2-1B. */
const llama = modelConfig({
  ...{ architecture: 'LlamaForCausalLM', vocabSize: 128_256, hiddenSize: 2048, layers: 16, heads: 32, kvHeads: 8, headDim: 64 },
  ...{ intermediateSize: 8192, maxPositions: 131_072 },
});
const sizes = { microBatchTokens: 1024, sequences: 8, context: 1000 };
const adapter = adapterModules({ rank: 16 }, llama);
const plan = (changes: Partial<MemoryPlanInput> = {}) => planMemory({ config: llama, dtype: 'bfloat16', ...sizes, ...changes });

describe('a memory plan', () => {
  it('counts the parameters that the model’s card names', () => {
    expect(plan().parameters).toBe(1_235_814_400);
    expect(plan().trainable).toBe(1_235_814_400);
    expect(plan({ adapter }).trainable).toBe(11_272_192);
  });

  it('holds weights, a reference, gradients, two moments and in bfloat16 the master weights', () => {
    const count = 1_235_814_400;
    expect(plan()).toMatchObject({ weights: 2 * count, reference: 2 * count, adapter: 0, gradients: 4 * count, optimizer: 12 * count });
    expect(plan({ dtype: 'float32' })).toMatchObject({ weights: 4 * count, reference: 4 * count, optimizer: 8 * count });
  });

  it('holds gradients and moments of an adapter alone, and shares the base', () => {
    const count = 11_272_192;
    expect(plan({ adapter })).toMatchObject({ reference: 0, adapter: 4 * count, gradients: 4 * count, optimizer: 8 * count });
    expect(plan({ adapter }).update).toBeLessThan(plan().update / 4);
  });

  it('gives each sequence a cache of a power of two, the model’s positions at most', () => {
    const perToken = 2 * 16 * 8 * 64 * 2;
    expect(plan().cachePerToken).toBe(perToken);
    expect(plan().cache).toBe(8 * 1024 * perToken);
    expect(plan({ config: { ...llama, maxPositions: 1000 } }).cache).toBe(8 * 1000 * perToken);
    expect(plan({ context: 3 }).cache).toBe(8 * 64 * perToken);
  });

  it('keeps activations of the layers from the first that is trained', () => {
    const perLayer = 2 * (4 * 2048 + 48 * 64 + 2048 + 2 * 8192) + 4 * (2 + 32);
    expect(plan().activationsPerToken).toBe(16 * perLayer);
    const last = adapterModules({ layers: [14, 15] }, llama);
    expect(plan({ adapter: last }).activationsPerToken).toBe(2 * perLayer);
    expect(plan({ microBatchTokens: 2048 }).activations).toBe(2 * plan().activations);
  });

  it('peaks while playing or while learning, whichever is more', () => {
    const playing = plan({ sequences: 1000 });
    expect(playing.peak).toBe(playing.rollout);
    const learning = plan({ microBatchTokens: 16_384 });
    expect(learning.peak).toBe(learning.update);
    expect(learning.update).toBeGreaterThan(learning.rollout);
  });
});
