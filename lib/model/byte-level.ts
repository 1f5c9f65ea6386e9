/** How tokenizers name bytes: GPT-2's characters, and tokens as <0x0A>. */

/** GPT-2's printable stand-in for each byte: itself where that is printable, else the next free character from U+0100 on. */
export const byteCharacters: readonly string[] = (() => {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();

/** The byte of each of these characters, by character code; -1 for other codes. */
const bytesOfCharacters: Int16Array = (() => {
  const bytes = new Int16Array(0x144).fill(-1);
  for (const [byte, character] of byteCharacters.entries()) bytes[character.charCodeAt(0)] = byte;
  return bytes;
})();

/** The UTF-8 bytes of a text, each as its character. */
export function mapToByteCharacters(text: string): string {
  let mapped = '';
  for (const byte of Buffer.from(text, 'utf8')) mapped += byteCharacters[byte] ?? '';
  return mapped;
}

/** The bytes that tokens stand for; of a token with a character that stands for none, those of its own UTF-8. */
export function bytesOfTokens(tokens: readonly string[]): Buffer {
  // A UTF-16 code unit has at most three bytes.
  const bytes = Buffer.allocUnsafe(3 * tokens.reduce((units, token) => units + token.length, 0));
  let length = 0;
  for (const token of tokens) {
    const start = length;
    for (let i = 0; i < token.length; i++) {
      const byte = bytesOfCharacters[token.charCodeAt(i)] ?? -1;
      if (byte < 0) {
        length = start + bytes.write(token, start, 'utf8');
        break;
      }
      bytes[length++] = byte;
    }
  }
  return bytes.subarray(0, length);
}

/** Ids of the tokens as <0x0A> that stand for the UTF-8 bytes of a text; undefined unless the vocabulary has all of them. */
export function byteFallbackIds(text: string, ids: ReadonlyMap<string, number>): number[] | undefined {
  const found: number[] = [];
  for (const byte of Buffer.from(text, 'utf8')) {
    const id = ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    if (id === undefined) return undefined;
    found.push(id);
  }
  return found;
}
