import type { AppendFile } from '../util/atomic-file.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';
import { openLineFile } from '../util/line-file.ts';

/** One agent turn, with what led to it and what it earned. */
export interface AuditedTurn {
  /** What the agent saw before it spoke. */
  readonly observation: string;
  /** What it said, whole. */
  readonly said: string;
  /** What of it was thought, where the environment tells. */
  readonly thought?: string;
  /** The environment's actions that were read from it, where the environment tells. */
  readonly actions?: readonly string[];
  readonly reward: number;
  /** Named parts of the reward. */
  readonly rewards?: Readonly<Record<string, number>>;
  /** False when the action was not understood or not possible. */
  readonly valid: boolean;
  readonly done: boolean;
  /** How far the episode was after the turn, where the environment tells. */
  readonly signals?: JsonValue;
}

/** One episode for people who ask why it was scored as it was: everything that was seen, said and paid. */
export interface EpisodeAudit {
  readonly environment: { readonly id: string; readonly version: string; readonly config: JsonObject };
  /** Id of the task, and what it asks for where the environment tells. */
  readonly task: string;
  readonly instruction?: string;
  /** Who played: a model's folder or id, the name of a scripted agent, or `person`. */
  readonly player: string;
  /** Decimal: of everything that was random. */
  readonly seed: string;
  /** Split of the task, and 0, 1, … among the episodes of one task, where there are such. */
  readonly split?: string;
  readonly sample?: number;
  readonly turns: readonly AuditedTurn[];
  /** Sum of the rewards. */
  readonly return: number;
  /** Sums of their named parts. */
  readonly rewards?: Readonly<Record<string, number>>;
  readonly success: boolean;
  /** A `FinishReason`, or `quit` for a person who left. */
  readonly finish: string;
  /** What went wrong, of an episode that ended by a fault. */
  readonly error?: string;
  /** What the environment says about the outcome, for instance what was bought and which wishes it meets. */
  readonly outcome?: JsonObject;
}

const schema = 1;

/** Episodes as JSON lines, one object each, in a file that only grows. */
export class EpisodeAuditFile {
  readonly #file: AppendFile;

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  /**
   * Opens or creates; folders on the way are created. A line that a kill left half-written is cut. Throws ASTARPO_DATA for a file of another
   * kind, ASTARPO_IO.
   */
  static async open(path: string): Promise<EpisodeAuditFile> {
    return new EpisodeAuditFile(await openLineFile(path, { begins: `{"schema":${schema},`, what: 'a file of episode audits' }));
  }

  /** Throws ASTARPO_IO. */
  append(episode: EpisodeAudit): void {
    this.#file.append(JSON.stringify({ schema, ...episode }));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
