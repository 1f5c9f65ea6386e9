import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Format, Surroundings } from './format.ts';
import { goalFormat } from './goals.ts';
import { type Content, type Outcome, readContent, Tally } from './records.ts';
import { replayFormat } from './replays.ts';
import { purchaseFormat, rewardFormat } from './scores.ts';
import { searchFormat, vocabularyFormat } from './searches.ts';
import { colorFormat, ratioFormat } from './texts.ts';

const formats: readonly Format[] = [
  ratioFormat,
  colorFormat,
  vocabularyFormat,
  searchFormat,
  goalFormat,
  replayFormat,
  rewardFormat,
  purchaseFormat,
];

/** Product files, and files that recordings refer to. */
const companions = /^(items_.*|catalogue|reward_goals|reward_closed_class)\.jsonl?$/;

/** A file of recordings in a folder. */
export interface Recording {
  readonly file: string;
  run(): Promise<Outcome>;
}

/** What a folder holds. */
export interface Found {
  /** In the order of their names. */
  readonly recordings: readonly Recording[];
  /** JSON files that hold no recordings that are known. */
  readonly unknown: readonly string[];
  /** JSON files that cannot be read. */
  readonly broken: readonly { readonly file: string; readonly error: unknown }[];
}

/** Looks through a folder, telling recordings apart by what they hold. */
export function findRecordings(folder: string, catalogue: Surroundings['catalogue'], titles?: Surroundings['titles']): Found {
  const recordings: Recording[] = [];
  const unknown: string[] = [];
  const broken: { file: string; error: unknown }[] = [];
  for (const file of readdirSync(folder).sort()) {
    if (!/\.jsonl?$/.test(file) || companions.test(file)) continue;
    const path = join(folder, file);
    try {
      const content = readContent(path);
      const format = formats.find((one) => one.recognises(content));
      if (format === undefined) unknown.push(file);
      else recordings.push({ file, run: () => compareFile(path, content, format, { folder, catalogue, titles }) });
    } catch (error) {
      broken.push({ file, error });
    }
  }
  return { recordings, unknown, broken };
}

async function compareFile(path: string, content: Content, format: Format, surroundings: Surroundings): Promise<Outcome> {
  const tally = new Tally();
  await format.compare(tally, content, surroundings);
  return tally.outcome(path, format.name);
}
