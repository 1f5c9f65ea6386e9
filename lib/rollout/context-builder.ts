import type { StepResult } from '../env/environment.ts';
import type { Context, Turn } from './trajectory.ts';

/**
 * One growing token sequence with its mask and log-probs. A token's mask is set here, when the token is born, and nowhere else:
 * it is never rebuilt from ids or text.
 */
export class ContextBuilder {
  readonly #tokens: number[] = [];
  readonly #mask: number[] = [];
  readonly #logps: number[] = [];
  readonly #turns: Turn[] = [];

  get length(): number {
    return this.#tokens.length;
  }

  /** Tokens that nobody sampled: prompt, observation, separators. */
  environment(tokens: ArrayLike<number>, text: string): void {
    const start = this.length;
    for (let i = 0; i < tokens.length; i++) this.#push(tokens[i] as number, 0, 0);
    this.#turns.push({ role: 'environment', start, end: this.length, text });
  }

  /** Tokens that the policy sampled, its end-of-turn token included. */
  agent(tokens: ArrayLike<number>, logps: ArrayLike<number>, turn: Pick<Turn, 'text' | 'weightsVersion' | 'view'>): void {
    const start = this.length;
    for (let i = 0; i < tokens.length; i++) this.#push(tokens[i] as number, 1, logps[i] as number);
    this.#turns.push({ role: 'agent', start, end: this.length, ...turn });
  }

  /** What the environment answered to the last agent turn. */
  answered({ reward, rewards, valid, info }: StepResult): void {
    const last = this.#turns.length - 1;
    const told = { ...(rewards === undefined ? {} : { rewards }), ...(info === undefined ? {} : { info }) };
    this.#turns[last] = { ...(this.#turns[last] as Turn), reward, ...told, valid: valid !== false };
  }

  build(): Context {
    return {
      tokens: Int32Array.from(this.#tokens),
      mask: Uint8Array.from(this.#mask),
      logps: Float32Array.from(this.#logps),
      turns: [...this.#turns],
    };
  }

  #push(token: number, mask: 0 | 1, logp: number): void {
    this.#tokens.push(token);
    this.#mask.push(mask);
    this.#logps.push(logp);
  }
}
