import type { JsonObject } from '../../util/json.ts';
import type { DeterminismResult } from './determinism-check.ts';
import type { LongestObservation } from './gauge.ts';
import type { SanityFigures } from './known-figures.ts';
import type { PerfectResult } from './perfect-check.ts';
import type { PlayerResult } from './player-check.ts';

/** How this check compares with what is stored of its catalogue. */
export interface SanityResult {
  /** See `catalogueFingerprint`. */
  readonly fingerprint: string;
  /** `not compared`: there are figures, made with other settings than those of this check. `none`: nobody has measured this catalogue. */
  readonly status: 'agrees' | 'differs' | 'not compared' | 'none';
  readonly known?: SanityFigures;
  /** Where `status` is `differs`. */
  readonly deviations: readonly string[];
}

/** What a check of an environment found. */
export interface CheckReport {
  readonly environment: { readonly id: string; readonly version: string; readonly config: JsonObject };
  readonly products: number;
  /** Goals per split. */
  readonly splits: Readonly<Record<string, number>>;
  readonly split: string;
  /** Decimal. */
  readonly seed: string;
  readonly maxTurns: number;
  readonly scripted: PlayerResult;
  readonly random: PlayerResult;
  readonly perfect: PerfectResult;
  readonly determinism: DeterminismResult;
  /** `budget`: characters that an observation may have. */
  readonly observations: { readonly count: number; readonly longest: LongestObservation; readonly budget: number };
  readonly sanity: SanityResult;
  /** What must not be. */
  readonly faults: readonly string[];
  /** What an author of tasks may want to know. */
  readonly warnings: readonly string[];
  /** Whether there are no faults. */
  readonly passed: boolean;
  readonly seconds: number;
}
