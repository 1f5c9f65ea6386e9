import { describe, expect, it } from 'vitest';
import {
  fromHuggingFace,
  type ModelConfig,
  modelConfig,
  type NewModelConfig,
  shapeJson,
  toHuggingFace,
  toNative,
} from '../../lib/model/config.ts';
import { checkModelConfig } from '../../lib/model/config-check.ts';
import { configText } from '../../lib/model/config-text.ts';
import { architectures } from '../../lib/model/families/index.ts';
import { parameterCount } from '../../lib/model/parameter-count.ts';
import type { JsonObject } from '../../lib/util/json.ts';
import { hubConfigs } from '../fixtures/hub-configs.ts';

const qwen: JsonObject = hubConfigs['Qwen2.5-0.5B-Instruct'];
const small: NewModelConfig = { vocabSize: 600, hiddenSize: 48, layers: 2, heads: 4, kvHeads: 2, headDim: 16, tiedHead: false };

describe('a new model', () => {
  it('gets the usual shape of a Qwen2', () => {
    expect(modelConfig({ vocabSize: 600, hiddenSize: 48, layers: 2, heads: 4 })).toEqual({
      architecture: 'Qwen2ForCausalLM',
      vocabSize: 600,
      hiddenSize: 48,
      intermediateSize: 192,
      layers: 2,
      heads: 4,
      kvHeads: 4,
      headDim: 12,
      maxPositions: 2048,
      rmsNormEps: 1e-6,
      rope: { type: 'default', theta: 10_000 },
      qkvBias: true,
      outputBias: false,
      mlpBias: false,
      qkNorm: false,
      windows: [],
      tiedHead: true,
      eosTokenIds: [],
      initializerRange: 0.02,
    } satisfies ModelConfig);
  });

  it('gets the biases and norms of its architecture', () => {
    expect(modelConfig({ ...small, architecture: 'Qwen3ForCausalLM' })).toMatchObject({ qkvBias: false, qkNorm: true });
    expect(modelConfig({ ...small, architecture: 'LlamaForCausalLM', mlpBias: true })).toMatchObject({ qkvBias: false, mlpBias: true });
  });

  it.each<[string, Partial<ModelConfig>, string]>([
    ['no layers', { layers: 0 }, 'layers'],
    ['negative heads', { heads: -4 }, 'heads'],
    ['a fraction of a head', { kvHeads: 1.5 }, 'kvHeads'],
    ['a width that is no number', { hiddenSize: Number.NaN }, 'hiddenSize'],
    ['endless layers', { layers: Number.POSITIVE_INFINITY }, 'layers'],
    ['heads that do not divide', { kvHeads: 3 }, 'kvHeads'],
    ['an odd head', { headDim: 15 }, 'headDim'],
    ['a vocabulary beyond int32', { vocabSize: 2 ** 31 }, 'vocabSize'],
    ['more parameters than any machine holds', { vocabSize: 2 ** 30, hiddenSize: 2 ** 20 }, 'vocabSize'],
    ['an epsilon of 0', { rmsNormEps: 0 }, 'rmsNormEps'],
    ['a negative spread', { initializerRange: -1 }, 'initializerRange'],
    ['an eos id beyond the vocabulary', { eosTokenIds: [600] }, 'eosTokenIds'],
    ['a padding id beyond the vocabulary', { paddingTokenId: 600 }, 'paddingTokenId'],
    ['biases that the architecture has no key for', { outputBias: true }, 'outputBias'],
    ['a missing bias that the architecture always has', { qkvBias: false }, 'qkvBias'],
    ['norms of another architecture', { architecture: 'LlamaForCausalLM', qkNorm: true }, 'qkNorm'],
    ['windows in some layers of a Mistral', { architecture: 'MistralForCausalLM', windows: [8, 0] }, 'windows'],
    ['windows of a Llama', { architecture: 'LlamaForCausalLM', windows: [8, 8] }, 'windows'],
    ['windows of two widths', { windows: [8, 9] }, 'windows'],
    ['windows for other layers', { windows: [8] }, 'windows'],
    ['a rotary factor of 0', { rope: { type: 'linear', theta: 10_000, factor: 0 } }, 'rope_scaling.factor'],
    ['an unknown rotary embedding', { rope: { type: 'dynamic', theta: 10_000 } as never }, 'rope'],
    ['a rotary base whose powers overflow', { rope: { type: 'default', theta: -2 } }, 'rope_theta'],
  ])('is refused with %s', (_, change, name) => {
    expect(() => modelConfig({ ...small, ...change })).toThrow(
      expect.objectContaining({ code: 'ASTARPO_CONFIG', message: expect.stringContaining(name) }),
    );
  });

  it('is refused with an architecture that is not built, and told the nearest', () => {
    expect(() => modelConfig({ ...small, architecture: 'Qwen2ForCasualLM' as never })).toThrow(
      expect.objectContaining({ code: 'ASTARPO_ARCHITECTURE', hint: expect.stringContaining('nearest: Qwen2ForCausalLM') }),
    );
  });
});

