import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { canonicalJson, type JsonObject } from '../util/json.ts';
import { parseJson, readJsonFile, withExistingFile } from './files.ts';
import { type AddedToken, AddedTokens } from './tokenization/added-tokens.ts';
import { DecodeStream } from './tokenization/decode-stream.ts';
import { createDecoder, type DecoderFactory } from './tokenization/decoders.ts';
import type { Encoder, TokenNames } from './tokenization/encoder.ts';
import { LibraryEncoder } from './tokenization/library-encoder.ts';
import { ModelEncoder } from './tokenization/model-encoder.ts';
import { createNormalizer, knowsNormalizer } from './tokenization/normalizers.ts';
import { createPostProcessor, type PostProcessor } from './tokenization/post-processor.ts';
import { TokenizerPart } from './tokenization/tokenizer-part.ts';
import { Vocabulary } from './tokenization/vocabulary.ts';

const modelTypes = ['BPE', 'Unigram', 'WordPiece', 'WordLevel'] as const;

export interface DecodeOptions {
  /** Leaves special tokens out. Default false. */
  readonly skipSpecialTokens?: boolean;
}

export interface EncodeOptions {
  /** Adds what the file's post_processor adds, as a token for the beginning of the text. Default false. */
  readonly addSpecialTokens?: boolean;
}

/**
 * Text ↔ token ids, from a Hugging Face `tokenizer.json`. Ids and texts are those of the Rust tokenizers library; a lone surrogate,
 * which no text in UTF-8 can have, is read as U+FFFD.
 */
export class Tokenizer {
  /** Contents of `tokenizer_config.json`; empty if there was none. */
  readonly config: JsonObject;
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** Bytes of the file, which are smaller than what is in them, or the object that the tokenizer was made of. */
  readonly #source: Uint8Array | JsonObject;
  readonly #vocabulary: Vocabulary;
  readonly #added: AddedTokens;
  readonly #encoder: Encoder;
  readonly #postProcessor: PostProcessor;
  readonly #createDecoder: DecoderFactory;
  #hash: string | undefined;

  private constructor(source: Uint8Array | JsonObject, file: TokenizerPart, config: JsonObject) {
    this.#source = source;
    this.config = config;
    const model = file.part('model');
    const type = model.oneOf('type', modelTypes, model.value('merges') === undefined ? undefined : 'BPE');
    const normalizer = file.partOrNone('normalizer');
    const own = type === 'BPE' || (type === 'Unigram' && (normalizer === undefined || knowsNormalizer(normalizer)));
    this.#vocabulary = Vocabulary.read(model);
    this.#added = new AddedTokens(
      file.value('added_tokens') === undefined ? [] : file.parts('added_tokens'),
      this.#vocabulary,
      own && normalizer !== undefined ? createNormalizer(normalizer) : (text) => text,
    );
    this.#encoder = own ? new ModelEncoder(file, this.#vocabulary, this.#added) : new LibraryEncoder(file.json, config);
    this.#postProcessor = createPostProcessor(file.partOrNone('post_processor'));
    this.#createDecoder = createDecoder(file.partOrNone('decoder'));
    let vocabSize = this.#vocabulary.tokens.length;
    for (const id of this.#added.byId.keys()) vocabSize = Math.max(vocabSize, id + 1);
    this.vocabSize = vocabSize;
  }

  /** Reads `tokenizer.json` and `tokenizer_config.json` of a folder. Throws ASTARPO_TOKENIZER, ASTARPO_IO. */
  static async load(folder: string): Promise<Tokenizer> {
    const path = join(folder, 'tokenizer.json');
    const bytes = await withExistingFile(path, (file) => file.readFile());
    if (bytes === undefined) throw missing(folder, path);
    const fail = (message: string) => new AStarPOError('ASTARPO_TOKENIZER', `${path}: ${message}`, { hint: damagedHint(bytes) });
    const json = parseJson(bytes, fail);
    if (json === undefined) throw fail('expected a JSON object');
    const config = await readJsonFile(join(folder, 'tokenizer_config.json'), 'ASTARPO_TOKENIZER');
    return new Tokenizer(bytes, new TokenizerPart(json, '', path), config ?? {});
  }

  /** Throws ASTARPO_TOKENIZER when `tokenizerJson` describes no tokenizer. */
  static fromJson(tokenizerJson: JsonObject, tokenizerConfig: JsonObject = {}): Tokenizer {
    return new Tokenizer(tokenizerJson, new TokenizerPart(tokenizerJson), tokenizerConfig);
  }

