/** What byte-level tokenizers share: GPT-2's characters for bytes, and how their regular expressions read in JavaScript. */

/** GPT-2's printable stand-in for each byte: itself where that is printable, else the next free character from U+0100 on. */
export const byteCharacters: readonly string[] = (() => {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();

const whitespace = new Map([
  ['s', '\\p{White_Space}'],
  ['S', '\\P{White_Space}'],
]);

/** Throws SyntaxError. JavaScript's \s has U+FEFF and lacks U+0085; the tokenizer libraries mean the Unicode property. */
export function compilePattern(source: string): RegExp {
  return new RegExp(
    source.replace(/\\(.)/gsu, (sequence, letter) => whitespace.get(letter) ?? sequence),
    'gu',
  );
}
