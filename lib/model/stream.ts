import { abortWith } from '../util/on-abort.ts';
import type { CallOptions, GenerateRequest, NativeModel } from './native-model.ts';
import type { DecodeStream } from './tokenization/decode-stream.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A token as it is sampled. */
export interface StreamedToken {
  readonly id: number;
  /** Natural log-prob under the untruncated distribution at the request's temperature. */
  readonly logp: number;
  /**
   * Characters that this token completes; '' while a character's bytes are not all there, and for the stop token. The last token
   * has all that is left: together these texts are what decode gives for the ids.
   */
  readonly text: string;
}

/** Samples one request token by token. Ending the iteration early aborts the generation. */
export async function* streamTokens(
  model: NativeModel,
  { prompt, params }: GenerateRequest,
  options: CallOptions,
): AsyncGenerator<StreamedToken> {
  const cancel = new AbortController();
  const texts = new TokenTexts(model.tokenizer, params.stopIds);
  const queue: { id: number; logp: number }[] = [];
  const sequence = model.sequence(prompt);
  const stopListening = abortWith(cancel, options.signal);
  let wake = () => {};
  let settled = false;
  const onToken = (id: number, logp: number) => {
    queue.push({ id, logp });
    wake();
  };
  const generating = sequence.generate(params, { signal: cancel.signal, onToken }).finally(() => {
    settled = true;
    wake();
  });
  // Awaited below; until then a failure must not count as unhandled.
  const outcome = Promise.allSettled([generating]);
  try {
    while (!settled || queue.length > 0) {
      const next = queue.shift();
      if (next !== undefined) {
        yield* texts.push(next);
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    yield* texts.finish();
    await generating;
  } finally {
    stopListening();
    cancel.abort();
    await outcome;
    sequence.release();
  }
}

/** Gives sampled tokens their texts. A token that ends inside a character waits for the next one: it may be the last. */
export class TokenTexts {
  readonly #stream: DecodeStream;
  readonly #stopIds: readonly number[];
  #waiting: StreamedToken | undefined;

  constructor(tokenizer: Tokenizer, stopIds: readonly number[]) {
    this.#stream = tokenizer.decodeStream();
    this.#stopIds = stopIds;
  }

  *push(token: { readonly id: number; readonly logp: number }): Generator<StreamedToken> {
    if (this.#stopIds.includes(token.id)) {
      yield* this.finish();
      yield { ...token, text: '' };
      return;
    }
    if (this.#waiting !== undefined) yield this.#waiting;
    this.#waiting = { ...token, text: this.#stream.push(token.id) };
    if (this.#stream.holding) return;
    yield this.#waiting;
    this.#waiting = undefined;
  }

  /** The token that waits, with the rest of the text. */
  *finish(): Generator<StreamedToken> {
    if (this.#waiting === undefined) return;
    yield { ...this.#waiting, text: this.#waiting.text + this.#stream.finish() };
    this.#waiting = undefined;
  }
}
