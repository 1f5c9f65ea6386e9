import type { PlayedTurn } from './agent-style.ts';

/** A page as it was told, and the first action of the answer; undefined where none was found. */
export interface ToldTurn {
  readonly page: string;
  readonly action: string | undefined;
}

/** The latest turns of an episode, for prompts that begin a new context and tell them again. */
export class ToldTurns {
  readonly #most: number;
  #latest: readonly ToldTurn[] = [];
  #page = '';

  /** `most`: how many are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Oldest first. */
  get latest(): readonly ToldTurn[] {
    return this.#latest;
  }

  /** Takes in the page that is told now, and the turn that led to it. */
  add(page: string, last: PlayedTurn | undefined): void {
    if (last !== undefined) {
      const turns = [...this.#latest, { page: this.#page, action: last.read.actions[0] }];
      this.#latest = turns.slice(Math.max(0, turns.length - this.#most));
    }
    this.#page = page;
  }
}
