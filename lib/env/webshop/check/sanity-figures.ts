import type { WebShopEnv } from '../webshop-env.ts';
import { catalogueFingerprint } from './catalogue-fingerprint.ts';
import type { SanityResult } from './check-report.ts';
import type { PlayerResult } from './player-check.ts';

/** What players without a model came to over a catalogue when this version was made. */
export interface SanityFigures {
  /** For people. */
  readonly name: string;
  /** Of the catalogue; see `catalogueFingerprint`. */
  readonly fingerprint: string;
  /** Who named the nouns of titles. */
  readonly titles: string;
  readonly scripted: PlayerFigures;
  readonly random: PlayerFigures;
}

export interface PlayerFigures {
  /** Mean score. */
  readonly score: number;
  readonly successes: number;
  /** Mean turns. */
  readonly turns: number;
}

/** What the figures were made with: the settings of a check without options. */
export const sanitySettings = { split: 'all', goals: 200, seed: 1n, maxTurns: 15 } as const;

/** A row per catalogue, as `env check` prints it. */
const figures: readonly SanityFigures[] = [];

/** The settings of a check. */
type Settings = { readonly [K in keyof typeof sanitySettings]: (typeof sanitySettings)[K] extends bigint ? bigint : string | number };

/** Compares what players came to with what is stored, where something is. */
export function compareFigures(
  env: WebShopEnv,
  players: { readonly scripted: PlayerResult; readonly random: PlayerResult },
  settings: Settings,
): SanityResult {
  const { titles, maxActions, maxTurns } = env.options;
  const fingerprint = catalogueFingerprint(env.shop);
  const known = figures.find((one) => one.fingerprint === fingerprint && one.titles === titles.name);
  if (known === undefined) return { fingerprint, status: 'none', deviations: [] };
  const usual =
    (Object.keys(sanitySettings) as (keyof Settings)[]).every((name) => settings[name] === sanitySettings[name]) &&
    Math.min(maxActions, maxTurns) >= sanitySettings.maxTurns;
  if (!usual) return { fingerprint, status: 'not compared', known, deviations: [] };
  const deviations = [
    ...differences('the scripted shopper', known.scripted, players.scripted),
    ...differences('the random player', known.random, players.random),
  ];
  return { fingerprint, status: deviations.length === 0 ? 'agrees' : 'differs', known, deviations };
}

/** Where a player came to something else, in words. A mean of floats is the same up to what another order of adding could change. */
function differences(player: string, expected: PlayerFigures, got: PlayerResult): string[] {
  const differs = (what: string, known: number, now: number) =>
    Math.abs(known - now) < 1e-9 ? [] : [`${player}: expected ${what} ${known}, got ${now}`];
  return [
    ...differs('a mean score of', expected.score, got.score),
    ...differs('successes of', expected.successes, got.successes),
    ...differs('mean turns of', expected.turns, got.turns),
  ];
}