describe('saving', () => {
  const windows: Partial<ModelConfig>[] = [{}, { windows: [0, 7] }, { windows: [7, 7] }];
  const ropes: Partial<ModelConfig>[] = [{}, { rope: { type: 'linear', theta: 5e5, factor: 2.5 } }];
  const biased: Partial<ModelConfig>[] = [{}, { qkvBias: true, outputBias: true }];
  const kinds: Record<(typeof architectures)[number], readonly Partial<ModelConfig>[]> = {
    Qwen2ForCausalLM: [...windows, ...ropes, { eosTokenIds: [7] }, { eosTokenIds: [7, 8] }, { tiedHead: true }, { paddingTokenId: 0 }],
    Qwen3ForCausalLM: [...windows, ...ropes, ...biased],
    LlamaForCausalLM: [...ropes, ...biased, { mlpBias: true }, { headDim: 10 }],
    MistralForCausalLM: [{ windows: [7, 7] }, ...ropes, { headDim: 10 }],
    MinistralForCausalLM: [...windows, ...ropes, { headDim: 10 }],
  };

  it.each(architectures)('loses nothing of a new %s', (architecture) => {
    for (const kind of kinds[architecture]) {
      const config = modelConfig({ ...small, architecture, ...kind });
      const json = toHuggingFace(config);
      expect(fromHuggingFace(json)).toEqual({ ...config, source: json });
    }
  });

  it('writes what transformers, vLLM and llama.cpp choose their class by', () => {
    const json = toHuggingFace(modelConfig({ ...small, architecture: 'MistralForCausalLM' }), 'bfloat16');
    expect(json).toMatchObject({ architectures: ['MistralForCausalLM'], model_type: 'mistral', torch_dtype: 'bfloat16' });
    expect(json).toMatchObject({ sliding_window: null, head_dim: 16, rope_theta: 10_000, rope_scaling: null });
  });

  it.each(Object.entries(hubConfigs))('gives the file of %s back, but for the dtype', (_, json: JsonObject) => {
    expect(toHuggingFace(fromHuggingFace(json), 'float32')).toEqual({ ...json, torch_dtype: 'float32' });
  });

  it('writes the dtype under the key that the file has', () => {
    const { torch_dtype: _, ...rest } = qwen;
    expect(toHuggingFace(fromHuggingFace({ ...rest, dtype: 'float16' }), 'bfloat16')).toEqual({ ...rest, dtype: 'bfloat16' });
    expect(toHuggingFace(fromHuggingFace(rest), 'bfloat16')).toEqual({ ...rest, torch_dtype: 'bfloat16' });
  });

  it('writes whole numbers as the floats that transformers insists on', () => {
    const json = { ...qwen, rms_norm_eps: 1, initializer_range: 0, hidden_size: 896, note: '"rms_norm_eps": 1', vocab_size: 600 };
    const text = configText({ ...json, rope_scaling: { type: 'yarn', factor: 2, attention_factor: 1 } });
    expect(text).toContain('"rms_norm_eps": 1.0,\n');
    expect(text).toContain('"initializer_range": 0.0,\n');
    expect(text).toContain('"attention_factor": 1.0\n');
    expect(JSON.parse(text)).toMatchObject(json);
    expect(text.match(/\.0\b/g)).toHaveLength(3);
  });

  it('keeps eos ids of generation_config.json out of config.json', () => {
    const config = fromHuggingFace(qwen, { eos_token_id: [151645, 151643] });
    expect(config.eosTokenIds).toEqual([151645, 151643]);
    expect(toHuggingFace(config).eos_token_id).toBe(151645);
  });

  it('writes a changed shape anew and keeps the keys that it does not understand', () => {
    const layout5 = {
      ...qwen,
      layer_types: new Array(24).fill('full_attention'),
      rope_parameters: { rope_theta: 7, rope_type: 'default' },
    };
    const stretched = { ...fromHuggingFace(layout5), rope: { type: 'linear', theta: 1e6, factor: 2 } as const, layers: 3 };
    const json = toHuggingFace(stretched);
    expect(shapeJson(fromHuggingFace(json))).toEqual(shapeJson(stretched));
    expect(json).toMatchObject({ transformers_version: '4.43.1', bos_token_id: 151643, eos_token_id: 151645 });
    expect(json).not.toHaveProperty('rope_parameters');
  });

  it('leaves the file of another architecture behind', () => {
    const config = { ...fromHuggingFace(hubConfigs['SmolLM2-135M']), architecture: 'MistralForCausalLM' } as const;
    checkModelConfig(config);
    expect(toHuggingFace(config)).not.toHaveProperty('is_llama_config');
  });
});

