import pc from 'picocolors';
import type { InspectedSpan, Inspection } from './inspection.ts';
import { visibleText } from './visible.ts';

/** Around what is trained, for terminals and files without colour. */
const [open, close] = ['⟦', '⟧'];

/** A trajectory for a terminal: what is trained stands in ⟦ ⟧ and in colour; a summary comes first and last. */
export function renderInspection(inspection: Inspection): string {
  const parts = inspection.spans.map((span) => `${pc.dim(describeSpan(span))}\n${renderText(span)}`);
  const summary = pc.bold(describeInspection(inspection));
  return `${summary}\n\n${parts.join('\n\n')}\n\n${summary}\n${describeForeign(inspection)}`;
}

/** `task, sample 0: 312 tokens, 57 trained in 4 agent turns, return 0.50, not solved, finished by done`. */
export function describeInspection(inspection: Inspection): string {
  const { taskId, sample, tokens, trainedTokens, agentTurns, success, finish } = inspection;
  const solved = success ? 'solved' : 'not solved';
  return (
    `${visibleText(taskId)}, sample ${sample}: ${counted(tokens, 'token')}, ${trainedTokens} trained in ${counted(agentTurns, 'agent turn')}, ` +
    `return ${inspection.return.toFixed(2)}, ${solved}, finished by ${finish}`
  );
}

/** `agent, 14 tokens trained, log-prob -3.21, reward 0.25, weights 7`. */
export function describeSpan({ role, tokens, trained, logp, reward, weightsVersion }: InspectedSpan): string {
  const facts = [
    role,
    `${counted(tokens.length, 'token')}${trained ? ' trained' : ''}`,
    ...(logp === undefined ? [] : [`log-prob ${logp.toFixed(2)}`]),
    ...(reward === undefined ? [] : [`reward ${reward}`]),
    ...(weightsVersion === undefined ? [] : [`weights ${weightsVersion}`]),
  ];
  return facts.join(', ');
}

/** A line that says so where the texts do not fit the tokenizer, else nothing. */
export function describeForeign({ foreignTurns }: Inspection): string {
  if (foreignTurns === 0) return '';
  return `${counted(foreignTurns, 'agent turn')} differ from what was stored: is this the model that sampled them?\n`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function renderText({ text, trained }: InspectedSpan): string {
  const plain = visibleText(text).replace(/[⟦⟧]/g, (bracket) => `⟨U+${bracket.charCodeAt(0).toString(16).toUpperCase()}⟩`);
  if (!trained) return plain;
  // Colour ends with each line, so that a pager keeps it.
  const lines = plain.split('\n').map((line) => (line === '' ? '' : pc.green(pc.bold(line))));
  return open + lines.join('\n') + close;
}
