import { createHash } from 'node:crypto';
import type { EvaluationResult } from '../train/events.ts';
import type { AppendFile } from '../util/atomic-file.ts';
import { canonicalJson, type JsonObject } from '../util/json.ts';
import { openLineFile } from '../util/line-file.ts';

/** What a row says besides the result. */
export interface SummarySettings {
  /** Who played: a model's folder or id, or the name of a scripted agent. */
  readonly player: string;
  readonly seed: number | bigint;
  /** Of the sampling; left empty for agents that do not sample. */
  readonly temperature?: number | undefined;
  readonly maxTurns?: number | undefined;
}

type Cell = string | number | undefined;

const columns: Readonly<Record<string, (result: EvaluationResult, settings: SummarySettings) => Cell>> = {
  time: () => new Date().toISOString(),
  player: (_, { player }) => player,
  environment: ({ environment }) => environment.id,
  version: ({ environment }) => environment.version,
  scoring: ({ environment }) => environment.scoring ?? nameIn(environment.config, 'scoring'),
  style: ({ environment }) => nameIn(environment.config, 'style'),
  splits: ({ environment }) => nameIn(environment.config, 'splits'),
  split: ({ split }) => split,
  config: ({ environment }) => createHash('sha256').update(canonicalJson(environment.config)).digest('hex').slice(0, 16),
  episodes: ({ episodes }) => episodes,
  successes: ({ successes }) => successes,
  success: ({ success }) => success,
  success_lo: ({ interval }) => interval.lo,
  success_hi: ({ interval }) => interval.hi,
  score: ({ rewards }) => rewards.score,
  return: ({ score }) => score,
  turns: ({ turns }) => turns,
  tokens: ({ tokens }) => tokens,
  valid_rate: ({ validRate }) => validRate,
  truncation_rate: ({ truncationRate }) => truncationRate,
  temperature: (_, { temperature }) => temperature,
  max_turns: (_, { maxTurns }) => maxTurns,
  seed: (_, { seed }) => String(seed),
};

/** Names of the columns, in order. */
export const summaryColumns = Object.keys(columns);

/**
 * A CSV file (RFC 4180) that collects evaluations of any models and settings, a row each; the first row names the columns. `config` is the
 * beginning of a SHA-256 of the environment's config: rows with equal ones compare.
 */
export class SummaryFile {
  readonly #file: AppendFile;

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  /** Opens or creates; folders on the way are created. Throws ASTARPO_DATA for a file of another kind, ASTARPO_IO. */
  static async open(path: string): Promise<SummaryFile> {
    const header = summaryColumns.join(',');
    const file = await openLineFile(path, { begins: `${header}\n`, what: 'a CSV file of evaluations' });
    if (file.length === 0) file.append(header);
    return new SummaryFile(file);
  }

  /** Throws ASTARPO_IO. */
  append(result: EvaluationResult, settings: SummarySettings): void {
    const cells = Object.values(columns).map((cell) => csvCell(cell(result, settings)));
    this.#file.append(cells.join(','));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function nameIn(config: JsonObject, key: string): string | undefined {
  const value = config[key];
  if (typeof value === 'object' && value !== null && 'name' in value) return String(value.name);
  return value === undefined ? undefined : String(value);
}

/** Line breaks become spaces: a row is a line. */
function csvCell(value: Cell): string {
  const text = String(value ?? '').replace(/[\r\n]+/g, ' ');
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
