import { readFileSync } from 'node:fs';
import { URL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fromHuggingFace, toNative } from '../../lib/model/config.ts';
import type { JsonObject } from '../../lib/util/json.ts';
import { hubConfigs } from '../fixtures/hub-configs.ts';

const qwen2: JsonObject = hubConfigs['Qwen2.5-0.5B-Instruct'];
const qwen3: JsonObject = hubConfigs['Qwen3-0.6B'];
const llama: JsonObject = hubConfigs['Llama-3.2-1B'];
const smol: JsonObject = hubConfigs['SmolLM2-135M'];
const mistral: JsonObject = hubConfigs['Mistral-7B-v0.3'];

function without(json: JsonObject, ...keys: string[]): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([key]) => !keys.includes(key)));
}

describe('files of the hub', () => {
  it('Qwen2.5', () => {
    expect(fromHuggingFace(qwen2)).toEqual({
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
      source: qwen2,
    });
  });

  it('Qwen3', () => {
    expect(fromHuggingFace(qwen3)).toMatchObject({ headDim: 128, kvHeads: 8, qkNorm: true, qkvBias: false, rope: { theta: 1e6 } });
  });

  it('Llama 3.2', () => {
    expect(fromHuggingFace(llama)).toMatchObject({
      ...{ headDim: 64, tiedHead: true, qkvBias: false, outputBias: false, mlpBias: false, qkNorm: false },
      rope: { type: 'llama3', theta: 5e5, factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 },
    });
  });

  it('SmolLM2', () => {
    expect(fromHuggingFace(smol)).toMatchObject({ architecture: 'LlamaForCausalLM', heads: 9, headDim: 64, rope: { theta: 1e5 } });
  });

  it('Mistral', () => {
    expect(fromHuggingFace(mistral)).toMatchObject({ tiedHead: false, windows: [], eosTokenIds: [2], headDim: 128 });
  });
});

interface GoldenCase {
  readonly base: string;
  readonly removed: readonly string[];
  readonly changed: JsonObject;
  readonly error?: string;
  readonly decoder?: JsonObject & { readonly vocabSize: number; readonly eosTokenIds: number[]; readonly windows: number[] };
}

const golden = JSON.parse(readFileSync(new URL('../golden/configs.json', import.meta.url), 'utf8')) as {
  readonly bases: Readonly<Record<string, JsonObject>>;
  readonly cases: readonly GoldenCase[];
};

/** Refusals that are ours alone, of what the decoder or its cache does not have. */
const ownRefusals =
  /hidden_act|sliding_window in \S+ to be absent|rope_type|\.type in|partial_rotary_factor|factor in \S+ to be a positive number/;

describe('changed configurations that transformers opened', () => {
  const configs = golden.cases.map((entry) => ({
    ...entry,
    config: { ...without(golden.bases[entry.base] as JsonObject, ...entry.removed), ...entry.changed },
  }));

  it('become the same decoder, or are refused for what is not built', () => {
    let read = 0;
    for (const { decoder, config } of configs) {
      if (decoder === undefined) continue;
      let model: ReturnType<typeof fromHuggingFace>;
      try {
        model = fromHuggingFace(config);
      } catch (error) {
        expect((error as Error).message, JSON.stringify(config)).toMatch(ownRefusals);
        continue;
      }
      read++;
      const { slowest, middle, ...fields } = decoder;
      const native = toNative(model);
      const { ropeFrequencies, ropeScale } = native;
      const got = { ...model, windows: [...native.windows].map((window) => (window >= 40 ? 0 : window)), ropeScale };
      const eosTokenIds = decoder.eosTokenIds.filter((id) => id < decoder.vocabSize);
      expect(got, JSON.stringify(config)).toMatchObject({
        ...fields,
        eosTokenIds,
        ropeScale: expect.closeTo(fields.ropeScale as number, 14),
      });
      expect((ropeFrequencies.at(-1) as number) / (slowest as number)).toBeCloseTo(1, 6);
      expect((ropeFrequencies[ropeFrequencies.length >> 1] as number) / (middle as number)).toBeCloseTo(1, 6);
    }
    expect(read).toBeGreaterThan(150);
  });

  it('are refused where transformers fails', () => {
    const failures = configs.filter(({ error }) => error !== undefined);
    expect(failures.length).toBeGreaterThan(30);
    for (const { config, error } of failures) {
      expect(() => fromHuggingFace(config), `${error} ${JSON.stringify(config)}`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ASTARPO_(CONFIG|ARCHITECTURE)$/) }),
      );
    }
  });
});

