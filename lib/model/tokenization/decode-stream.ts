import type { DecoderFactory } from './decoders.ts';
import { CollectedText, type TokenSink } from './token-sink.ts';

/**
 * Text of ids that come one by one. The pieces, put together, are exactly the text of all ids at once; none ends inside a
 * character. The work per id does not grow with the number of ids before.
 */
export class DecodeStream {
  readonly #tokenOf: (id: number) => string | undefined;
  readonly #text = new CollectedText();
  readonly #decoder: TokenSink;

  /** @param tokenOf what the decoder gets for an id; undefined for an id that gives no text */
  constructor(tokenOf: (id: number) => string | undefined, createDecoder: DecoderFactory) {
    this.#tokenOf = tokenOf;
    this.#decoder = createDecoder(this.#text);
  }

  /** Takes an id; gives the text that no later id can change, '' while there is none. */
  push(id: number): string {
    this.add(id);
    this.#decoder.flush();
    return this.#text.take();
  }

  /** As push, for ids whose text is not needed yet. */
  add(id: number): void {
    const token = this.#tokenOf(id);
    if (token === undefined) return;
    this.#decoder.write(token);
    this.#decoder.end();
  }

  /** Whether `finish` would still give text: the last ids end inside a character, or mean something else with the next. */
  get holding(): boolean {
    return this.#decoder.holding;
  }

  /** The rest; no id may follow. */
  finish(): string {
    this.#decoder.finish();
    return this.#text.take();
  }
}
