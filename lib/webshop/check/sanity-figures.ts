import type { WebShopEnv } from '../../env/webshop/webshop-env.ts';
import { catalogueFingerprint } from './catalogue-fingerprint.ts';
import type { SanityResult } from './check-report.ts';
import { knownFigures, type PlayerFigures } from './known-figures.ts';
import type { PerfectResult } from './perfect-check.ts';
import type { PlayerResult } from './player-check.ts';

/** What the figures were made with: the settings of a check without options. */
export const sanitySettings = { split: 'all', goals: 200, seed: 1n, maxTurns: 15, perfectGoals: undefined } as const;

/** The settings of a check. */
interface Settings {
  readonly split: string;
  readonly goals: number;
  readonly seed: bigint;
  readonly maxTurns: number;
  readonly perfectGoals: number | undefined;
}

/** Compares what players came to with what is stored, where something is. */
export function compareFigures(
  env: WebShopEnv,
  found: { readonly scripted: PlayerResult; readonly random: PlayerResult; readonly perfect: PerfectResult },
  settings: Settings,
): SanityResult {
  const { titles, layout, showAttributes, maxActions, maxTurns, splits } = env.options;
  const fingerprint = catalogueFingerprint(env.shop);
  const known = knownFigures.find((one) => one.fingerprint === fingerprint);
  if (known === undefined) return { fingerprint, status: 'none', deviations: [] };
  const usual =
    (Object.keys(sanitySettings) as (keyof Settings)[]).every((name) => settings[name] === sanitySettings[name]) &&
    Math.min(maxActions, maxTurns) >= sanitySettings.maxTurns &&
    known.titles === titles.name &&
    known.layout === layout &&
    !showAttributes &&
    env.scoring === undefined &&
    // Its list of all goals is another permutation of the same ones.
    splits !== 'ragen';
  if (!usual) return { fingerprint, status: 'not compared', known, deviations: [] };
  const deviations = [
    ...differences('the scripted shopper', known.scripted, found.scripted),
    ...differences('the random player', known.random, found.random),
    ...differs('best purchases', 'goals that can be solved', known.solvable, found.perfect.solved),
  ];
  return { fingerprint, status: deviations.length === 0 ? 'agrees' : 'differs', known, deviations };
}

/** Where a player came to something else, in words. */
function differences(player: string, expected: PlayerFigures, got: PlayerResult): string[] {
  return [
    ...differs(player, 'mean score', expected.score, got.score),
    ...differs(player, 'successes', expected.successes, got.successes),
    ...differs(player, 'mean turns', expected.turns, got.turns),
  ];
}

/** A mean of floats is the same up to what another order of adding could change. */
function differs(whose: string, what: string, known: number, now: number): string[] {
  return Math.abs(known - now) < 1e-9 ? [] : [`${whose}, ${what}: expected ${known}, got ${now}`];
}
