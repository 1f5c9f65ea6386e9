import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { AStarPOError } from '../../errors.ts';
import type { JsonObject } from '../../util/json.ts';
import { asJsonObject } from '../files.ts';
import type { Encoder, TokenNames } from './encoder.ts';

/** The part of @huggingface/tokenizers that is used here; its own declarations do not resolve under NodeNext. */
interface LibraryTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}

/**
 * Text → ids through @huggingface/tokenizers, for what no model family here uses: WordPiece, WordLevel, and Unigram behind a
 * normalizer of its own (Precompiled, BertNormalizer, …). Unlike ours its ids are not those of the Rust library for every text:
 * unknown characters beside each other become one, and Unicode is that of Node.
 */
export class LibraryEncoder implements Encoder {
  readonly #json: JsonObject;
  readonly #config: JsonObject;
  /** Made when first needed, but for the one with all tokens: a large vocabulary costs a second. */
  readonly #tokenizers = new Map<TokenNames, LibraryTokenizer>();

  /** Throws ASTARPO_TOKENIZER. */
  constructor(json: JsonObject, config: JsonObject) {
    this.#json = json;
    this.#config = config;
    this.#tokenizers.set('all', createTokenizer(json, config));
  }

  encode(text: string, names: TokenNames): readonly number[] {
    if (text === '') return [];
    let tokenizer = this.#tokenizers.get(names);
    if (tokenizer === undefined) {
      tokenizer = createTokenizer(withTokens(this.#json, names), this.#config);
      this.#tokenizers.set(names, tokenizer);
    }
    return tokenizer.encode(text, { add_special_tokens: false }).ids;
  }
}

function createTokenizer(json: JsonObject, config: JsonObject): LibraryTokenizer {
  try {
    // An absent part is none, but the library wants to be told so.
    const parts = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [], ...json };
    return new HuggingFaceTokenizer(parts, config) as unknown as LibraryTokenizer;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AStarPOError(
      'ASTARPO_TOKENIZER',
      `expected a tokenizer.json that @huggingface/tokenizers reads, got one that it refuses: ${reason}`,
      {
        hint: 'take a tokenizer with a model of type BPE or Unigram, or convert this one with transformers',
        cause,
      },
    );
  }
}

function withTokens(json: JsonObject, names: TokenNames): JsonObject {
  const added = names !== 'none' && Array.isArray(json.added_tokens) ? json.added_tokens : [];
  return { ...json, added_tokens: added.filter((token) => names === 'all' || asJsonObject(token)?.special !== true) };
}
