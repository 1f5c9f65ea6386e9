import { readFileSync } from 'node:fs';
import { URL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fromHuggingFace, type ModelConfig, modelConfig, toHuggingFace, toNative } from '../../lib/model/config.ts';
import type { JsonObject } from '../../lib/util/json.ts';

/** Qwen2.5-0.5B-Instruct's config.json. */
const qwen: JsonObject = {
  architectures: ['Qwen2ForCausalLM'],
  attention_dropout: 0,
  bos_token_id: 151643,
  eos_token_id: 151645,
  hidden_act: 'silu',
  hidden_size: 896,
  initializer_range: 0.02,
  intermediate_size: 4864,
  max_position_embeddings: 32768,
  max_window_layers: 21,
  model_type: 'qwen2',
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  sliding_window: 32768,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  use_sliding_window: false,
  vocab_size: 151936,
};

describe('model configuration', () => {
  it('reads the layout of transformers 4', () => {
    expect(fromHuggingFace(qwen)).toEqual({
      architecture: 'Qwen2ForCausalLM',
      vocabSize: 151936,
      hiddenSize: 896,
      intermediateSize: 4864,
      layers: 24,
      heads: 14,
      kvHeads: 2,
      headDim: 64,
      maxPositions: 32768,
      rmsNormEps: 1e-6,
      rope: { type: 'default', theta: 1e6 },
      qkvBias: true,
      outputBias: false,
      mlpBias: false,
      qkNorm: false,
      windows: [],
      tiedHead: true,
      eosTokenIds: [151645],
      initializerRange: 0.02,
      source: qwen,
    } satisfies ModelConfig);
  });

  it('reads the layout of transformers 5, as it wrote it', () => {
    const text = readFileSync(new URL('../golden/untied/config.json', import.meta.url), 'utf8');
    const config = fromHuggingFace(JSON.parse(text) as JsonObject);
    expect(config).toMatchObject({ heads: 4, kvHeads: 1, headDim: 8, tiedHead: false, eosTokenIds: [] });
    expect(config.rope).toEqual({ type: 'default', theta: 1e6 });
  });

  it("lets generation_config's eos ids win", () => {
    expect(fromHuggingFace(qwen, { eos_token_id: [151645, 151643] }).eosTokenIds).toEqual([151645, 151643]);
  });

  it('survives a round trip', () => {
    for (const eosTokenIds of [[], [7], [7, 8]]) {
      const config = modelConfig({
        vocabSize: 600,
        hiddenSize: 48,
        layers: 2,
        heads: 4,
        kvHeads: 2,
        headDim: 16,
        tiedHead: false,
        eosTokenIds,
      });
      const json = toHuggingFace(config);
      expect(fromHuggingFace(json)).toEqual({ ...config, source: json });
    }
  });

  it('gives the native side its fields and no others', () => {
    expect(Object.keys(toNative(fromHuggingFace(qwen))).sort()).toEqual(
      ['headDim', 'heads', 'hiddenSize', 'intermediateSize', 'kvHeads', 'layers', 'maxPositions']
        .concat(['mlpBias', 'outputBias', 'qkNorm', 'qkvBias', 'rmsNormEps', 'ropeFrequencies', 'ropeScale', 'tiedHead'])
        .concat(['vocabSize', 'windows'])
        .sort(),
    );
  });

  it('names the supported architectures when another comes', () => {
    for (const json of [{ ...qwen, architectures: ['LlamaForCausalLM'] }, { model_type: 'mamba' }, {}]) {
      expect(() => fromHuggingFace(json)).toThrow(
        expect.objectContaining({ code: 'ASTARPO_ARCHITECTURE', hint: expect.stringContaining('Qwen2ForCausalLM') }),
      );
    }
  });

  it.each([
    ['a missing number', { hidden_size: null }, 'hidden_size'],
    ['text for a number', { num_hidden_layers: '2' }, 'num_hidden_layers'],
    ['no layers', { num_hidden_layers: 0 }, 'num_hidden_layers'],
    ['heads that do not divide', { num_key_value_heads: 3 }, 'num_key_value_heads'],
    ['an odd head', { head_dim: 15 }, 'head_dim'],
    ['a fractional head', { num_attention_heads: 15, num_key_value_heads: 5 }, 'head_dim'],
    ['another activation', { hidden_act: 'gelu' }, 'hidden_act'],
    ['no window', { use_sliding_window: true, sliding_window: 0, max_window_layers: 0 }, 'sliding_window'],
    ['sliding layers', { layer_types: ['full_attention', 'sliding_attention'] }, 'layer_types'],
    ['rotary embedding by length', { rope_scaling: { type: 'dynamic', factor: 4 } }, 'rope_scaling.type'],
    ['quantised weights', { quantization_config: { bits: 4 } }, 'quantization_config'],
    ['a negative eos id', { eos_token_id: -1 }, 'eos_token_id'],
    ['a negative epsilon', { rms_norm_eps: -1 }, 'rms_norm_eps'],
  ])('refuses %s', (_, change, name) => {
    expect(() => fromHuggingFace({ ...qwen, ...change })).toThrow(
      expect.objectContaining({ code: 'ASTARPO_CONFIG', message: expect.stringContaining(name) }),
    );
  });
});
