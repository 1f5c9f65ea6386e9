import type { CallOptions, GenerateRequest, NativeModel } from './native-model.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A token as it is sampled. */
export interface StreamedToken {
  readonly id: number;
  /** Natural log-prob under the untruncated distribution at the request's temperature. */
  readonly logp: number;
  /** Characters that this token completes; '' while a character's bytes are not all there, and for the stop token. */
  readonly text: string;
}

/** Samples one request token by token. Ending the iteration early aborts the generation. */
export async function* streamTokens(
  model: NativeModel,
  { prompt, params }: GenerateRequest,
  options: CallOptions,
): AsyncGenerator<StreamedToken> {
  const cancel = new AbortController();
  const signal = options.signal === undefined ? cancel.signal : AbortSignal.any([options.signal, cancel.signal]);
  const decoder = new StreamDecoder(model.tokenizer, params.stopIds);
  const queue: { id: number; logp: number }[] = [];
  const sequence = model.sequence(prompt);
  let wake = () => {};
  let settled = false;
  const onToken = (id: number, logp: number) => {
    queue.push({ id, logp });
    wake();
  };
  const generating = sequence.generate(params, { signal, onToken }).finally(() => {
    settled = true;
    wake();
  });
  // Awaited below; until then a failure must not count as unhandled.
  const outcome = Promise.allSettled([generating]);
  try {
    while (!settled || queue.length > 0) {
      const next = queue.shift();
      if (next !== undefined) {
        yield { ...next, text: decoder.push(next.id) };
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    await generating;
  } finally {
    cancel.abort();
    await outcome;
    sequence.release();
  }
}

/** No character has more bytes in UTF-8, so longer waiting would not complete one. */
const longestCharacter = 4;

/** Decodes ids one by one, holding back those that end inside a character. */
class StreamDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #stopIds: readonly number[];
  #pending: number[] = [];

  constructor(tokenizer: Tokenizer, stopIds: readonly number[]) {
    this.#tokenizer = tokenizer;
    this.#stopIds = stopIds;
  }

  push(id: number): string {
    if (this.#stopIds.includes(id)) return '';
    this.#pending.push(id);
    const text = this.#tokenizer.decode(this.#pending);
    if (text.endsWith('\ufffd') && this.#pending.length < longestCharacter) return '';
    this.#pending = [];
    return text;
  }
}
