import { WebShopEnv } from '../env/webshop/webshop-env.ts';
import type { Layout } from '../env/webshop/webshop-options.ts';
import type { DeviceOptions } from '../model/device-options.ts';
import type { RolloutOptions } from '../rollout/rollout.ts';
import { defined } from '../util/defined.ts';

/** What several commands open from the same options. */

interface EnvironmentConfig {
  readonly data?: string | undefined;
  readonly shopSeed: number;
  readonly layout?: Layout | undefined;
  readonly humanGoals?: boolean | undefined;
}

export function openEnvironment({ data, shopSeed, layout, humanGoals }: EnvironmentConfig): Promise<WebShopEnv> {
  return WebShopEnv.open(defined(data === undefined ? { synthetic: { seed: shopSeed }, layout } : { data, layout, humanGoals }));
}

interface DeviceConfig {
  readonly device: string;
  readonly dtype?: 'float32' | 'bfloat16' | undefined;
  readonly reproducible: boolean;
  readonly threads?: number | undefined;
}

export function deviceOptions({ device, dtype, reproducible, threads }: DeviceConfig): DeviceOptions {
  return defined({ device, dtype, reproducible, threads });
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
