import pc from 'picocolors';
import type { Trajectory } from '../rollout/trajectory.ts';

/** What was told and said in an episode, for a terminal; each context by its number where there are several. */
export function renderTurns({ contexts, success, ...episode }: Trajectory): string {
  const lines: string[] = [];
  for (const [place, { turns }] of contexts.entries()) {
    if (contexts.length > 1) lines.push(pc.dim(`── context ${place + 1} of ${contexts.length} ──`));
    for (const { role, text } of turns) lines.push(role === 'agent' ? pc.bold(`> ${text}`) : text);
  }
  lines.push(`return ${episode.return.toFixed(2)}, ${success ? 'solved' : 'not solved'}`);
  return `${lines.join('\n')}\n`;
}
