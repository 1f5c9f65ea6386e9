import type { StyleSettings } from '../env/webshop/agent/agent-options.ts';
import type { AgentStyleName } from '../env/webshop/agent/styles.ts';
import type { Layout } from '../env/webshop/pages/layout.ts';
import type { ScoringOptions } from '../env/webshop/scoring/scoring-options.ts';
import type { SplitScheme } from '../env/webshop/shop/splits.ts';
import { WebShopEnv } from '../env/webshop/webshop-env.ts';
import type { WebShopOptions } from '../env/webshop/webshop-options.ts';
import { AStarPOError } from '../errors.ts';
import type { LoadOptions } from '../model/load-options.ts';
import type { LoraOptions } from '../model/lora/options.ts';
import { isAllLinear } from '../model/lora/settings.ts';
import type { RolloutOptions } from '../rollout/rollout.ts';
import { defined } from '../util/defined.ts';
import { deriveSeed } from '../util/rng.ts';
import { type ChatConfig, chatOptions } from './chat-options.ts';
import { flagName } from './options.ts';
import { type TitlesConfig, titlesOption } from './titles-option.ts';

/** Options that a command line may leave out. */
type Loose<O> = { readonly [name in keyof O]?: O[name] | undefined };

/** What several commands open from the same options. */

export interface EnvironmentConfig extends ScoringOptions, Loose<StyleSettings>, TitlesConfig {
  readonly data?: string | undefined;
  readonly shopSeed: number;
  readonly layout?: Layout | undefined;
  readonly humanGoals?: boolean | undefined;
  readonly splits?: SplitScheme | undefined;
  readonly searchThreads?: number | undefined;
  readonly style?: AgentStyleName | undefined;
  readonly maxActions?: number | undefined;
  readonly pageBudget?: number | undefined;
}

/** The options of the environment that a config describes. */
export function environmentOptions(config: EnvironmentConfig): WebShopOptions {
  const { data, shopSeed, layout, humanGoals, splits, searchThreads } = config;
  const { style, maxActions, pageBudget, history, promptLimit, actionsPerTurn, callFormat } = config;
  const agent = { style, maxActions, pageBudget, history, promptLimit, actionsPerTurn, callFormat };
  const { scoring, successAt, penalty, penaltyFor, shaping, signals } = config;
  return defined({
    ...(data === undefined ? { synthetic: { seed: shopSeed } } : { data }),
    // A flag that was not given asks for nothing, which every shop has.
    humanGoals: humanGoals === true ? true : undefined,
    splits,
    layout,
    searchThreads,
    ...agent,
    titles: titlesOption(config),
    scoring,
    successAt,
    penalty,
    penaltyFor,
    shaping,
    signals,
  });
}

export function openEnvironment(config: EnvironmentConfig): Promise<WebShopEnv> {
  return WebShopEnv.open(environmentOptions(config));
}

interface ModelConfig extends ChatConfig {
  readonly base?: string | undefined;
  readonly revision?: string | undefined;
  readonly offline?: boolean | undefined;
  readonly device: string;
  readonly dtype?: 'float32' | 'bfloat16' | undefined;
  readonly reproducible: boolean;
  readonly threads?: number | undefined;
}

export function loadOptions(config: ModelConfig): Omit<LoadOptions, 'lora'> {
  const { base, revision, offline, device, dtype, reproducible, threads } = config;
  return defined({ base, revision, offline, chat: chatOptions(config), device, dtype, reproducible, threads });
}

interface LoraConfig {
  readonly loraRank?: number | undefined;
  readonly loraAlpha?: number | undefined;
  readonly loraDropout?: number | undefined;
  readonly loraTargets?: readonly string[] | undefined;
  readonly loraPattern?: string | undefined;
  readonly loraLayers?: readonly number[] | undefined;
  readonly loraRslora?: boolean | undefined;
}

/** The adapter that is asked for; undefined for none. An option of an adapter that is not asked for must not be ignored. */
export function loraOptions(config: LoraConfig, seed: number): LoraOptions | undefined {
  const { loraRank: rank, loraAlpha: alpha, loraDropout: dropout, loraTargets, loraPattern, loraLayers: layers, loraRslora } = config;
  const names = ['loraAlpha', 'loraDropout', 'loraTargets', 'loraPattern', 'loraLayers', 'loraRslora'] as const;
  const given = names.find((name) => config[name] !== undefined);
  if (rank === undefined && given !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', `${flagName(given)} belongs to an adapter, and none is asked for`, {
      hint: 'give --lora-rank too (8 is PEFT’s default), or leave it out to train the weights',
    });
  }
  if (loraTargets !== undefined && loraPattern !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', 'expected --lora-targets or --lora-pattern, got both');
  }
  if (rank === undefined) return undefined;
  const targetModules = loraPattern ?? (loraTargets?.length === 1 && isAllLinear(loraTargets[0]) ? 'all-linear' : loraTargets);
  return defined({ rank, alpha, dropout, targetModules, layers, useRslora: loraRslora, seed: deriveSeed(seed, 'lora') });
}

interface SamplingConfig {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly maxTokens: number;
  readonly maxTurns: number;
  readonly maxContext?: number | undefined;
  readonly concurrency: number;
  readonly stepTimeout: number;
  readonly system?: string | undefined;
  readonly greedy?: boolean | undefined;
}

export function rolloutOptions(config: SamplingConfig): RolloutOptions {
  const { temperature, topP, topK, maxTokens, greedy, maxTurns, maxContext, concurrency, system } = config;
  return defined({
    sampling: defined({ temperature, topP, topK, maxTokens, greedy }),
    maxTurns,
    maxContext,
    concurrency,
    system,
    stepTimeoutMs: config.stepTimeout * 1000,
  });
}
