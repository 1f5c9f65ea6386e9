import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Architecture, architectures } from '../../lib/model/families/index.ts';
import { initModel } from '../../lib/model/init-model.ts';
import { parameterCount } from '../../lib/model/parameter-count.ts';
import { Policy } from '../../lib/model/policy.ts';
import { withTemporaryFolder } from './golden.ts';

const shape = { hidden: 32, layers: 1, heads: 4, kvHeads: 2, vocab: 300, maxPositions: 64, chat: 'compact', seed: 1n } as const;

/** Names in a layer as transformers has them, beyond the weights that all families have. */
const extra: Record<Architecture, readonly string[]> = {
  Qwen2ForCausalLM: ['q', 'k', 'v'].map((name) => `self_attn.${name}_proj.bias`),
  Qwen3ForCausalLM: ['self_attn.q_norm.weight', 'self_attn.k_norm.weight'],
  LlamaForCausalLM: [],
  MistralForCausalLM: [],
  MinistralForCausalLM: [],
};
const everywhere = [
  ...['q', 'k', 'v', 'o'].map((name) => `self_attn.${name}_proj.weight`),
  ...['gate', 'up', 'down'].map((name) => `mlp.${name}_proj.weight`),
  ...['input_layernorm.weight', 'post_attention_layernorm.weight'],
];

describe('a new model', () => {
  it.each(architectures)('of %s has the tensors of its class, and survives a folder', (architecture) =>
    withTemporaryFolder(async (folder) => {
      await using policy = await initModel(['some text to learn from'], { ...shape, architecture, tiedHead: false });
      const tensors = policy.native.tensors();
      const layer = [...everywhere, ...extra[architecture]].map((name) => `model.layers.0.${name}`);
      const names = ['model.embed_tokens.weight', ...layer, 'model.norm.weight', 'lm_head.weight'];
      expect(tensors.map(({ name }) => name).sort()).toEqual(names.sort());
      const scalars = tensors.reduce((sum, { shape: sizes }) => sum + sizes.reduce((a, b) => a * b, 1), 0);
      expect(parameterCount(policy.config)).toBe(scalars);

      await policy.save(join(folder, 'model'));
      await using loaded = await Policy.load(join(folder, 'model'));
      expect(loaded.config.architecture).toBe(architecture);
      expect(await loaded.contentHash()).toBe(await policy.contentHash());
    }),
  );
});
