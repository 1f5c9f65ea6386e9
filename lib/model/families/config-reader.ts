import { AStarPOError } from '../../errors.ts';
import { type JsonObject, type JsonValue, shortJson } from '../../util/json.ts';

/**
 * Typed access to the keys of a Hugging Face config.json. An absent key takes the fallback; a null is refused where transformers
 * refuses it. Every error is ASTARPO_CONFIG and names the file and the key. Keys that nobody asks for are ignored.
 */
export class ConfigReader {
  readonly json: JsonObject;
  /** Path of the file, for messages. */
  readonly file: string;
  /** Prefix of the keys in messages: 'rope_scaling.' within that object. */
  readonly prefix: string;

  constructor(json: JsonObject, file: string, prefix = '') {
    this.json = json;
    this.file = file;
    this.prefix = prefix;
  }

  /** The value as it is; undefined when the key is absent. */
  value(key: string): JsonValue | undefined {
    return Object.hasOwn(this.json, key) ? this.json[key] : undefined;
  }

  /** Whether the key has a value other than null. */
  has(key: string): boolean {
    return (this.value(key) ?? null) !== null;
  }

  number(key: string, fallback?: number): number {
    const value = this.value(key) === undefined ? fallback : this.value(key);
    if (typeof value !== 'number') throw this.bad(key, 'a number', value);
    return value;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.value(key) === undefined ? fallback : this.value(key);
    if (typeof value !== 'boolean') throw this.bad(key, 'true or false', value);
    return value;
  }

  /** A number or null, where the file may say null; an absent key takes the fallback. */
  numberOrNull(key: string, fallback: number | null): number | null {
    const value = this.value(key) === undefined ? fallback : this.value(key);
    return value === null || value === undefined ? null : this.number(key, value as number);
  }

  /** The reader of the object under a key; undefined when that is absent, null or empty. */
  section(key: string): ConfigReader | undefined {
    const value = this.value(key) ?? null;
    if (value === null) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) throw this.bad(key, 'an object', value);
    const json = value as JsonObject;
    return Object.keys(json).length === 0 ? undefined : new ConfigReader(json, this.file, `${this.prefix}${key}.`);
  }

  /** The error for a key whose value cannot be used. `hint` is the remedy. */
  bad(key: string, expected: string, value: JsonValue | undefined = this.value(key), hint?: string): AStarPOError {
    const name = `${this.prefix}${key}`;
    return badConfig(`${name} in ${this.file}`, expected, value, hint ?? `correct ${name}, or take the file from the model's page again`);
  }
}

/** `expected NAME to be EXPECTED, got VALUE`: ASTARPO_CONFIG. */
export function badConfig(name: string, expected: string, value: JsonValue | undefined, hint?: string): AStarPOError {
  const message = `expected ${name} to be ${expected}, got ${shortJson(value)}`;
  return new AStarPOError('ASTARPO_CONFIG', message, hint === undefined ? {} : { hint });
}
