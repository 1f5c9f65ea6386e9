import type { Observation } from './environment.ts';

/** What an observation says, for people, logs and agents written by hand: its text, or the contents of its messages, one below the other. */
export function observationText({ text, messages }: Observation): string {
  if (text !== undefined) return text;
  return messages.map(({ content }) => (typeof content === 'string' ? content : JSON.stringify(content ?? ''))).join('\n');
}
