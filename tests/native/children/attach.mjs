// The addon for child processes and worker threads of addon-life.test.ts: plain JavaScript, loaded by the paths that the test found.
import { createRequire } from 'node:module';

export const files = JSON.parse(process.env.ASTARPO_TEST_FILES ?? '{}');

export function openShim() {
  const shim = createRequire(import.meta.url)(files.shim);
  for (const name of ['c10', 'torch_cpu', 'torch']) shim.preload(`${files.libtorch}/lib/lib${name}.so`, false);
  return shim;
}

export const addon = openShim().attach(files.core);

export const config = {
  vocabSize: 97,
  hiddenSize: 128,
  intermediateSize: 256,
  layers: 4,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  maxPositions: 100_000,
  rmsNormEps: 1e-6,
  ropeFrequencies: Float32Array.from({ length: 16 }, (_, i) => 10_000 ** (-i / 16)),
  ropeScale: 1,
  qkvBias: true,
  outputBias: false,
  mlpBias: false,
  qkNorm: false,
  windows: new Int32Array(4),
  tiedHead: true,
};

export const request = { maxTokens: 90_000, temperature: 1, topP: 1, topK: 0, minP: 0, greedy: false, stopIds: new Int32Array(), seed: 1n };

export async function randomModel(changes = {}) {
  const model = await addon.createModel({ ...config, ...changes }, { device: 'cpu', dtype: 'float32', reproducible: true });
  await addon.initModel(model, 3n, 0.02);
  return model;
}

export function batchOf(length) {
  return {
    tokens: Int32Array.from({ length }, (_, i) => i % 97),
    offsets: Int32Array.of(0, length),
    mask: Uint8Array.from({ length }, (_, i) => (i === 0 ? 0 : 1)),
    temperature: Float32Array.of(1),
  };
}

/** Starts a generation; the promise resolves with its first token, so that it is known to be under way. */
export function startGenerating(model, options = {}) {
  const sequence = addon.createSequence(model);
  addon.extendSequence(sequence, Int32Array.of(1, 2, 3));
  let result;
  const begun = new Promise((resolve) => {
    result = addon.generate(sequence, { ...request, ...options, onToken: resolve });
  });
  return { begun, result };
}
