import type { Value } from './values.ts';

/** Names of one block, with those of the blocks around it behind them. */
export class Scope {
  readonly #values = new Map<string, Value>();
  readonly #parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.#parent = parent;
  }

  /** Undefined for a name that no block has. */
  get(name: string): Value | undefined {
    return this.#values.has(name) ? (this.#values.get(name) as Value) : this.#parent?.get(name);
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}
