import type { JsonObject, JsonValue } from '../../lib/util/json.ts';
import { deriveSeed, Rng } from '../../lib/util/rng.ts';

/**
 * Valid configurations of every family, drawn: grouping ratios, head sizes that fill no vector register, widths not divisible by 8,
 * vocabularies of 300 to 5,000, every rotary variant with odd parameters in the spelling of transformers 4 or 5, biases, heads tied
 * and not, windows shorter than the sequences, weights stored in any dtype.
 */
export function randomConfigs(count: number, seed: number): JsonObject[] {
  return Array.from({ length: count }, (_, i) =>
    drawConfig(new Rng(deriveSeed('random config', seed, i)), families[i % families.length] ?? llama),
  );
}

type Family = (rng: Rng, shape: Shape) => JsonObject;

/** What all families share. */
interface Shape {
  readonly heads: number;
  readonly layers: number;
  readonly maxPositions: number;
}

function drawConfig(rng: Rng, family: Family): JsonObject {
  const kvHeads = rng.pick([1, 1, 2, 3, 4, 5]);
  const heads = kvHeads * rng.pick([1, 1, 2, 3, 4, 7]);
  const layers = 1 + rng.integer(3);
  const maxPositions = rng.pick([24, 64, 131, 256, 300, 2048]);
  const vocabulary = 300 + rng.integer(rng.pick([40, 500, 4700]));
  return {
    vocab_size: vocabulary,
    hidden_size: rng.pick([12, 20, 33, 36, 48, 50, 64, 72, 96, 100, 127, 160]),
    intermediate_size: rng.pick([17, 32, 50, 86, 128, 201, 256]),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: rng.pick([2, 4, 6, 8, 10, 16, 18, 24, 32, 34, 50, 64, 80, 96, 128]),
    hidden_act: 'silu',
    max_position_embeddings: maxPositions,
    rms_norm_eps: rng.pick([1e-5, 1e-6, 1e-8, 0.01]),
    tie_word_embeddings: chance(rng, 0.5),
    // Its embedding gets no gradient as an input.
    pad_token_id: chance(rng, 0.3) ? rng.integer(vocabulary) : null,
    torch_dtype: rng.pick(['float32', 'bfloat16', 'float16']),
    ...drawRope(rng, maxPositions),
    ...family(rng, { heads, layers, maxPositions }),
  };
}

const chance = (rng: Rng, probability: number) => rng.uniform() < probability;

/** Short of the sequences, so that it matters; sometimes a single key. */
const drawWindow = (rng: Rng) => rng.pick([1, 2, 5, 7, 16, 19, 33, 64]);

/** transformers wants a Llama's width to be a multiple of its heads, whatever their own width. */
const llama: Family = (rng, { heads }) => ({
  hidden_size: heads * (2 + rng.integer(Math.ceil(120 / heads))),
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  attention_bias: chance(rng, 0.4),
  mlp_bias: chance(rng, 0.4),
});

const mistral: Family = (rng) => ({
  architectures: ['MistralForCausalLM'],
  model_type: 'mistral',
  sliding_window: chance(rng, 0.7) ? drawWindow(rng) : null,
});

/** Mistral with layers of two kinds. */
const ministral: Family = (rng, { layers }) => ({
  architectures: ['MinistralForCausalLM'],
  model_type: 'ministral',
  sliding_window: drawWindow(rng),
  layer_types: drawLayerTypes(rng, layers),
});

const qwen2: Family = (rng, shape) => ({
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  ...qwenWindow(rng, shape),
});

const qwen3: Family = (rng, shape) => ({
  architectures: ['Qwen3ForCausalLM'],
  model_type: 'qwen3',
  attention_bias: chance(rng, 0.3),
  ...qwenWindow(rng, shape),
});

const families: readonly Family[] = [qwen2, qwen3, llama, mistral, ministral];

/** Windows above `max_window_layers`, or in the layers that `layer_types` names; a `sliding_window` that is switched off means none. */
function qwenWindow(rng: Rng, { layers }: Shape): JsonObject {
  const use = chance(rng, 0.5);
  const window = { use_sliding_window: use, sliding_window: drawWindow(rng), max_window_layers: rng.integer(layers + 1) };
  if (!use || chance(rng, 0.5)) return window;
  return { ...window, layer_types: drawLayerTypes(rng, layers) };
}

function drawLayerTypes(rng: Rng, layers: number): string[] {
  return Array.from({ length: layers }, () => rng.pick(['full_attention', 'sliding_attention']));
}

/** Half in the spelling of transformers 5 (`rope_parameters`), half in that of 4 (`rope_theta`, `rope_scaling`). */
function drawRope(rng: Rng, maxPositions: number): JsonObject {
  const theta = rng.pick([10_000, 500_000, 1_000_000, 1234.5, 100]);
  const scaling = drawScaling(rng, maxPositions);
  if (chance(rng, 0.5)) return { rope_parameters: { rope_theta: theta, rope_type: 'default', ...scaling } };
  return { rope_theta: theta, rope_scaling: scaling };
}

function drawScaling(rng: Rng, maxPositions: number): JsonObject | null {
  const factor = rng.pick([1, 1.5, 2, 4, 8, 32, 2.37]);
  const original = Math.max(4, Math.round(maxPositions / rng.pick([1, 2, 4, 7])));
  const kind = rng.pick(['default', 'linear', 'llama3', 'yarn', 'yarn'] as const);
  if (kind === 'default') return null;
  if (kind === 'linear') return { rope_type: kind, factor };
  if (kind === 'llama3') {
    const low = rng.pick([1, 0.5, 2]);
    return {
      rope_type: kind,
      factor,
      low_freq_factor: low,
      high_freq_factor: low * rng.pick([2, 4, 1.5]),
      original_max_position_embeddings: original,
    };
  }
  const optional: Record<string, JsonValue> = {};
  const attention = rng.pick(['default', 'default', 'factor', 'mscale']);
  if (attention === 'factor') optional.attention_factor = rng.pick([1, 0.8, 1.3]);
  if (attention === 'mscale') Object.assign(optional, { mscale: rng.pick([1, 0.7]), mscale_all_dim: rng.pick([1, 0.5]) });
  if (chance(rng, 0.4)) Object.assign(optional, { beta_fast: rng.pick([32, 16, 8]), beta_slow: rng.pick([1, 2, 0.5]) });
  if (chance(rng, 0.3)) optional.truncate = chance(rng, 0.5);
  return { rope_type: kind, factor, original_max_position_embeddings: original, ...optional };
}
