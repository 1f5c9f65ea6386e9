import type { Observation } from '../env/environment.ts';
import { AStarPOError } from '../errors.ts';
import type { ChatInput } from '../model/chat/message.ts';

/** Roles of the messages that an environment may give, first and later; `assistant` only at the head of the later ones. */
const roles = { first: ['system', 'user', 'tool'], later: ['user', 'tool'] } as const;

/** Throws ASTARPO_ENVIRONMENT unless it has a text or messages. */
export function checkObservation(observation: Observation | undefined, when: keyof typeof roles = 'later'): Observation {
  if (observation?.messages === undefined) {
    if (typeof observation?.text === 'string') return checkTools(observation, when);
    throw new AStarPOError('ASTARPO_ENVIRONMENT', `expected an observation with a text or with messages, got ${describe(observation)}`, {
      hint: 'step() may leave the observation out only when done',
    });
  }
  const { messages, text } = observation;
  if (text !== undefined) {
    throw new AStarPOError(
      'ASTARPO_ENVIRONMENT',
      `expected an observation with a text or with messages, got both: ${describe(observation)}`,
    );
  }
  const answers = Array.isArray(messages) && when === 'later' && messages[0]?.role === 'assistant' ? messages.slice(1) : messages;
  const known: readonly string[] = roles[when];
  if (!Array.isArray(answers) || answers.length === 0 || answers.some((message) => !known.includes(message?.role))) {
    const named = known.map((role) => `'${role}'`).join(', ');
    throw new AStarPOError('ASTARPO_ENVIRONMENT', `expected messages with the roles ${named}, got ${describe(messages)}`, {
      hint: 'an assistant message may only come first in the answer to an action, to say how the action was understood',
    });
  }
  return checkTools(observation, when);
}

function checkTools(observation: Observation, when: keyof typeof roles): Observation {
  const { tools } = observation;
  if (tools === undefined) return observation;
  if (when === 'later') {
    throw new AStarPOError('ASTARPO_ENVIRONMENT', 'expected tools in the first observation only, got some later', {
      hint: 'name all tools of an episode when it opens',
    });
  }
  if (Array.isArray(tools) && tools.every((tool) => typeof tool === 'object' && tool !== null)) return observation;
  throw new AStarPOError('ASTARPO_ENVIRONMENT', `expected tools to be a list of JSON schemas, got ${describe(tools)}`);
}

/** What a conversation takes an observation as. */
export function chatInput({ text, messages }: Observation): ChatInput {
  return text ?? messages;
}

/** A value in one short line, for an error. */
export function describe(value: unknown): string {
  if (typeof value === 'number' || value === undefined || value === null) return String(value);
  const text = JSON.stringify(value) ?? typeof value;
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
