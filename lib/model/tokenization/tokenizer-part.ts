import { AStarPOError } from '../../errors.ts';
import type { JsonObject, JsonValue } from '../../util/json.ts';
import { nameHint } from '../../util/nearest-name.ts';
import { asJsonObject } from '../files.ts';

/** An object in tokenizer.json with the path that leads to it. Every error is ASTARPO_TOKENIZER and names the path. */
export class TokenizerPart {
  readonly json: JsonObject;
  /** As in `pre_tokenizer.pretokenizers[1]`; '' for the file itself. */
  readonly path: string;
  /** Path of the file, for messages. */
  readonly file: string;

  constructor(json: JsonObject, path = '', file = 'tokenizer.json') {
    this.json = json;
    this.path = path;
    this.file = file;
  }

  /** Its `type`. */
  get type(): string {
    return this.string('type');
  }

  /** What belongs to this part's `type`. Throws for a type that is none of `known`, which names the nearest. */
  byType<T>(known: Readonly<Record<string, T>>): T {
    const { type } = this;
    if (Object.hasOwn(known, type)) return known[type] as T;
    throw this.bad(
      'type',
      'a supported type',
      `the types here: ${Object.keys(known).join(', ')}; ${nameHint(type, Object.keys(known), 'types')}`,
    );
  }

  string(key: string, fallback?: string): string {
    const value = this.value(key) ?? fallback;
    if (typeof value !== 'string') throw this.bad(key, 'a string');
    return value;
  }

  boolean(key: string, fallback?: boolean): boolean {
    const value = this.value(key) ?? fallback;
    if (typeof value !== 'boolean') throw this.bad(key, 'true or false');
    return value;
  }

  /** An integer from 0 to 2³¹ - 1. */
  integer(key: string, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    if (!isId(value)) throw this.bad(key, 'an integer from 0 to 2147483647');
    return value;
  }

  /** One character. */
  character(key: string): string {
    const value = this.string(key);
    if (Array.from(value).length !== 1) throw this.bad(key, 'one character');
    return value;
  }

  oneOf<T extends string>(key: string, choices: readonly T[], fallback?: T): T {
    const value = this.string(key, fallback);
    const choice = choices.find((known) => known === value);
    if (choice === undefined) throw this.bad(key, `one of ${choices.join(', ')}`);
    return choice;
  }

  list(key: string): readonly JsonValue[] {
    const value = this.value(key);
    if (!Array.isArray(value)) throw this.bad(key, 'a list');
    return value;
  }

  /** The objects of a list. */
  parts(key: string): TokenizerPart[] {
    return this.list(key).map((value, i) => {
      const object = asJsonObject(value);
      if (object === undefined) throw this.bad(`${key}[${i}]`, 'an object', undefined, value);
      return new TokenizerPart(object, this.#pathOf(`${key}[${i}]`), this.file);
    });
  }

  part(key: string): TokenizerPart {
    const part = this.partOrNone(key);
    if (part === undefined) throw this.bad(key, 'an object');
    return part;
  }

  /** undefined where there is no such key or it is null. */
  partOrNone(key: string): TokenizerPart | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const object = asJsonObject(value);
    if (object === undefined) throw this.bad(key, 'an object or null');
    return new TokenizerPart(object, this.#pathOf(key), this.file);
  }

  /** undefined when the key is absent or null. */
  value(key: string): JsonValue | undefined {
    return Object.hasOwn(this.json, key) ? (this.json[key] ?? undefined) : undefined;
  }

  bad(key: string, expected: string, hint?: string, value: JsonValue | undefined = this.value(key)): AStarPOError {
    const got = value === undefined ? 'nothing' : shorten(JSON.stringify(value));
    const message = `expected ${this.#pathOf(key)} of ${this.file} to be ${expected}, got ${got}`;
    return new AStarPOError('ASTARPO_TOKENIZER', message, hint === undefined ? {} : { hint });
  }

  #pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }
}

export function isId(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31;
}

function shorten(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}
