import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { AStarPOError } from '../errors.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../util/json.ts';
import { ByteLevelBpe } from './byte-level-bpe.ts';
import { asJsonObject, readJsonFile } from './files.ts';

/** The part of @huggingface/tokenizers that is used here; its own declarations do not resolve under NodeNext. */
interface Encoder {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
  token_to_id(token: string): number | undefined;
}

/** Text ↔ token ids, from a Hugging Face `tokenizer.json`. */
export class Tokenizer {
  /** Contents of `tokenizer.json`. */
  readonly json: JsonObject;
  /** Contents of `tokenizer_config.json`; empty if there was none. */
  readonly config: JsonObject;
  /** One more than the largest id. */
  readonly vocabSize: number;
  readonly #encoder: Encoder;
  /** Takes the names of special tokens for plain text; made when first needed, since a large vocabulary costs a second. */
  #textEncoder: Encoder | undefined;
  /** For texts without added tokens, where the layout allows it. */
  readonly #fast: ByteLevelBpe | undefined;
  readonly #added: readonly string[];
  readonly #addedText: readonly string[];
  #hash: string | undefined;

  private constructor(json: JsonObject, config: JsonObject) {
    this.json = json;
    this.config = config;
    const added = addedTokens(json);
    this.#encoder = createEncoder(json, config);
    this.vocabSize = 1 + largestId(json, added);
    this.#fast = ByteLevelBpe.from(json);
    this.#added = added.map(({ content }) => String(content));
    this.#addedText = added.filter((token) => token.special !== true).map(({ content }) => String(content));
  }

  /** Reads `tokenizer.json` and `tokenizer_config.json` of a folder. Throws ASTARPO_TOKENIZER, ASTARPO_IO. */
  static async load(folder: string): Promise<Tokenizer> {
    const path = join(folder, 'tokenizer.json');
    const json = await readJsonFile(path, 'ASTARPO_TOKENIZER');
    if (json === undefined) {
      throw new AStarPOError('ASTARPO_TOKENIZER', `expected ${path}, got no such file`, {
        hint: 'folders with vocab.json and merges.txt alone can be converted by transformers: AutoTokenizer.from_pretrained(…).save_pretrained(…)',
      });
    }
    return Tokenizer.fromJson(json, await readJsonFile(join(folder, 'tokenizer_config.json'), 'ASTARPO_TOKENIZER'));
  }

  /** Throws ASTARPO_TOKENIZER when `tokenizerJson` describes no tokenizer. */
  static fromJson(tokenizerJson: JsonObject, tokenizerConfig: JsonObject = {}): Tokenizer {
    return new Tokenizer(tokenizerJson, tokenizerConfig);
  }

  /** Ids of `text`, in which the names of special tokens stand for these tokens. Adds none of its own. */
  encode(text: string): Int32Array {
    return this.#fastIds(text, this.#added) ?? libraryIds(this.#encoder, text);
  }

  /** Ids of text that came from outside: the name of a special token in it is text and cannot end a turn. */
  encodeText(text: string): Int32Array {
    const fast = this.#fastIds(text, this.#addedText);
    if (fast !== undefined) return fast;
    this.#textEncoder ??= createEncoder(withoutSpecialTokens(this.json, addedTokens(this.json)), this.config);
    return libraryIds(this.#textEncoder, text);
  }

  #fastIds(text: string, added: readonly string[]): Int32Array | undefined {
    if (text === '') return new Int32Array(0);
    return added.some((token) => text.includes(token)) ? undefined : this.#fast?.encode(text);
  }

  /** Text of ids. Bytes that are no UTF-8 become U+FFFD; ids without a token become nothing. */
  decode(ids: Int32Array | readonly number[], options: { skipSpecialTokens?: boolean } = {}): string {
    if (ids.length === 0) return '';
    const skip = options.skipSpecialTokens ?? false;
    return this.#encoder.decode(Array.from(ids), { skip_special_tokens: skip, clean_up_tokenization_spaces: false });
  }

  tokenId(token: string): number | undefined {
    return this.#encoder.token_to_id(token);
  }

  /** SHA-256, in hex, of the tokenizer's JSON: equal for tokenizers that encode alike. */
  get hash(): string {
    this.#hash ??= createHash('sha256').update(canonicalJson(this.json)).digest('hex');
    return this.#hash;
  }

  /**
   * Writes `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json` into an existing folder; `config` adds to
   * or replaces entries of the second. transformers' PreTrainedTokenizerFast opens them as they are; AutoTokenizer of version 5
   * takes Qwen2's own class beside a Qwen2 model, which splits like `qwenPattern` but normalises to NFC first.
   */
  async save(folder: string, config: JsonObject = {}): Promise<void> {
    const merged = { tokenizer_class: 'PreTrainedTokenizerFast', clean_up_tokenization_spaces: false, ...this.config, ...config };
    await writeFile(join(folder, 'tokenizer.json'), `${JSON.stringify(this.json)}\n`);
    await writeFile(join(folder, 'tokenizer_config.json'), `${JSON.stringify(merged, null, 2)}\n`);
    await writeFile(join(folder, 'special_tokens_map.json'), `${JSON.stringify(specialTokensMap(merged), null, 2)}\n`);
  }
}

function libraryIds(encoder: Encoder, text: string): Int32Array {
  return Int32Array.from(encoder.encode(text, { add_special_tokens: false }).ids);
}

function createEncoder(json: JsonObject, config: JsonObject): Encoder {
  try {
    return new HuggingFaceTokenizer(json, config) as unknown as Encoder;
  } catch (cause) {
    throw new AStarPOError('ASTARPO_TOKENIZER', `expected the contents of a tokenizer.json, got ${describe(cause)}`, {
      hint: 'the keys model, pre_tokenizer, normalizer, post_processor, decoder and added_tokens must all be there',
      cause,
    });
  }
}

function describe(cause: unknown): string {
  return `an object that the tokenizer library refuses: ${cause instanceof Error ? cause.message : String(cause)}`;
}

function addedTokens(json: JsonObject): JsonObject[] {
  const added = json.added_tokens;
  if (!Array.isArray(added)) throw new AStarPOError('ASTARPO_TOKENIZER', 'expected a list "added_tokens" in tokenizer.json, got none');
  return added.map((token: JsonValue) => {
    const object = asJsonObject(token);
    if (object === undefined || typeof object.content !== 'string' || typeof object.id !== 'number') {
      throw new AStarPOError('ASTARPO_TOKENIZER', `expected content and id in each of "added_tokens", got ${JSON.stringify(token)}`);
    }
    return object;
  });
}

function withoutSpecialTokens(json: JsonObject, added: readonly JsonObject[]): JsonObject {
  return { ...json, added_tokens: added.filter((token) => token.special !== true) };
}

function largestId(json: JsonObject, added: readonly JsonObject[]): number {
  let largest = -1;
  const vocab = asJsonObject(asJsonObject(json.model)?.vocab) ?? {};
  for (const id of Object.values(vocab)) largest = Math.max(largest, Number(id));
  for (const token of added) largest = Math.max(largest, Number(token.id));
  return largest;
}

function specialTokensMap(config: JsonObject): JsonObject {
  const names = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'additional_special_tokens'];
  return Object.fromEntries(names.flatMap((name) => (config[name] === undefined || config[name] === null ? [] : [[name, config[name]]])));
}
