import type { ModelConfig } from '../model/config.ts';
import type { AdapterModule } from '../model/lora/settings.ts';
import { parameterCount } from '../model/parameter-count.ts';
import type { DType } from '../native/addon.ts';

/** What is trained, how, and at which sizes. */
export interface MemoryPlanInput {
  readonly config: ModelConfig;
  /** Of weights, activations, keys and values. */
  readonly dtype: DType;
  /** Modules with an adapter (`adapterModules`, `policy.lora.modules`); undefined: all weights are trained. */
  readonly adapter?: readonly AdapterModule[] | undefined;
  /** Tokens of one forward and backward pass. */
  readonly microBatchTokens: number;
  /** Sequences that generate at the same time. */
  readonly sequences: number;
  /** Tokens of each at most. */
  readonly context: number;
}

/** Bytes, by what they are for. Within a few per cent of what processes were measured to take at their peak (`npm run bench -- shapes`). */
export interface MemoryPlan {
  /** Trained numbers, and all numbers of the model, adapter included. */
  readonly trainable: number;
  readonly parameters: number;
  readonly weights: number;
  /** The frozen copy; 0 with an adapter, since the base is shared. */
  readonly reference: number;
  /** fp32, whatever the dtype. */
  readonly adapter: number;
  /** fp32 of every trained number. */
  readonly gradients: number;
  /** AdamW's two moments in fp32, and the master weights of a bfloat16 model. */
  readonly optimizer: number;
  /** Keys and values of one token, every layer. */
  readonly cachePerToken: number;
  /** Keys and values of all sequences. */
  readonly cache: number;
  /** What the backward pass needs of one token of a micro-batch. */
  readonly activationsPerToken: number;
  readonly activations: number;
  /** The largest intermediate results beside them. */
  readonly scratch: number;
  /** One chunk of logits; an objective with a full-vocabulary KL has two. */
  readonly logits: number;
  /** Node, libtorch and the addon. */
  readonly runtime: number;
  /** Most that is live while episodes are played, and while a step is taken. */
  readonly rollout: number;
  readonly update: number;
  readonly peak: number;
}

const fp32 = 4;
/** Logits of a chunk take at most this much, one row at least (native/model/decoder.h). */
const headChunkBytes = 64 * 2 ** 20;
/** A cache begins with room for this many tokens and doubles (native/model/kv_cache.cc). */
const smallestCache = 64;
/** A process that has loaded libtorch and the addon and no model; measured on Linux x86-64 with Node 20. */
const runtimeBytes = 300 * 2 ** 20;

/** What a run with these sizes takes, from shapes alone: nothing is loaded. */
export function planMemory(input: MemoryPlanInput): MemoryPlan {
  const { config, dtype, adapter, microBatchTokens, sequences, context } = input;
  const element = dtype === 'float32' ? fp32 : 2;
  const base = parameterCount(config);
  const inAdapter = (adapter ?? []).reduce((total, linear) => total + linear.rank * (linear.in + linear.out), 0);
  const trainable = adapter === undefined ? base : inAdapter;
  const ownMaster = adapter === undefined && dtype === 'bfloat16' ? 1 : 0;
  const held = {
    weights: base * element,
    reference: adapter === undefined ? base * element : 0,
    adapter: inAdapter * fp32,
    gradients: trainable * fp32,
    optimizer: trainable * fp32 * (2 + ownMaster),
  };
  const cachePerToken = 2 * config.layers * config.kvHeads * config.headDim * element;
  const cache = sequences * cacheCapacity(context, config.maxPositions) * cachePerToken;
  const activationsPerToken = keptPerToken(input, element);
  const activations = microBatchTokens * activationsPerToken;
  const scratch = scratchBytes(input, element);
  const row = config.vocabSize * fp32;
  const logits = Math.max(row, Math.min(microBatchTokens * row, headChunkBytes));
  const runtime = runtimeBytes;
  const always = runtime + Object.values(held).reduce((total, bytes) => total + bytes, 0);
  const rollout = always + cache + Math.max(row, Math.min(sequences * row, headChunkBytes));
  // The head is walked before the layers' backward pass begins, so their intermediates do not meet.
  const update = always + activations + Math.max(scratch, logits);
  return {
    ...{ trainable, parameters: base + inAdapter, ...held, cachePerToken, cache, activationsPerToken, activations, scratch, logits },
    ...{ runtime, rollout, update, peak: Math.max(rollout, update) },
  };
}

function cacheCapacity(tokens: number, maxPositions: number): number {
  let capacity = smallestCache;
  while (capacity < tokens) capacity *= 2;
  return Math.max(tokens, Math.min(capacity, maxPositions));
}

/** What LayerActivations of native/model/decoder_impl.h holds for a token, of all layers from the first that is trained. */
function keptPerToken({ config, adapter }: MemoryPlanInput, element: number): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  const layers = config.layers - firstTrainedLayer(adapter);
  const qkv = (heads + 2 * kvHeads) * headDim;
  // Residual stream before and after attention, both again after their norms, q, k, v, what was attended to, gate and up.
  const wide = 4 * hiddenSize + qkv + heads * headDim + 2 * intermediateSize;
  // Of both norms, and of attention's softmax.
  const statistics = 2 + heads;
  return layers * (wide * element + statistics * fp32);
}

function firstTrainedLayer(adapter: MemoryPlanInput['adapter']): number {
  const numbers = (adapter ?? []).map(({ module }) => Number(/^model\.layers\.(\d+)\./.exec(module)?.[1] ?? 0));
  return numbers.length === 0 ? 0 : Math.min(...numbers);
}

/**
 * The largest moment of a layer's backward pass, with what the allocator keeps of the pieces before it: measured. A weight's gradient in
 * bfloat16 is a matrix of its own before it is added up in fp32, and libtorch's product takes an fp32 one beside it.
 */
function scratchBytes({ config, dtype, adapter, microBatchTokens }: MemoryPlanInput, element: number): number {
  const { hiddenSize, intermediateSize, vocabSize } = config;
  const rows = microBatchTokens * (8 * intermediateSize + 4 * hiddenSize) * element;
  const largestMatrix = hiddenSize * Math.max(vocabSize, 2 * intermediateSize);
  return rows + (adapter === undefined && dtype === 'bfloat16' ? largestMatrix * (element + fp32) : 0);
}
