import { resolve } from 'node:path';
import { OracleProcess } from '../process.ts';

/** Ids of one text. */
export interface Encodings {
  /** Names of special tokens stand for these tokens. */
  readonly ids: readonly number[];
  /** They are text. */
  readonly asText: readonly number[];
  /** With what the post-processor adds. */
  readonly whole: readonly number[];
}

/** Text of one list of ids: all of it, and without special tokens. */
export type Decodings = readonly [all: string, withoutSpecial: string];

interface Loaded {
  readonly addedTokens: readonly string[];
  readonly version: string;
}

/** A tokenizer.json in the Rust tokenizers library. */
export class RustTokenizer {
  /** Names of its added tokens. */
  readonly addedTokens: readonly string[];
  /** Of the library. */
  readonly version: string;
  readonly #process: OracleProcess;

  private constructor(process: OracleProcess, loaded: Loaded) {
    this.#process = process;
    this.addedTokens = loaded.addedTokens;
    this.version = loaded.version;
  }

  static startProcess(python: string): Promise<OracleProcess> {
    return OracleProcess.start(python, () => {}, 'tokenizer_server.py');
  }

  /** Replaces the tokenizer that the process had. Throws RefusedByTransformers when the library does not take the file. */
  static async load(process: OracleProcess, file: string): Promise<RustTokenizer> {
    return new RustTokenizer(process, await process.request<Loaded>('load', { file: resolve(file) }));
  }

  /**
   * Lone surrogates become U+FFFD on the way, as in this library: JSON for Python cannot hold them. null where the Rust code panics.
   */
  async encode(texts: readonly string[]): Promise<readonly (Encodings | null)[]> {
    return await this.#process.request('encode', { texts: texts.map(wellFormed) });
  }

  async normalize(texts: readonly string[]): Promise<readonly string[]> {
    return await this.#process.request('normalize', { texts: texts.map(wellFormed) });
  }

  /** null where the Rust code panics. */
  async decode(ids: readonly (readonly number[])[]): Promise<readonly (Decodings | null)[]> {
    return await this.#process.request('decode', { ids });
  }
}

function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