describe('the native side', () => {
  it('gets its fields and no others', () => {
    expect(Object.keys(toNative(fromHuggingFace(qwen))).sort()).toEqual(
      ['headDim', 'heads', 'hiddenSize', 'intermediateSize', 'kvHeads', 'layers', 'maxPositions']
        .concat(['mlpBias', 'outputBias', 'qkNorm', 'qkvBias', 'rmsNormEps', 'ropeFrequencies', 'ropeScale', 'tiedHead'])
        .concat(['vocabSize', 'windows'])
        .sort(),
    );
  });

  it('gets a window for every layer', () => {
    expect(toNative(modelConfig({ ...small, windows: [0, 7] })).windows).toEqual(Int32Array.of(0, 7));
    expect(toNative(modelConfig(small)).windows).toEqual(new Int32Array(2));
    expect(toNative(modelConfig({ ...small, windows: [2 ** 40, 2 ** 40], maxPositions: 99 })).windows).toEqual(Int32Array.of(99, 99));
  });
});

describe('parameters', () => {
  it.each([
    ['Qwen2.5-0.5B-Instruct', 494_032_768],
    ['Qwen3-0.6B', 596_049_920],
    ['Llama-3.2-1B', 1_235_814_400],
    ['SmolLM2-135M', 134_515_008],
    ['Mistral-7B-v0.3', 7_248_023_552],
  ] as const)('of %s are as many as its page says', (name, count) => {
    expect(parameterCount(fromHuggingFace(hubConfigs[name]))).toBe(count);
  });

  it('count optional biases', () => {
    const plain = parameterCount(modelConfig({ ...small, architecture: 'LlamaForCausalLM' }));
    const biased = { architecture: 'LlamaForCausalLM', qkvBias: true, outputBias: true, mlpBias: true } as const;
    expect(parameterCount(modelConfig({ ...small, ...biased })) - plain).toBe(2 * (64 + 32 + 32 + 48 + 192 + 192 + 48));
  });
});
