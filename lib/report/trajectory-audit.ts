import type { Environment, Task } from '../env/environment.ts';
import type { RolloutResult } from '../rollout/rollout.ts';
import type { Context, Trajectory, Turn } from '../rollout/trajectory.ts';
import { defined } from '../util/defined.ts';
import type { JsonValue } from '../util/json.ts';
import type { AuditedTurn, EpisodeAudit } from './episode-audit.ts';

/** A task that can say what it asks for. */
export type InstructedTask = Task & { readonly instruction?: string };

/** A model's episode for an audit; one that ended by a fault has no turns and says why. */
export function auditResult(
  env: Environment,
  { job, trajectory, fault }: RolloutResult<InstructedTask>,
  { player, split }: { readonly player: string; readonly split: string },
): EpisodeAudit {
  const { id, version, config } = env;
  const { task, sample, seed } = job;
  const { instruction } = task;
  const played = {
    ...{ environment: { id, version, config }, split, task: task.id, instruction, player },
    ...{ sample, seed: seed.toString() },
  };
  if (trajectory === undefined) {
    const error = fault === undefined ? undefined : `${fault.error.code}: ${fault.error.message}`;
    return defined({ ...played, turns: [], return: 0, success: false, finish: fault?.finish ?? 'env_error', error });
  }
  const { rewards, success, finish } = trajectory;
  return defined({ ...played, turns: turnsOf(trajectory), return: trajectory.return, rewards, success, finish });
}

function turnsOf({ contexts, finish }: Trajectory): AuditedTurn[] {
  const turns = contexts.flatMap(pairs);
  return turns.map(({ observation, said }, place) => {
    const { text, reward = 0, rewards, valid = false, info = {} } = said;
    const { thought, actions, signals } = info;
    const told = { thought: textOf(thought), actions: textsOf(actions), signals };
    return defined({ observation, said: text, ...told, reward, rewards, valid, done: finish === 'done' && place + 1 === turns.length });
  });
}

/** Each agent turn with what it answers. */
function pairs({ turns }: Context): { observation: string; said: Turn }[] {
  return turns.flatMap((said, place) => (said.role === 'agent' ? [{ observation: turns[place - 1]?.text ?? '', said }] : []));
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function textsOf(value: JsonValue | undefined): readonly string[] | undefined {
  return Array.isArray(value) ? value.map(String) : undefined;
}
