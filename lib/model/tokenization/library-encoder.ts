import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { AStarPOError } from '../../errors.ts';
import type { JsonObject } from '../../util/json.ts';
import { asJsonObject } from '../files.ts';
import type { Encoder } from './encoder.ts';

/** The part of @huggingface/tokenizers that is used here; its own declarations do not resolve under NodeNext. */
interface LibraryTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}

/** Text → ids through @huggingface/tokenizers, for models other than byte-pair encodings (Unigram, WordPiece, WordLevel). */
export class LibraryEncoder implements Encoder {
  readonly #json: JsonObject;
  readonly #config: JsonObject;
  readonly #withSpecialTokens: LibraryTokenizer;
  /** Takes the names of special tokens for plain text; made when first needed, since a large vocabulary costs a second. */
  #withoutSpecialTokens: LibraryTokenizer | undefined;

  /** Throws ASTARPO_TOKENIZER. */
  constructor(json: JsonObject, config: JsonObject) {
    this.#json = json;
    this.#config = config;
    this.#withSpecialTokens = createTokenizer(json, config);
  }

  encode(text: string, special: boolean): readonly number[] {
    if (text === '') return [];
    if (special) return idsOf(this.#withSpecialTokens, text);
    this.#withoutSpecialTokens ??= createTokenizer(withoutSpecialTokens(this.#json), this.#config);
    return idsOf(this.#withoutSpecialTokens, text);
  }
}

function idsOf(tokenizer: LibraryTokenizer, text: string): readonly number[] {
  return tokenizer.encode(text, { add_special_tokens: false }).ids;
}

function createTokenizer(json: JsonObject, config: JsonObject): LibraryTokenizer {
  try {
    return new HuggingFaceTokenizer(json, config) as unknown as LibraryTokenizer;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AStarPOError(
      'ASTARPO_TOKENIZER',
      `expected a tokenizer.json that @huggingface/tokenizers reads, got one that it refuses: ${reason}`,
      {
        hint: 'the keys model, pre_tokenizer, normalizer, post_processor, decoder and added_tokens must all be there',
        cause,
      },
    );
  }
}

function withoutSpecialTokens(json: JsonObject): JsonObject {
  const added = Array.isArray(json.added_tokens) ? json.added_tokens : [];
  return { ...json, added_tokens: added.filter((token) => asJsonObject(token)?.special !== true) };
}
