import type { ModelConfig } from './config.ts';

/** Scalars of all weights. */
export function parameterCount(config: ModelConfig): number {
  const { vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headDim } = config;
  const attention = 2 * (heads + kvHeads) * headDim * hiddenSize;
  const biases = (config.qkvBias ? (heads + 2 * kvHeads) * headDim : 0) + (config.outputBias ? hiddenSize : 0);
  const mlp = 3 * intermediateSize * hiddenSize + (config.mlpBias ? 2 * intermediateSize + hiddenSize : 0);
  const norms = 2 * hiddenSize + (config.qkNorm ? 2 * headDim : 0);
  return vocabSize * hiddenSize * (config.tiedHead ? 1 : 2) + layers * (attention + biases + mlp + norms) + hiddenSize;
}
