import { bytesOfTokens } from '../byte-level.ts';
import { createReplace } from './normalizers.ts';
import { prependScheme } from './pre-tokenizers.ts';
import { PassingTokens, type TokenSink, WholeTokens } from './token-sink.ts';
import type { TokenizerPart } from './tokenizer-part.ts';

/** Makes a decoder that sends its tokens on to `out`. */
export type DecoderFactory = (out: TokenSink) => TokenSink;

/**
 * The `decoder` of a tokenizer.json, as a chain that takes token after token: what comes out at once and what comes out in pieces is
 * the same. Throws ASTARPO_TOKENIZER for a type that is not known here.
 */
export function createDecoder(part: TokenizerPart | undefined): DecoderFactory {
  if (part === undefined) return (out) => new MappedTokens(out, (token, index) => (index === 0 ? token : ` ${token}`));
  return part.byType(decoders)(part);
}

const decoders: Readonly<Record<string, (part: TokenizerPart) => DecoderFactory>> = {
  BPEDecoder: (part) => {
    const suffix = part.string('suffix', '</w>');
    return (out) => new WordEnds(out, suffix);
  },
  ByteFallback: () => (out) => new ByteFallback(out),
  ByteLevel: () => (out) => new ByteLevel(out),
  Fuse: () => (out) => new Fuse(out),
  Metaspace: (part) => {
    const replacement = part.character('replacement');
    const first = prependScheme(part) === 'never' ? ' ' : '';
    return (out) => new MappedTokens(out, (token, index) => token.replaceAll(replacement, index === 0 ? first : ' '));
  },
  Replace: (part) => {
    const pattern = part.part('pattern');
    const content = part.string('content');
    const literal = pattern.value('String') === undefined ? '' : pattern.string('String');
    if (literal !== '') return (out) => new ReplacedText(out, literal, content);
    const replace = createReplace(part);
    return (out) => new MappedTokens(out, replace);
  },
  Sequence: (part) => {
    const steps = part.parts('decoders').map(createDecoder);
    return (out) => steps.reduceRight((next, step) => step(next), out);
  },
  Strip: (part) => {
    const settings = { content: part.character('content'), start: part.integer('start'), stop: part.integer('stop') };
    return (out) => new Strip(out, settings);
  },
  WordPiece: (part) => {
    const prefix = part.string('prefix', '##');
    const cleanup = part.boolean('cleanup', true) ? cleanUp : (text: string) => text;
    return (out) =>
      new MappedTokens(out, (token, index) =>
        cleanup(index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`),
      );
  },
};

class MappedTokens extends WholeTokens {
  readonly #map: (token: string, index: number) => string;
  #index = 0;

  constructor(out: TokenSink, map: (token: string, index: number) => string) {
    super(out);
    this.#map = map;
  }

  protected override token(text: string): void {
    this.emit(this.#map(text, this.#index++));
  }
}

/** The suffix that ends a word becomes a space, but for the last token, which has to wait until it is known for that. */
class WordEnds extends WholeTokens {
  readonly #suffix: string;
  #last: string | undefined;

  constructor(out: TokenSink, suffix: string) {
    super(out);
    this.#suffix = suffix;
  }

  protected override token(text: string): void {
    this.#release(' ');
    this.#last = text;
  }

  override finish(): void {
    this.#release('');
    super.finish();
  }

  override get holding(): boolean {
    return this.#last !== undefined || super.holding;
  }

  #release(replacement: string): void {
    if (this.#last !== undefined) this.emit(this.#last.replaceAll(this.#suffix, replacement));
    this.#last = undefined;
  }
}

/** All tokens as one. */
class Fuse extends PassingTokens {
  override end(): void {}

  override finish(): void {
    this.out.end();
    super.finish();
  }
}

/** Successive tokens as <0xE4> become the text that their bytes are: one U+FFFD for each if all together they are no UTF-8. */
class ByteFallback extends WholeTokens {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #bytes: number[] = [];

  protected override token(text: string): void {
    // The library reads the two characters as a number, which may have a sign.
    const byte = /^<0x([0-9a-fA-F]{2}|\+[0-9a-fA-F])>$/.exec(text)?.[1];
    if (byte !== undefined) {
      this.#bytes.push(Number.parseInt(byte, 16));
      return;
    }
    this.#release();
    this.emit(text);
  }

  override finish(): void {
    this.#release();
    super.finish();
  }

  override get holding(): boolean {
    return this.#bytes.length > 0 || super.holding;
  }

  #release(): void {
    if (this.#bytes.length === 0) return;
    const bytes = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    const text = this.#textOf(bytes);
    if (text !== undefined) this.emit(text);
    else for (const _ of bytes) this.emit('\ufffd');
  }

  #textOf(bytes: Uint8Array): string | undefined {
    try {
      return this.#decoder.decode(bytes);
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }
}

/** The bytes of all tokens as one token; what is no UTF-8 becomes U+FFFD, one for each longest beginning of a character. */
class ByteLevel extends WholeTokens {
  #tokens: string[] = [];
  /** Of a character that is not complete. */
  #unfinished: Uint8Array = new Uint8Array(0);

  protected override token(text: string): void {
    this.#tokens.push(text);
  }

  override flush(): void {
    const bytes = this.#takeBytes();
    const complete = bytes.length - unfinishedBytes(bytes);
    this.#unfinished = bytes.subarray(complete);
    if (complete > 0) this.out.write(bytes.toString('utf8', 0, complete));
    super.flush();
  }

  override finish(): void {
    this.out.write(this.#takeBytes().toString('utf8'));
    this.out.end();
    super.finish();
  }

  override get holding(): boolean {
    return this.#tokens.length > 0 || this.#unfinished.length > 0 || super.holding;
  }

  #takeBytes(): Buffer {
    const bytes = Buffer.concat([this.#unfinished, bytesOfTokens(this.#tokens)]);
    this.#tokens = [];
    this.#unfinished = bytes.subarray(bytes.length);
    return bytes;
  }
}

/** How many bytes at the end may begin a character that is not complete. */
function unfinishedBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

/** Replaces a text within each token, holding back what may be its beginning. */
class ReplacedText extends PassingTokens {
  readonly #wanted: string;
  readonly #content: string;
  #held = '';

  constructor(out: TokenSink, wanted: string, content: string) {
    super(out);
    this.#wanted = wanted;
    this.#content = content;
  }

  override write(text: string): void {
    const pieces = (this.#held + text).split(this.#wanted);
    const rest = pieces.pop() ?? '';
    const safe = rest.length - beginningAtEnd(rest, this.#wanted);
    this.#held = rest.slice(safe);
    this.out.write(pieces.map((piece) => piece + this.#content).join('') + rest.slice(0, safe));
  }

  override end(): void {
    this.out.write(this.#held);
    this.#held = '';
    super.end();
  }

  override get holding(): boolean {
    return this.#held !== '' || super.holding;
  }
}

/** Length of the longest beginning of `wanted`, but not all of it, that `text` ends with. */
function beginningAtEnd(text: string, wanted: string): number {
  for (let length = Math.min(wanted.length - 1, text.length); length > 0; length--)
    if (text.endsWith(wanted.slice(0, length))) return length;
  return 0;
}

/** Takes up to `start` characters from the beginning of each token and up to `stop` from its end, as long as they are `content`. */
class Strip extends PassingTokens {
  readonly #content: string;
  readonly #start: number;
  readonly #stop: number;
  #atStart = true;
  #taken = 0;
  /** Characters at the end that may have to go. */
  #held = 0;

  constructor(out: TokenSink, { content, start, stop }: { content: string; start: number; stop: number }) {
    super(out);
    this.#content = content;
    this.#start = start;
    this.#stop = stop;
  }

  override write(text: string): void {
    let rest = text;
    while (this.#atStart && rest !== '') {
      this.#atStart = this.#taken < this.#start && rest.startsWith(this.#content);
      if (!this.#atStart) break;
      rest = rest.slice(this.#content.length);
      this.#taken++;
    }
    const whole = this.#content.repeat(this.#held) + rest;
    let end = whole.length;
    this.#held = 0;
    while (this.#held < this.#stop && whole.endsWith(this.#content, end)) {
      end -= this.#content.length;
      this.#held++;
    }
    this.out.write(whole.slice(0, end));
  }

  override end(): void {
    this.#atStart = true;
    this.#taken = 0;
    this.#held = 0;
    super.end();
  }
}

/** How English punctuation loses the space before it. */
function cleanUp(text: string): string {
  const shortened: readonly (readonly [string, string])[] = [
    [' .', '.'],
    [' ?', '?'],
    [' !', '!'],
    [' ,', ','],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [' do not', " don't"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ];
  return shortened.reduce((clean, [long, short]) => clean.replaceAll(long, short), text);
}
