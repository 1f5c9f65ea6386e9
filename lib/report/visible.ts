const arrows: Readonly<Record<string, string>> = { '\n': '⏎\n', '\t': '⇥', '\r': '␍' };

/**
 * Text in which nothing hides: line feeds, tabs and control characters as signs (a line feed also breaks the line), and characters
 * that have no look of their own, or would turn the order of the line round, by their number.
 */
export function visibleText(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (character) => {
    const code = character.codePointAt(0) as number;
    const control = code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '␡' : undefined;
    return arrows[character] ?? control ?? `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}
