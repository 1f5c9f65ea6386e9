import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAStarPOError } from '../../lib/errors.ts';
import { fromHuggingFace, type ModelConfig, shapeJson, toHuggingFace, toNative } from '../../lib/model/config.ts';
import type { JsonObject, JsonValue } from '../../lib/util/json.ts';
import { hubConfigs } from '../fixtures/hub-configs.ts';

/** Keys that a reader looks at somewhere, and so where a wrong value may hurt. */
const keys = [
  ...new Set(Object.values(hubConfigs).flatMap(Object.keys)),
  ...['layer_types', 'rope_parameters', 'original_max_position_embeddings', 'partial_rotary_factor', 'per_layer_config', 'dtype'],
  ...['quantization_config', '__proto__', 'constructor'],
];
const ropeKeys = [
  ...['rope_type', 'type', 'rope_theta', 'factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'],
  ...['attention_factor', 'beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim', 'truncate', 'partial_rotary_factor', 'full_attention'],
];

const anyNumber = fc.oneof(
  fc.nat(64),
  fc.constantFrom(0, -1, 1, 2, 0.5, 1e-45, 1e-6, 1e38, 1e39, 1e300, -1e300, 2 ** 31, 2 ** 53, 2 ** 53 + 2),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const words = ['default', 'linear', 'llama3', 'yarn', 'dynamic', 'silu', 'swish', 'qwen2', 'qwen3', 'llama', 'mistral', 'toString', ''];
const anyWord = fc.oneof(fc.constantFrom(...words), fc.string());
const layerTypes = fc.array(fc.constantFrom('full_attention', 'sliding_attention', 'attention', 'moe'), { maxLength: 32 });
const anyRope = fc.dictionary(fc.constantFrom(...ropeKeys), fc.oneof(anyNumber, anyNumber, anyWord, fc.boolean(), fc.constant(null)));
const anyValue: fc.Arbitrary<JsonValue> = fc.oneof(
  { weight: 4, arbitrary: anyNumber },
  fc.boolean(),
  fc.constant(null),
  anyWord,
  layerTypes,
  { weight: 3, arbitrary: anyRope },
  fc.jsonValue() as fc.Arbitrary<JsonValue>,
);
const edit = fc.oneof(
  { weight: 4, arbitrary: fc.record({ key: fc.constantFrom(...keys), value: anyValue }) },
  { weight: 2, arbitrary: fc.record({ key: fc.constantFrom('rope_scaling', 'rope_parameters'), value: anyRope }) },
  fc.record({ key: fc.constantFrom(...keys) }),
);

function mutate(json: JsonObject, edits: readonly { key: string; value?: JsonValue }[]): JsonObject {
  const entries = new Map<string, JsonValue>(Object.entries(json));
  for (const { key, value } of edits) {
    if (value === undefined) entries.delete(key);
    else entries.set(key, value);
  }
  // As a file would come in: '__proto__' is an ordinary key there, and -0 and 1e999 are what JSON makes of them.
  return JSON.parse(JSON.stringify(Object.fromEntries(entries))) as JsonObject;
}

/** The configuration, or undefined for a refusal as it should be; anything else that is thrown fails the test. */
function read(json: JsonObject): ModelConfig | undefined {
  try {
    return fromHuggingFace(json);
  } catch (error) {
    if (!isAStarPOError(error)) throw error;
    expect(['ASTARPO_CONFIG', 'ASTARPO_ARCHITECTURE']).toContain(error.code);
    expect(error.message).toContain('expected');
    expect(error.hint).not.toBe('');
    expect(error.hint).toBeDefined();
    return undefined;
  }
}

function expectConsistent(config: ModelConfig): void {
  const native = toNative(config);
  for (const field of ['vocabSize', 'hiddenSize', 'intermediateSize', 'layers', 'heads', 'kvHeads', 'headDim', 'maxPositions'] as const) {
    expect(Number.isSafeInteger(native[field]) && native[field] > 0, field).toBe(true);
  }
  expect(native.heads % native.kvHeads).toBe(0);
  expect(native.ropeFrequencies).toHaveLength(native.headDim / 2);
  expect(native.ropeFrequencies.every((frequency) => Number.isFinite(frequency) && frequency >= 0)).toBe(true);
  expect(native.ropeScale > 0 && Number.isFinite(native.ropeScale)).toBe(true);
  expect(native.windows).toHaveLength(native.layers);
  expect(native.windows.every((window) => window >= 0)).toBe(true);
  expect(native.rmsNormEps > 0 && Number.isFinite(native.rmsNormEps)).toBe(true);
}

describe('a damaged config.json', () => {
  it('is refused with a coded error and a remedy, or means a whole model that survives being saved', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.constantFrom(...Object.values<JsonObject>(hubConfigs)), fc.array(edit, { maxLength: 4 }), (json, edits) => {
        const config = read(mutate(json, edits));
        if (config === undefined) return;
        accepted++;
        expectConsistent(config);
        expect(shapeJson(fromHuggingFace(toHuggingFace(config)))).toEqual(shapeJson(config));
        const { source: _, ...bare } = config;
        expect(shapeJson(fromHuggingFace(toHuggingFace(bare)))).toEqual(shapeJson(config));
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(200);
  });

  it('is refused whatever JSON it holds', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), anyValue), fc.constantFrom('qwen2', 'qwen3', 'llama', 'mistral'), (json, model_type) => {
        const config = read({ ...json, model_type });
        if (config !== undefined) expectConsistent(config);
      }),
      { numRuns: 500 },
    );
  });

  it('does not take generation_config.json along', () => {
    fc.assert(
      fc.property(anyValue, (eos) => {
        try {
          const ids = fromHuggingFace(hubConfigs['Qwen3-0.6B'], { eos_token_id: eos }).eosTokenIds;
          expect(ids.every((id) => Number.isSafeInteger(id) && id >= 0 && id < 151936)).toBe(true);
        } catch (error) {
          if (!isAStarPOError(error, 'ASTARPO_CONFIG')) throw error;
          expect(error.message).toContain('eos_token_id in generation_config.json');
        }
      }),
      { numRuns: 500 },
    );
  });
});
