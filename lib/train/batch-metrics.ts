import type { RolloutResult } from '../rollout/rollout.ts';
import type { FinishReason } from '../rollout/trajectory.ts';
import { maximum, mean, minimum, standardDeviation, sum } from '../util/statistics.ts';

const finishReasons: readonly FinishReason[] = ['done', 'max_turns', 'max_context', 'turn_token_limit', 'env_error', 'model_error'];

/**
 * reward/* (of the returns; raw_mean: of the part `score`, where the environment names it), success_rate, tokens/* (response: sampled tokens of an episode; prompt: those of a context before its first turn; context:
 * all of a context, which is what maxContext limits; episode: those of all its contexts; clip_ratio: share of episodes that a limit of
 * tokens ended), contexts/mean (of an episode), turns/mean, actions/valid_rate, finish/* (shares of all episodes, rejected ones by their
 * fault) and batch/rejected (a count). All but the last two are over episodes with a trajectory and left out when there is none.
 */
export function rolloutMetrics(results: readonly RolloutResult[]): Record<string, number> {
  const metrics: Record<string, number> = {};
  for (const reason of finishReasons) {
    const count = results.filter((result) => (result.trajectory?.finish ?? result.fault?.finish) === reason).length;
    metrics[`finish/${reason}`] = results.length === 0 ? 0 : count / results.length;
  }
  const trajectories = results.flatMap((result) => result.trajectory ?? []);
  metrics['batch/rejected'] = results.length - trajectories.length;
  if (trajectories.length === 0) return metrics;
  const returns = trajectories.map((trajectory) => trajectory.return);
  const scores = trajectories.flatMap(({ rewards }) => rewards.score ?? []);
  const sampled = trajectories.map((trajectory) => trajectory.sampledTokens);
  const contexts = trajectories.flatMap((trajectory) => trajectory.contexts);
  const prompts = contexts.map(({ turns }) => turns[0]?.end ?? 0);
  const lengths = contexts.map(({ tokens }) => tokens.length);
  const episodes = trajectories.map((trajectory) => sum(trajectory.contexts.map(({ tokens }) => tokens.length)));
  const cut = trajectories.filter(({ finish }) => finish === 'max_context' || finish === 'turn_token_limit').length;
  const turns = sum(trajectories.map((trajectory) => trajectory.agentTurns));
  return Object.assign(metrics, {
    'reward/mean': mean(returns),
    'reward/std': standardDeviation(returns, 'population'),
    'reward/min': minimum(returns),
    'reward/max': maximum(returns),
    ...(scores.length === 0 ? {} : { 'reward/raw_mean': sum(scores) / trajectories.length }),
    success_rate: trajectories.filter((trajectory) => trajectory.success).length / trajectories.length,
    'tokens/response_mean': mean(sampled),
    'tokens/response_max': maximum(sampled),
    'tokens/prompt_mean': mean(prompts),
    'tokens/prompt_max': maximum(prompts),
    'tokens/clip_ratio': cut / trajectories.length,
    'tokens/context_mean': mean(lengths),
    'tokens/context_max': maximum(lengths),
    'tokens/episode_mean': mean(episodes),
    'tokens/episode_max': maximum(episodes),
    'contexts/mean': contexts.length / trajectories.length,
    'turns/mean': turns / trajectories.length,
    'actions/valid_rate': turns === 0 ? 0 : sum(trajectories.map((trajectory) => trajectory.validActions)) / turns,
  });
}

/** Metrics that may differ between two runs that computed the same: times, rates per second, memory. */
export function isVolatileMetric(name: string): boolean {
  return /^(time|throughput|mem)\//.test(name);
}
