import { checkChoice, checkInteger } from '../../../util/known-options.ts';

/** Settings of the styles that come by name; a style refuses those that mean nothing to it. */
export interface StyleSettings {
  /** Turns that are told again where every prompt begins a new context. Default: 2 for `verl-agent`; `think-act` keeps one conversation. */
  readonly history?: number;
  /**
   * Characters of a whole prompt at most, for styles whose prompts begin a new context: what was told before is left out first, and a
   * prompt that is still longer stays. Default: 13,000 for `verl-agent`, else no limit.
   */
  readonly promptLimit?: number;
  /** Actions of one agent turn at most, for `ragen`; more are dropped. Default 1. */
  readonly actionsPerTurn?: number;
  /** How agents written by hand write function calls in the style `tools`; all three are read in any case. Default `hermes`. */
  readonly callFormat?: CallFormat;
}

/** How models write calls of functions; see `readCall`. */
export const callFormats = ['hermes', 'llama', 'mistral'] as const;
export type CallFormat = (typeof callFormats)[number];

export type StyleSetting = keyof StyleSettings;

export const styleSettings: readonly StyleSetting[] = ['history', 'promptLimit', 'actionsPerTurn', 'callFormat'];

/** Throws ASTARPO_OPTION for a value that no style takes. */
export function checkStyleSettings({ history, promptLimit, actionsPerTurn, callFormat }: StyleSettings): void {
  if (history !== undefined) checkInteger('history', history, 0);
  if (promptLimit !== undefined) checkInteger('promptLimit', promptLimit, 1);
  if (actionsPerTurn !== undefined) checkInteger('actionsPerTurn', actionsPerTurn, 1);
  if (callFormat !== undefined) checkChoice('callFormat', callFormat, callFormats);
}