describe('absent keys', () => {
  it.each<[string, JsonObject, JsonObject]>([
    ['Qwen2: 32 key heads', without(qwen2, 'num_key_value_heads', 'num_attention_heads', 'hidden_size'), { kvHeads: 32, hiddenSize: 4096 }],
    ['Qwen3: heads of 128', without(qwen3, 'head_dim'), { headDim: 128 }],
    ['Llama: as many key heads as heads', without(llama, 'num_key_value_heads'), { kvHeads: 32 }],
    ['Llama: eos 2', without(llama, 'eos_token_id'), { eosTokenIds: [2] }],
    ['Qwen2: no eos', without(qwen2, 'eos_token_id'), { eosTokenIds: [] }],
    ['Mistral: 8 key heads', without(mistral, 'num_key_value_heads'), { kvHeads: 8 }],
    ['Llama: 2048 positions', without(llama, 'max_position_embeddings'), { maxPositions: 2048 }],
    ['a head of its own', without(smol, 'tie_word_embeddings'), { tiedHead: false }],
    ['rotary base 10000', without(smol, 'rope_theta', 'rope_scaling'), { rope: { type: 'default', theta: 10_000 } }],
  ])('are read as %s', (_, json, fields) => {
    expect(fromHuggingFace(json)).toMatchObject(fields);
  });

  it('of Mistral mean a window of 4096 in every layer', () => {
    expect(fromHuggingFace(without(mistral, 'sliding_window')).windows).toEqual(new Array(32).fill(4096));
  });
});

describe('pad_token_id', () => {
  it('is read as torch counts it: below 0 from the end, beyond the vocabulary not at all', () => {
    const padding = (id: unknown) => fromHuggingFace({ ...qwen2, pad_token_id: id } as JsonObject).paddingTokenId;
    expect(padding(3)).toBe(3);
    expect(padding(-1)).toBe(Number(qwen2.vocab_size) - 1);
    expect(padding(qwen2.vocab_size)).toBeUndefined();
    expect(padding(null)).toBeUndefined();
  });
});

describe('sliding windows', () => {
  it('of Qwen start at max_window_layers, and only with use_sliding_window', () => {
    const slides = { ...qwen2, use_sliding_window: true, sliding_window: 4096 };
    expect(fromHuggingFace(slides).windows).toEqual([...new Array(21).fill(0), 4096, 4096, 4096]);
    expect(fromHuggingFace({ ...slides, max_window_layers: 24 }).windows).toEqual([]);
    expect(fromHuggingFace({ ...slides, use_sliding_window: false }).windows).toEqual([]);
    expect(fromHuggingFace({ ...slides, sliding_window: null }).windows).toEqual([]);
  });

  it('follow layer_types where there are any', () => {
    const layer_types = ['sliding_attention', 'full_attention'];
    const two = { ...qwen3, num_hidden_layers: 2, layer_types };
    expect(fromHuggingFace({ ...two, use_sliding_window: true, sliding_window: 9 }).windows).toEqual([9, 0]);
    expect(fromHuggingFace({ ...mistral, num_hidden_layers: 2, layer_types, sliding_window: 9, head_dim: 128 }).windows).toEqual([9, 0]);
    expect(() => fromHuggingFace(two)).toThrow(expect.objectContaining({ code: 'ASTARPO_CONFIG' }));
  });
});

