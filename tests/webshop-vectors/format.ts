import type { NounTable } from '../../lib/env/webshop/titles/noun-table.ts';
import type { Catalogue } from './catalogue.ts';
import type { Content, Tally } from './records.ts';

/** What compares need besides the records. */
export interface Surroundings {
  /** Folder of the file: some records refer to another file beside them. */
  readonly folder: string;
  /** The catalogue that the recordings were made over; opened when it is first asked for. */
  readonly catalogue: () => Promise<Catalogue>;
  /** Nouns named beforehand, to compare with recorded title scores. */
  readonly titles?: NounTable | undefined;
}

/** A kind of recordings, known by what its first record looks like. */
export interface Format {
  readonly name: string;
  recognises(content: Content): boolean;
  compare(tally: Tally, content: Content, surroundings: Surroundings): void | Promise<void>;
}

/** A format whose file is a list of records that have all of these fields. */
export function listOf<T>(
  name: string,
  fields: readonly string[],
  compare: (tally: Tally, record: T, where: string, surroundings: Surroundings) => void | Promise<void>,
): Format {
  return {
    name,
    recognises: (content) => Array.isArray(content) && hasAll(content[0], fields),
    compare: async (tally, content, surroundings) => {
      for (const [i, record] of (content as readonly T[]).entries()) {
        const where = `record ${i + 1}`;
        await tally.record(where, () => compare(tally, record, where, surroundings));
      }
    },
  };
}

function hasAll(record: unknown, fields: readonly string[]): boolean {
  return typeof record === 'object' && record !== null && fields.every((field) => Object.hasOwn(record, field));
}
