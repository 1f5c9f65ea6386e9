import { crc32 } from 'node:zlib';
import { AStarPOError } from '../../../errors.ts';
import { shortJson } from '../../../util/json.ts';
import { checkChoice, type OptionNames, refuseUnknownOptions } from '../../../util/known-options.ts';
import { RecentMap } from '../../../util/recent-map.ts';
import type { NounTagger } from '../reward/reward.ts';
import { NounTable } from './noun-table.ts';
import { ruleNouns } from './rule-nouns.ts';
import { winkName, winkNouns, winkTitleNouns } from './wink-nouns.ts';

/** Taggers that come with the library; docs/webshop-titles.md says how each compares with recorded scores. */
export const titleTaggers = ['wink', 'wink-titles', 'rule'] as const;
export type TitleTaggerName = (typeof titleTaggers)[number];

/**
 * Who names the nouns of product titles, which the reward compares. The original asks spaCy's en_core_web_sm, which no JavaScript package
 * equals.
 *
 * - `wink`: wink-pos-tagger.
 * - `wink-titles`: the same tagger over the words that spaCy makes, corrected for capitals.
 * - `rule`: every word but those of closed classes.
 * - `{ table }`: a file with the nouns of every title, named beforehand with spaCy itself (see `NounTable`). A title that is not in it is an
 *   error, unless `fallback` names a tagger for those.
 * - A tagger of one's own, under a name that changes whenever its answers do: the name is part of the environment's config.
 */
export type TitleTagger =
  | TitleTaggerName
  | { readonly table: string; readonly fallback?: TitleTaggerName }
  | { readonly name: string; readonly nouns: NounTagger };

/** A tagger that is ready, with a name that says whose nouns these are. */
export interface TitleNouns {
  readonly name: string;
  readonly nouns: NounTagger;
  /** Throws ASTARPO_DATA when there will be none for some of these titles: now, instead of at a purchase. */
  check(titles: Iterable<string>): void;
  /** Distinct titles so far whose nouns came from the fallback of a table. */
  readonly missing: number;
  /** Closes the file of a table. Idempotent. */
  close(): void;
}

/** Titles whose nouns are kept, about a kilobyte each: tagging one takes longer than the rest of a score. */
const mostKept = 8192;

/**
 * Makes a tagger ready; what it names is kept for the titles asked for last. Reads the table when one is named. Errors: `ASTARPO_OPTION`,
 * `ASTARPO_UNKNOWN_OPTION`; `ASTARPO_IO` and `ASTARPO_DATA` for tables.
 */
export function openTitles(tagger: TitleTagger): TitleNouns {
  checkTagger(tagger);
  if (typeof tagger === 'object' && 'table' in tagger) return new TableNouns(NounTable.open(tagger.table), tagger.fallback);
  const { name, nouns } = typeof tagger === 'string' ? named(tagger) : tagger;
  const kept = new RecentMap<string, readonly string[]>(mostKept);
  return { name, nouns: (title) => kept.getOrMake(title, nouns), check: () => {}, missing: 0, close: () => {} };
}

function named(tagger: TitleTaggerName): { readonly name: string; readonly nouns: NounTagger } {
  if (tagger === 'rule') return { name: 'rule 1', nouns: ruleNouns };
  if (tagger === 'wink') return { name: winkName(), nouns: winkNouns };
  return { name: `wink-titles 1 (${winkName()})`, nouns: winkTitleNouns };
}

/** A table, and who names the nouns of titles that it lacks. */
class TableNouns implements TitleNouns {
  readonly name: string;
  readonly #table: NounTable;
  readonly #fallback: ReturnType<typeof named> | undefined;
  readonly #kept = new RecentMap<string, readonly string[]>(mostKept);
  /** Hashes of titles. */
  readonly #missing = new Set<number>();

  constructor(table: NounTable, fallback: TitleTaggerName | undefined) {
    const { head, sha256 } = table;
    this.#table = table;
    this.#fallback = fallback === undefined ? undefined : named(fallback);
    const rest = this.#fallback === undefined ? '' : `, else ${this.#fallback.name}`;
    this.name = `${head.model} in ${head.tagger}, table ${sha256.slice(0, 16)}${rest}`;
  }

  get missing(): number {
    return this.#missing.size;
  }

  readonly nouns = (title: string): readonly string[] =>
    this.#kept.getOrMake(title, () => this.#table.nounsOf(title) ?? this.#other(title));

  check(titles: Iterable<string>): void {
    if (this.#fallback !== undefined) return;
    const looked = [...titles];
    const lacking = looked.filter((title) => this.#table.nounsOf(title) === undefined);
    if (lacking[0] !== undefined)
      throw this.#lacks(`${lacking.length} of ${looked.length} that were looked up, such as ${quoted(lacking[0])}`);
  }

  close(): void {
    this.#table.close();
  }

  #other(title: string): readonly string[] {
    if (this.#fallback === undefined) throw this.#lacks(quoted(title));
    if (this.#missing.size === 0) {
      const message = `${this.#table.path} lacks titles, such as ${quoted(title)}: ${this.#fallback.name} names their nouns`;
      process.emitWarning(message, { type: 'AStarPOWarning', code: 'ASTARPO_TITLES' });
    }
    this.#missing.add(crc32(title));
    return this.#fallback.nouns(title);
  }

  #lacks(titles: string): AStarPOError {
    return new AStarPOError(
      'ASTARPO_DATA',
      `${this.#table.path}: expected the nouns of every title of the catalogue, got none for ${titles}`,
      {
        hint: 'make the table over this catalogue with scripts/title_nouns.py, or name a tagger for the titles that it lacks (fallback; on the command line --titles-fallback)',
      },
    );
  }
}

function quoted(title: string): string {
  return shortJson(title, 80);
}

/** Titles of a catalogue that are looked up when it opens, evenly over it: enough to notice the table of another one. */
const mostChecked = 1000;

/** Throws ASTARPO_DATA when the nouns of a catalogue's titles will be missing, instead of at a purchase. */
export function checkTitles(titles: TitleNouns, catalogue: Catalogue): void {
  titles.check(someTitles(catalogue));
}

type Catalogue = { readonly length: number; at(index: number): { readonly title: string } };

function* someTitles(catalogue: Catalogue): Generator<string> {
  const step = Math.max(1, Math.ceil(catalogue.length / mostChecked));
  for (let index = 0; index < catalogue.length; index += step) yield catalogue.at(index).title;
}

function checkTagger(tagger: TitleTagger): void {
  if (typeof tagger === 'string') checkChoice('titles', tagger, titleTaggers);
  else if (typeof tagger === 'object' && tagger !== null && 'table' in tagger) checkTable(tagger);
  else if (typeof tagger?.name !== 'string' || typeof tagger.nouns !== 'function') {
    throw refused('titles to be a name, { table } or { name, nouns }', tagger);
  }
}

function checkTable(tagger: { readonly table: string; readonly fallback?: TitleTaggerName }): void {
  refuseUnknownOptions('titles', tagger, { table: true, fallback: true } satisfies OptionNames<Required<typeof tagger>>);
  if (typeof tagger.table !== 'string' || tagger.table === '') throw refused('titles.table to be the path of a file', tagger.table);
  if (tagger.fallback !== undefined) checkChoice('titles.fallback', tagger.fallback, titleTaggers);
}

function refused(expected: string, value: unknown): AStarPOError {
  return new AStarPOError('ASTARPO_OPTION', `expected ${expected}, got ${JSON.stringify(value)}`);
}
