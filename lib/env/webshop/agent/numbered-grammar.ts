/** One action as it was said. */
export type Spoken =
  | { readonly kind: 'search'; readonly words: string }
  /** A number of the page, or the name of something on it, lower-cased. */
  | { readonly kind: 'click'; readonly target: number | string }
  | { readonly kind: 'buy'; readonly number: number | undefined }
  | { readonly kind: 'next' }
  | { readonly kind: 'back' };

export interface SpokenTurn {
  /** Undefined when no line is an action. */
  readonly spoken: Spoken | undefined;
  /** What stands before the action, without its tags. */
  readonly thought: string;
}

/**
 * Finds the action in a text: the last line that is one. `search WORDS`, `click N`, `buy N`, `buy`, `next`, `back`, in any case, with any blanks;
 * before it on its line may stand `Action:` or the end of a thought, `</think>`, and words and numbers may be in brackets, as in `click[2]`.
 * All before the action is thought.
 */
export function parseNumbered(said: string): SpokenTurn {
  const lines = said.replaceAll('</think>', '</think>\n').split(/[\n\r\u2028\u2029]+/);
  for (let last = lines.length - 1; last >= 0; last--) {
    const spoken = parseLine(lines[last] ?? '');
    if (spoken !== undefined) return { spoken, thought: thoughtOf(lines.slice(0, last)) };
  }
  return { spoken: undefined, thought: thoughtOf(lines) };
}

/** An action in the words of the grammar. */
export function spokenText(spoken: Spoken): string {
  if (spoken.kind === 'search') return `search ${spoken.words}`;
  if (spoken.kind === 'click') return `click ${spoken.target}`;
  return spoken.kind === 'buy' && spoken.number !== undefined ? `buy ${spoken.number}` : spoken.kind;
}

function parseLine(line: string): Spoken | undefined {
  const text = line.trim().replace(/^actions?\s*:\s*/i, '');
  const name = /^[a-z]+/i.exec(text)?.[0] ?? '';
  const argument = unbracketed(text.slice(name.length));
  switch (name.toLowerCase()) {
    case 'search':
      return argument === undefined || argument === '' ? undefined : { kind: 'search', words: argument };
    case 'click':
      return argument === undefined || argument === '' ? undefined : clickOf(argument.toLowerCase());
    case 'buy': {
      if (argument === undefined) return undefined;
      const number = numberOf(argument);
      return /^(now)?$/i.test(argument) || number !== undefined ? { kind: 'buy', number } : undefined;
    }
    case 'next':
    case 'back':
      return argument === '' ? { kind: name.toLowerCase() === 'next' ? 'next' : 'back' } : undefined;
    default:
      return undefined;
  }
}

function clickOf(argument: string): Spoken {
  if (argument === 'buy' || argument === 'buy now') return { kind: 'buy', number: undefined };
  if (argument === 'next' || argument === 'back') return { kind: argument };
  return { kind: 'click', target: numberOf(argument) ?? argument };
}

/** What follows the word: after a blank or in brackets, which mean nothing to the shop; undefined when the word goes on. */
function unbracketed(rest: string): string | undefined {
  if (rest !== '' && !/^[\s[.]/.test(rest)) return undefined;
  return rest.replace(/[[\]]/g, ' ').replace(/\s+/g, ' ').trim().replace(/^\.$/, '');
}

/** `2`, `#2` or `2.`. */
function numberOf(text: string): number | undefined {
  const digits = /^#?(\d{1,9})\.?$/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function thoughtOf(lines: readonly string[]): string {
  return lines
    .join('\n')
    .replace(/<\/?think>|^\s*thoughts?\s*:/gi, '')
    .trim();
}
