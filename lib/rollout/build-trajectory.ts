import type { Tally } from './tally.ts';
import type { FinishReason, Trajectory } from './trajectory.ts';
import type { Transcript } from './transcript.ts';

/** Puts together what became of an episode. */
export function buildTrajectory(
  played: Pick<Trajectory, 'taskId' | 'sample' | 'seed' | 'temperature'>,
  transcript: Transcript,
  tally: Tally,
  finish: FinishReason,
): Trajectory {
  const contexts = transcript.build();
  let sampledTokens = 0;
  for (const { mask } of contexts) for (const bit of mask) sampledTokens += bit;
  return {
    ...played,
    contexts,
    return: tally.return,
    rewards: tally.rewards,
    success: tally.success,
    finish,
    agentTurns: tally.agentTurns,
    sampledTokens,
    validActions: tally.validActions,
    ...(tally.info === undefined ? {} : { info: tally.info }),
  };
}