  /** Contents of `tokenizer.json`; read anew at each use if the tokenizer comes from a file. */
  get json(): JsonObject {
    if (!(this.#source instanceof Uint8Array)) return this.#source;
    return JSON.parse(new TextDecoder().decode(this.#source)) as JsonObject;
  }

  /**
   * Ids of `text`, in which the names of special tokens stand for these tokens. Throws ASTARPO_TOKENIZER for a run of millions of
   * letters or spaces, which is one piece.
   */
  encode(text: string, options: EncodeOptions = {}): Int32Array {
    const ids = this.#encode(text, 'all');
    return Int32Array.from(options.addSpecialTokens === true ? this.#postProcessor(ids) : ids);
  }

  /** Ids of text that came from outside: the name of a special token in it is text and cannot end a turn. */
  encodeText(text: string): Int32Array {
    return Int32Array.from(this.#encode(text, 'notSpecial'));
  }

  /** Ids of text in which no name of an added token counts, special or not. */
  encodePlain(text: string): Int32Array {
    return Int32Array.from(this.#encode(text, 'none'));
  }

  #encode(text: string, names: TokenNames): readonly number[] {
    try {
      return this.#encoder.encode(wellFormed(text), names);
    } catch (cause) {
      // V8's regular expressions keep a limited stack of places to come back to.
      if (!(cause instanceof RangeError)) throw cause;
      throw new AStarPOError('ASTARPO_TOKENIZER', `expected a text that can be split, got ${text.length} characters: ${cause.message}`, {
        hint: 'a run of millions of letters or spaces is one piece: encode such a text in parts',
        cause,
      });
    }
  }

  /** The tokens beside the vocabulary, in the order of the file. */
  get addedTokens(): readonly AddedToken[] {
    return [...this.#added.byId.values()];
  }

  /** Text of ids. Bytes that are no UTF-8 become U+FFFD; ids without a token become nothing. */
  decode(ids: Int32Array | readonly number[], options: DecodeOptions = {}): string {
    if (ids.length === 0) return '';
    const stream = this.decodeStream(options);
    for (const id of ids) stream.add(id);
    return stream.finish();
  }

  /** Decodes ids one by one; the pieces together are what `decode` gives for all of them. */
  decodeStream(options: DecodeOptions = {}): DecodeStream {
    const { byId, byContent } = this.#added;
    const { tokens } = this.#vocabulary;
    const skip = options.skipSpecialTokens ?? false;
    const tokenOf = (id: number) => {
      const token = byId.get(id)?.pattern ?? tokens[id];
      return skip && token !== undefined && byContent.get(token)?.special === true ? undefined : token;
    };
    return new DecodeStream(tokenOf, this.#createDecoder);
  }

  tokenId(token: string): number | undefined {
    return this.#added.byContent.get(token)?.id ?? this.#vocabulary.ids.get(token);
  }

  /** SHA-256, in hex, of the tokenizer's JSON: equal for tokenizers that encode alike. */
  get hash(): string {
    this.#hash ??= createHash('sha256').update(canonicalJson(this.json)).digest('hex');
    return this.#hash;
  }

  /**
   * Writes `tokenizer.json` (byte for byte what was loaded), `tokenizer_config.json` and `special_tokens_map.json` into an existing
   * folder; `config` adds to or replaces entries of the second. transformers' PreTrainedTokenizerFast opens them as they are;
   * AutoTokenizer of version 5 takes Qwen2's own class beside a Qwen2 model, which splits like `qwenPattern` but normalises to NFC.
   */
  async save(folder: string, config: JsonObject = {}): Promise<void> {
    const merged = { tokenizer_class: 'PreTrainedTokenizerFast', clean_up_tokenization_spaces: false, ...this.config, ...config };
    const source = this.#source instanceof Uint8Array ? this.#source : `${JSON.stringify(this.#source)}\n`;
    await writeFile(join(folder, 'tokenizer.json'), source);
    await writeFile(join(folder, 'tokenizer_config.json'), `${JSON.stringify(merged, null, 2)}\n`);
    await writeFile(join(folder, 'special_tokens_map.json'), `${JSON.stringify(specialTokensMap(merged), null, 2)}\n`);
  }
}

/** A text that UTF-8 can hold. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

function missing(folder: string, path: string): AStarPOError {
  const convert = 'transformers converts what it can read: AutoTokenizer.from_pretrained(…).save_pretrained(…)';
  const sentencePiece = ['tokenizer.model', 'spiece.model'].find((name) => existsSync(join(folder, name)));
  const [got, hint] =
    sentencePiece === undefined
      ? ['no such file', `a folder with vocab.json and merges.txt alone: ${convert}`]
      : [`only ${sentencePiece}, a SentencePiece model`, convert];
  return new AStarPOError('ASTARPO_TOKENIZER', `expected ${path}, got ${got}`, { hint });
}

function damagedHint(bytes: Buffer): string {
  const pointer = bytes.subarray(0, 200).includes('git-lfs');
  return pointer ? 'it is a pointer of git-lfs: run git lfs pull in that folder, or load the model by its hub id' : 'fetch the file again';
}

function specialTokensMap(config: JsonObject): JsonObject {
  const names = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'additional_special_tokens'];
  return Object.fromEntries(names.flatMap((name) => (config[name] === undefined || config[name] === null ? [] : [[name, config[name]]])));
}
