import type { StepResult } from '../env/environment.ts';
import type { Context, Turn } from './trajectory.ts';

/** Tokens of one speaker; with log-probs exactly where the policy sampled them. */
interface Piece {
  readonly tokens: Int32Array;
  readonly logps: Float32Array | undefined;
}

/**
 * One growing token sequence with its mask and log-probs. Whether a token was sampled is set here, when the token is born, and nowhere else:
 * it is never rebuilt from ids or text.
 */
export class ContextBuilder {
  readonly #pieces: Piece[] = [];
  readonly #turns: Turn[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Tokens that nobody sampled: prompt, observation, separators. */
  environment(tokens: ArrayLike<number>, text: string): void {
    const range = this.#add({ tokens: new Int32Array(tokens), logps: undefined });
    this.#turns.push({ role: 'environment', ...range, text });
  }

  /** Tokens that the policy sampled, its end-of-turn token included. */
  agent(tokens: ArrayLike<number>, logps: ArrayLike<number>, turn: Pick<Turn, 'text' | 'weightsVersion' | 'view'>): void {
    const range = this.#add({ tokens: new Int32Array(tokens), logps: new Float32Array(logps) });
    this.#turns.push({ role: 'agent', ...range, ...turn });
  }

  /** What the environment answered to the last agent turn. */
  answered({ reward, rewards, valid, info }: StepResult): void {
    const last = this.#turns.length - 1;
    const told = { ...(rewards === undefined ? {} : { rewards }), ...(info === undefined ? {} : { info }) };
    this.#turns[last] = { ...(this.#turns[last] as Turn), reward, ...told, valid: valid !== false };
  }

  build(): Context {
    const tokens = new Int32Array(this.#length);
    const mask = new Uint8Array(this.#length);
    const logps = new Float32Array(this.#length);
    let start = 0;
    for (const piece of this.#pieces) {
      tokens.set(piece.tokens, start);
      if (piece.logps !== undefined) {
        mask.fill(1, start, start + piece.tokens.length);
        logps.set(piece.logps, start);
      }
      start += piece.tokens.length;
    }
    return { tokens, mask, logps, turns: [...this.#turns] };
  }

  #add(piece: Piece): Pick<Turn, 'start' | 'end'> {
    const start = this.#length;
    this.#pieces.push(piece);
    this.#length += piece.tokens.length;
    return { start, end: this.#length };
  }
}
