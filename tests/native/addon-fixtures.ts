import type {
  ModelHandle,
  NativeAddon,
  NativeBatch,
  NativeGenerateRequest,
  NativeModelConfig,
  NativeStepOptions,
} from '../../lib/native/addon.ts';

export const config: NativeModelConfig = {
  vocabSize: 97,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  maxPositions: 4096,
  rmsNormEps: 1e-6,
  ropeFrequencies: Float32Array.from({ length: 4 }, (_, i) => 10_000 ** (-i / 4)),
  ropeScale: 1,
  qkvBias: true,
  outputBias: false,
  mlpBias: false,
  qkNorm: false,
  windows: new Int32Array(2),
  tiedHead: true,
};

export const request: NativeGenerateRequest = {
  maxTokens: 10,
  temperature: 1,
  topP: 1,
  topK: 0,
  minP: 0,
  greedy: false,
  stopIds: new Int32Array(),
  seed: 1n,
};

export const stepOptions: NativeStepOptions = { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, clip: 1 };

/** A model with random weights, weightsVersion 1. */
export async function randomModel(addon: NativeAddon, changes: Partial<NativeModelConfig> = {}): Promise<ModelHandle> {
  const model = await addon.createModel({ ...config, ...changes }, { device: 'cpu', dtype: 'float32', reproducible: true });
  await addon.initModel(model, 3n, 0.3);
  return model;
}

/** One sequence; every token but the first is scored. */
export function batchOf(tokens: readonly number[]): NativeBatch {
  return {
    tokens: Int32Array.from(tokens),
    offsets: Int32Array.of(0, tokens.length),
    mask: Uint8Array.from(tokens, (_, i) => (i === 0 ? 0 : 1)),
    temperature: Float32Array.of(1),
  };
}

export function sequenceOf(addon: NativeAddon, model: ModelHandle, tokens: readonly number[]) {
  const sequence = addon.createSequence(model);
  addon.extendSequence(sequence, Int32Array.from(tokens));
  return sequence;
}

/** The code that `act` fails with, or what it returned instead. */
export async function codeOf(act: () => unknown): Promise<unknown> {
  try {
    return { returned: await act() };
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}
