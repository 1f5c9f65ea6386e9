import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { AStarPOError, isAStarPOError } from '../../lib/errors.ts';
import { ioError } from '../../lib/util/atomic-file.ts';

/** A file of recordings, read: a list of records, or one object. */
export type Content = readonly unknown[] | Readonly<Record<string, unknown>>;

/** JSON lines, a JSON list, or a JSON object. Throws ASTARPO_DATA for a broken file, by line, ASTARPO_IO. */
export function readContent(path: string): Content {
  const text = readText(path);
  if (!path.endsWith('.jsonl')) {
    const value = parse(text, path);
    // A number or a text by itself has no records.
    return typeof value === 'object' && value !== null ? (value as Content) : [];
  }
  return text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [parse(line, `line ${i + 1} of ${path}`)]));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\ufeff/, '');
  } catch (error) {
    throw ioError('read', path, error);
  }
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AStarPOError('ASTARPO_DATA', `expected JSON in ${where}, got ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'the file may be cut off',
      cause,
    });
  }
}

/** How one file of recordings compares. */
export interface Outcome {
  readonly file: string;
  /** Name of its format. */
  readonly format: string;
  readonly compared: number;
  readonly different: number;
  /** Where the first difference is and what differs; undefined when nothing does. */
  readonly first: string | undefined;
  /** Figures that are told and not judged. */
  readonly notes: readonly string[];
}

/** Collects the comparisons of one file. */
export class Tally {
  readonly #notes: string[] = [];
  #compared = 0;
  #different = 0;
  #first: string | undefined;

  same(where: string, own: unknown, recorded: unknown): void {
    this.#compared++;
    const [a, b] = [shown(own), shown(recorded)];
    if (a === b) return;
    this.#different++;
    this.#first ??= `${where}\n${difference(a, b)}`;
  }

  /** Compares one record; one that cannot be compared, having other fields say, is different, and the others go on. */
  async record(where: string, compare: () => void | Promise<void>): Promise<void> {
    try {
      await compare();
    } catch (error) {
      // Without a catalogue, or a file beside, there is nothing to compare any record with.
      if (isAStarPOError(error, 'ASTARPO_DATA') || isAStarPOError(error, 'ASTARPO_IO')) throw error;
      this.same(where, `cannot be compared: ${error instanceof Error ? error.message : String(error)}`, 'a record of this format');
    }
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  outcome(path: string, format: string): Outcome {
    return {
      file: basename(path),
      format,
      compared: this.#compared,
      different: this.#different,
      first: this.#first,
      notes: this.#notes,
    };
  }
}

export function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
}

/** Both sides around the first character that differs. */
function difference(own: string, recorded: string): string {
  let at = 0;
  while (at < own.length && own[at] === recorded[at]) at++;
  const part = (side: string) => `${at > 60 ? '…' : ''}${side.slice(Math.max(0, at - 60), at + 100)}${side.length > at + 100 ? '…' : ''}`;
  return `  at character ${at}\n  recorded: ${part(recorded)}\n  here:     ${part(own)}`;
}