describe('eos ids', () => {
  it('are those of generation_config.json, if it names any', () => {
    expect(fromHuggingFace(qwen2, { eos_token_id: [151645, 151643] }).eosTokenIds).toEqual([151645, 151643]);
    expect(fromHuggingFace(qwen2, { eos_token_id: null }).eosTokenIds).toEqual([151645]);
    expect(fromHuggingFace(qwen2, { temperature: 0.7 }).eosTokenIds).toEqual([151645]);
  });

  it('beyond the vocabulary can never be met and are left out', () => {
    expect(fromHuggingFace({ ...qwen2, vocab_size: 1000 }).eosTokenIds).toEqual([]);
  });
});

describe('other models', () => {
  it.each<[string, JsonObject, string]>([
    ['another family', { model_type: 'gemma2', architectures: ['Gemma2ForCausalLM'] }, '"gemma2"'],
    ['a mixture of experts', { ...qwen3, model_type: 'qwen3_moe', architectures: ['Qwen3MoeForCausalLM'] }, '"qwen3_moe"'],
    ['a model that sees', { ...qwen2, model_type: 'qwen2_vl' }, '"qwen2_vl"'],
    ['no model_type', without(qwen2, 'model_type'), 'model_type'],
    ['a classifier', { ...qwen2, architectures: ['Qwen2ForSequenceClassification'] }, 'Qwen2ForSequenceClassification'],
    ['architectures of another family', { ...llama, architectures: ['MistralForCausalLM'] }, 'MistralForCausalLM'],
    ['nothing', {}, 'model_type'],
  ])('are refused: %s', (_, json, name) => {
    expect(() => fromHuggingFace(json, undefined, '/models/x/config.json')).toThrow(
      expect.objectContaining({
        code: 'ASTARPO_ARCHITECTURE',
        message: expect.stringMatching(new RegExp(`/models/x/config.json.*${name}`)),
        hint: expect.stringContaining('LlamaForCausalLM (model_type llama: Llama 2 and 3, SmolLM2)'),
      }),
    );
  });

  it('are told the nearest name', () => {
    expect(() => fromHuggingFace({ model_type: 'qwen2_moe' })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('nearest: qwen2') }),
    );
  });

  it('are read when only the spelling of the class is old, or no class is named', () => {
    for (const architectures of [['LLaMAForCausalLM'], [], null]) {
      expect(fromHuggingFace({ ...llama, architectures }).architecture).toBe('LlamaForCausalLM');
    }
  });
});

