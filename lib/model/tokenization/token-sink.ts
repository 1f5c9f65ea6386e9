/** Where a decoder sends the tokens that it made, each possibly in several parts. */
export interface TokenSink {
  /** Some text of the token that is under way. */
  write(text: string): void;
  /** The token is complete. */
  end(): void;
  /** Everything that later tokens cannot change must go on now. */
  flush(): void;
  /** No further token comes. */
  finish(): void;
  /** Whether there is text that `finish` would still give. */
  readonly holding: boolean;
}

/** Passes everything on; decoders override what they change. */
export class PassingTokens implements TokenSink {
  protected readonly out: TokenSink;

  constructor(out: TokenSink) {
    this.out = out;
  }

  write(text: string): void {
    this.out.write(text);
  }

  end(): void {
    this.out.end();
  }

  flush(): void {
    this.out.flush();
  }

  finish(): void {
    this.out.finish();
  }

  get holding(): boolean {
    return this.out.holding;
  }
}

/** For decoders that look at whole tokens. */
export abstract class WholeTokens extends PassingTokens {
  #text = '';

  protected abstract token(text: string): void;

  override write(text: string): void {
    this.#text += text;
  }

  override end(): void {
    const text = this.#text;
    this.#text = '';
    this.token(text);
  }

  protected emit(text: string): void {
    this.out.write(text);
    this.out.end();
  }

  override get holding(): boolean {
    return this.#text !== '' || super.holding;
  }
}

/** The end of the chain: all tokens as one text. */
export class CollectedText implements TokenSink {
  readonly holding = false;
  #text = '';

  write(text: string): void {
    this.#text += text;
  }

  end(): void {}

  flush(): void {}

  finish(): void {}

  /** What came since the last call. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}
