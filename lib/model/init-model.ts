import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { chatMLSpecialTokens, compactSpecialTokens } from './chat/token-formats.ts';
import { modelConfig } from './config.ts';
import type { DeviceOptions } from './device-options.ts';
import type { Architecture } from './families/index.ts';
import { Policy } from './policy.ts';
import { Tokenizer } from './tokenizer.ts';
import { qwenPattern, trainBytePairTokenizer } from './train-tokenizer.ts';

export interface InitModelOptions {
  /** transformers' class of the model; default Qwen2ForCausalLM. */
  readonly architecture?: Architecture | undefined;
  /** Width of the model. */
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Width of the feed-forward part; default 3 × hidden. */
  readonly intermediate?: number | undefined;
  /** Tokens of the tokenizer at most, special tokens included. */
  readonly vocab: number;
  /** Longest context in tokens. */
  readonly maxPositions: number;
  readonly tiedHead: boolean;
  /** Whose special tokens the tokenizer gets. */
  readonly chat: 'chatml' | 'compact';
  /** Standard deviation of the drawn matrices; default 0.02. */
  readonly initializerRange?: number | undefined;
  /** Standard deviation of the embedding; default: like the matrices. See `InitOptions`. */
  readonly embeddingRange?: number | undefined;
  /** How texts are split before tokens are learned; default: as the Qwen2 tokenizers do. */
  readonly pattern?: string | undefined;
  readonly seed: bigint;
}

const names: OptionNames<InitModelOptions> = {
  architecture: true,
  ...{ hidden: true, layers: true, heads: true, kvHeads: true, intermediate: true, vocab: true, maxPositions: true, tiedHead: true },
  ...{ chat: true, initializerRange: true, embeddingRange: true, pattern: true, seed: true },
};

/** A small model from nothing: a tokenizer trained on `texts` and random weights. Throws as Policy.init and the tokenizer do. */
export async function initModel(texts: Iterable<string>, options: InitModelOptions, device: DeviceOptions = {}): Promise<Policy> {
  refuseUnknownOptions('initModel', options, names);
  const specialTokens = options.chat === 'chatml' ? chatMLSpecialTokens : compactSpecialTokens;
  const tokenizer = Tokenizer.fromJson(
    trainBytePairTokenizer(texts, { vocabSize: options.vocab, specialTokens, pattern: options.pattern ?? qwenPattern }),
  );
  const end = tokenizer.tokenId(options.chat === 'chatml' ? '<|im_end|>' : '<|end|>');
  const config = modelConfig({
    architecture: options.architecture ?? 'Qwen2ForCausalLM',
    vocabSize: tokenizer.vocabSize,
    hiddenSize: options.hidden,
    intermediateSize: options.intermediate ?? 3 * options.hidden,
    layers: options.layers,
    heads: options.heads,
    kvHeads: options.kvHeads,
    maxPositions: options.maxPositions,
    tiedHead: options.tiedHead,
    eosTokenIds: end === undefined ? [] : [end],
    initializerRange: options.initializerRange ?? 0.02,
  });
  return Policy.init(config, { ...device, tokenizer, seed: options.seed, embeddingRange: options.embeddingRange });
}
