/**
 * PEFT's options hold patterns of Python's `re`; module names are plain ASCII without line breaks, so a pattern means the same in
 * JavaScript once the few differences in spelling are translated.
 */

/** Inline flags at the start of a pattern: those that JavaScript has, and those that change nothing for ASCII names. */
const flags: ReadonlyMap<string, string> = new Map([...[...'ims'].map((flag) => [flag, flag] as const), ['a', ''], ['u', '']]);
/** Letters after a backslash that mean the same. Back-references are not among them: an unmatched group fails in Python, is empty in JavaScript. */
const escapes = /^[bBdDsSwWfnrtv]$/;

/** `re.fullmatch(pattern, …)` as a RegExp. Throws a SyntaxError for what Python refuses or JavaScript cannot express. */
export function fullMatch(pattern: string): RegExp {
  const [opening = '', names = ''] = /^\(\?([a-zA-Z]+)\)/.exec(pattern) ?? [];
  const own = [...names].map((name) => {
    const flag = flags.get(name);
    if (flag === undefined) throw new SyntaxError(`the inline flag ${name} is not supported`);
    return flag;
  });
  // On its own first: brackets that do not match could match those around them.
  const { source } = new RegExp(toJavaScript(pattern.slice(opening.length)));
  return new RegExp(`^(?:${source})$`, [...new Set(own)].join(''));
}

/** How PEFT looks up a module in `rank_pattern` and `alpha_pattern`: the pattern matches the name or its end, from a dot on. */
export function suffixMatch(pattern: string): RegExp {
  return new RegExp(`^(?:(.*\\.)?(${toJavaScript(pattern)})$)`);
}

/** The pattern as JavaScript writes it. */
export function toJavaScript(pattern: string): string {
  let result = '';
  let rest = pattern;
  let inClass = false;
  const take = (length: number, as = rest.slice(0, length)) => {
    result += as;
    rest = rest.slice(length);
  };
  while (rest !== '') {
    if (rest.startsWith('\\')) take(2, translateEscape(rest.slice(0, 2), inClass));
    else if (inClass) {
      inClass = !rest.startsWith(']');
      take(1);
    } else if (rest.startsWith('[')) {
      inClass = true;
      const open = rest.startsWith('[^') ? 2 : 1;
      take(open);
      // Python reads a bracket that comes first as a member; JavaScript as the end of an empty class.
      if (rest.startsWith(']')) take(1, '\\]');
    } else if (rest.startsWith('(?')) {
      take(...translateGroup(rest));
    } else {
      const atMost = /^\{,(\d*)\}/.exec(rest);
      if (atMost === null) take(1);
      else take(atMost[0].length, `{0,${atMost[1]}}`);
    }
  }
  return result;
}

function translateEscape(escaped: string, inClass: boolean): string {
  const letter = escaped.slice(1);
  if (!inClass && letter === 'A') return '^';
  if (!inClass && letter === 'Z') return '$';
  if (letter === 'a') return '\\x07';
  if (letter === '' || (/^[a-zA-Z\d]$/.test(letter) && !escapes.test(letter))) throw new SyntaxError(`\\${letter} is not supported`);
  return escaped;
}

/** Length of what opens a group, and how JavaScript writes it. */
function translateGroup(rest: string): [number, string] {
  const comment = /^\(\?#[^)]*\)/.exec(rest);
  if (comment !== null) return [comment[0].length, ''];
  if (rest.startsWith('(?P<')) return ['(?P<'.length, '(?<'];
  const plain = ['(?:', '(?=', '(?!', '(?<=', '(?<!'].find((open) => rest.startsWith(open));
  if (plain !== undefined) return [plain.length, plain];
  throw new SyntaxError(`a group that begins with ${rest.slice(0, 4)} is not supported`);
}
