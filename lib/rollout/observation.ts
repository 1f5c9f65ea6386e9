import type { Observation } from '../env/environment.ts';
import { AStarPOError } from '../errors.ts';
import type { ChatInput } from '../model/chat/message.ts';

/** Roles of the messages where a context begins and later in it; `assistant` only at the head of the later ones. */
const roles = { begins: ['system', 'user', 'tool'], goesOn: ['user', 'tool'] } as const;
type Place = keyof typeof roles;

/** Throws ASTARPO_ENVIRONMENT unless it has a text or messages, and only what may stand at its place. */
export function checkObservation(observation: Observation | undefined, when: 'first' | 'later'): Observation {
  const fresh: unknown = observation?.fresh;
  if (fresh !== undefined && typeof fresh !== 'boolean') {
    throw new AStarPOError('ASTARPO_ENVIRONMENT', `expected fresh to be true or false, got ${describe(fresh)}`);
  }
  const place = when === 'first' || fresh === true ? 'begins' : 'goesOn';
  if (observation?.messages === undefined) {
    if (typeof observation?.text === 'string') return checkTools(observation, place);
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
  const answers = Array.isArray(messages) && place === 'goesOn' && messages[0]?.role === 'assistant' ? messages.slice(1) : messages;
  const known: readonly string[] = roles[place];
  if (!Array.isArray(answers) || answers.length === 0 || answers.some((message) => !known.includes(message?.role))) {
    const named = known.map((role) => `'${role}'`).join(', ');
    throw new AStarPOError('ASTARPO_ENVIRONMENT', `expected messages with the roles ${named}, got ${describe(messages)}`, {
      hint:
        place === 'begins'
          ? 'a context begins with what the agent is told; tell earlier turns in the text of a message'
          : 'an assistant message may only come first in the answer to an action, to say how the action was understood',
    });
  }
  return checkTools(observation, place);
}

function checkTools(observation: Observation, place: Place): Observation {
  const { tools } = observation;
  if (tools === undefined) return observation;
  if (place === 'goesOn') {
    throw new AStarPOError('ASTARPO_ENVIRONMENT', 'expected tools in the first observation only, got some later', {
      hint: 'name all tools when the episode opens, or in an observation that is fresh',
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
