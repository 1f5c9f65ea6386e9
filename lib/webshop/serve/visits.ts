import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Outcome, Session } from '../../env/webshop/shop/session.ts';
import type { WebShopTask } from '../../env/webshop/webshop-env.ts';

/** An action in the words of an agent, and what it did. */
export interface PlayedAction {
  readonly action: string;
  readonly outcome: Outcome;
}

/** One goal that a person plays. */
export interface Visit {
  readonly task: WebShopTask;
  readonly split: string;
  /** Of the goal in its split. */
  readonly place: number;
  readonly session: Session;
  /** The latest; see `maxLogged`. */
  readonly log: PlayedAction[];
  /** How many actions there were; a form of an older page names a smaller number. */
  count: number;
  /** Said once on the next page. */
  notice: string | undefined;
}

const maxLogged = 200;

/** Does an action in a visit and notes it. */
export function act(visit: Visit, action: string): Outcome {
  const outcome = visit.session.act(action);
  visit.count++;
  visit.log.push({ action, outcome });
  if (visit.log.length > maxLogged) visit.log.shift();
  return outcome;
}

/**
 * The visits of all browsers, in memory; the one that was not used for longest goes when there are too many. A browser is known by a
 * random name in a cookie, and nothing is kept for one that has not begun to play.
 */
export class Visits {
  readonly #limit: number;
  readonly #visits = new Map<string, Visit>();
  readonly #secret = randomBytes(32);

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#visits.size;
  }

  get(name: string): Visit | undefined {
    const visit = this.#visits.get(name);
    if (visit !== undefined) this.set(name, visit);
    return visit;
  }

  set(name: string, visit: Visit): void {
    this.#visits.delete(name);
    this.#visits.set(name, visit);
    const [oldest] = this.#visits.keys();
    if (this.#visits.size > this.#limit && oldest !== undefined) this.#visits.delete(oldest);
  }

  newName(): string {
    return randomBytes(16).toString('hex');
  }

  /** What forms of this browser must send along: another site cannot know it. */
  token(name: string): string {
    return createHmac('sha256', this.#secret).update(name).digest('hex');
  }

  isToken(name: string, token: string): boolean {
    const expected = Buffer.from(this.token(name));
    const given = Buffer.from(token);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}