describe('refusals', () => {
  const yarn = { type: 'yarn', factor: 4 };
  it.each<[string, JsonObject, string, string?]>([
    ['a null count', { ...qwen2, hidden_size: null }, 'hidden_size'],
    ['text for a number', { ...qwen2, num_hidden_layers: '2' }, 'num_hidden_layers'],
    ['true for a number', { ...qwen2, vocab_size: true }, 'vocab_size'],
    ['no layers', { ...qwen2, num_hidden_layers: 0 }, 'num_hidden_layers', 'correct num_hidden_layers'],
    ['a negative vocabulary', { ...llama, vocab_size: -1 }, 'vocab_size'],
    ['half a head', { ...llama, num_attention_heads: 32.5 }, 'hidden_size'],
    ['heads that do not divide', { ...qwen2, num_key_value_heads: 3 }, 'num_key_value_heads'],
    ['an odd head', { ...qwen2, head_dim: 15 }, 'head_dim'],
    ['a fractional head', { ...qwen2, num_attention_heads: 15, num_key_value_heads: 5 }, 'head_dim'],
    ['a null head of a Qwen', { ...qwen3, head_dim: null }, 'head_dim'],
    ['a width that is no multiple of the heads of a Llama', { ...llama, hidden_size: 2050, head_dim: 64 }, 'hidden_size'],
    ['null key heads of a Mistral', { ...mistral, num_key_value_heads: null }, 'num_key_value_heads'],
    ['a negative epsilon', { ...qwen2, rms_norm_eps: -1 }, 'rms_norm_eps'],
    ['another activation', { ...qwen2, hidden_act: 'gelu' }, 'hidden_act', 'SiLU'],
    ['quantised weights', { ...qwen2, quantization_config: { bits: 4 } }, 'quantization_config', 'original model'],
    ['layers of several shapes', { ...llama, per_layer_config: { 0: {} } }, 'per_layer_config'],
    ['a window of 0', { ...qwen2, use_sliding_window: true, sliding_window: 0, max_window_layers: 0 }, 'sliding_window'],
    ['a window of a Llama', { ...llama, sliding_window: 4096 }, 'sliding_window', 'whole context'],
    ['a layer type of another family', { ...qwen2, layer_types: ['chunked_attention'] }, 'layer_types'],
    ['layer types for other layers', { ...smol, layer_types: ['full_attention'] }, 'layer_types'],
    ['a negative eos id', { ...qwen2, eos_token_id: -1 }, 'eos_token_id'],
    ['half a padding token', { ...qwen2, pad_token_id: 0.5 }, 'pad_token_id'],
    ['a padding text', { ...qwen2, pad_token_id: '<pad>' }, 'pad_token_id'],
    ['an eos text', { ...qwen2, eos_token_id: ['</s>'] }, 'eos_token_id'],
    ['rotary frequencies by length', { ...qwen2, rope_scaling: { type: 'dynamic', factor: 2 } }, 'rope_scaling.type', 'contradict keys'],
    ['a rotary type in capitals', { ...qwen2, rope_scaling: { type: 'Yarn', factor: 2 } }, 'rope_scaling.type', 'did you mean yarn?'],
    ['an unheard-of rotary type', { ...qwen2, rope_parameters: { rope_type: 'spiral' } }, 'rope_parameters.rope_type', 'llama3'],
    ['no rotary type', { ...qwen2, rope_scaling: { rope_type: null, factor: 2 } }, 'rope_scaling.rope_type'],
    ['rotary settings as text', { ...qwen2, rope_scaling: 'yarn' }, 'rope_scaling'],
    ['yarn without a factor', { ...qwen2, rope_scaling: { type: 'yarn' } }, 'rope_scaling.factor', 'add it'],
    ['a misspelt factor', { ...qwen2, rope_scaling: { type: 'linear', facter: 2 } }, 'rope_scaling.facter', 'did you mean factor?'],
    ['a factor of 0', { ...qwen2, rope_scaling: { type: 'linear', factor: 0 } }, 'rope_scaling.factor'],
    ['llama3 without its frequencies', { ...llama, rope_scaling: { rope_type: 'llama3', factor: 8 } }, 'rope_scaling.low_freq_factor'],
    [
      'a null original context',
      { ...qwen2, rope_scaling: { ...yarn, original_max_position_embeddings: null } },
      'rope_scaling.original_max_position_embeddings',
    ],
    ['yarn on a base of 1', { ...qwen2, rope_theta: 1, rope_scaling: yarn }, 'rope_theta'],
    ['a null rotary base', { ...qwen2, rope_theta: null }, 'rope_theta'],
    ['a part of every head', { ...llama, partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
    [
      'rotary settings by layer type',
      { ...qwen3, rope_parameters: { full_attention: { rope_type: 'default' } } },
      'rope_parameters.full_attention',
      'one level up',
    ],
    ['a size beyond every machine', { ...llama, intermediate_size: 2 ** 40 }, 'intermediate_size'],
  ])('name the key of %s', (_, json, name, hint = '') => {
    expect(() => fromHuggingFace(json)).toThrow(
      expect.objectContaining({ code: 'ASTARPO_CONFIG', message: expect.stringContaining(`expected ${name}`) }),
    );
    if (hint !== '') expect(() => fromHuggingFace(json)).toThrow(expect.objectContaining({ hint: expect.stringContaining(hint) }));
  });

  it('name the file', () => {
    expect(() => fromHuggingFace({ ...qwen2, vocab_size: 0 }, undefined, '/models/a/config.json')).toThrow('/models/a/config.json');
    expect(() => fromHuggingFace(qwen2, { eos_token_id: 'x' }, '/models/a/config.json')).toThrow('/models/a/generation_config.json');
  });
});
