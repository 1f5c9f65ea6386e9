import pc from 'picocolors';
import type { InspectedSpan, Inspection } from './inspection.ts';
import { visibleText } from './visible.ts';

/** Around what is trained, for terminals and files without colour. */
const [open, close] = ['⟦', '⟧'];

/** A trajectory for a terminal: what is trained stands in ⟦ ⟧ and in colour; a summary comes first and last, each of several contexts has a head. */
export function renderInspection(inspection: Inspection): string {
  const parts = inspection.spans.flatMap((span, i) => {
    const head = describeContext(inspection, i);
    const text = `${pc.dim(describeSpan(span))}\n${renderText(span)}`;
    return head === undefined ? [text] : [pc.bold(`── ${head} ──`), text];
  });
  const summary = pc.bold(describeInspection(inspection));
  return `${summary}\n\n${parts.join('\n\n')}\n\n${summary}\n${describeForeign(inspection)}`;
}

/** `task, sample 0: 312 tokens in 2 contexts, 57 trained in 4 agent turns, return 0.50, not solved, finished by done`. */
export function describeInspection(inspection: Inspection): string {
  const { taskId, sample, contexts, tokens, trainedTokens, agentTurns, success, finish } = inspection;
  const solved = success ? 'solved' : 'not solved';
  const several = contexts.length > 1 ? ` in ${contexts.length} contexts` : '';
  return (
    `${visibleText(taskId)}, sample ${sample}: ${counted(tokens, 'token')}${several}, ${trainedTokens} trained in ${counted(agentTurns, 'agent turn')}, ` +
    `return ${inspection.return.toFixed(2)}, ${solved}, finished by ${finish}`
  );
}

/** `context 2 of 5: 312 tokens, 14 trained`, where the span with this place begins one of several. */
export function describeContext({ contexts, spans }: Inspection, place: number): string | undefined {
  const number = spans[place]?.context;
  if (contexts.length < 2 || number === undefined || spans[place - 1]?.context === number) return undefined;
  const { tokens = 0, trainedTokens = 0 } = contexts[number] ?? {};
  return `context ${number + 1} of ${contexts.length}: ${counted(tokens, 'token')}, ${trainedTokens} trained`;
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
