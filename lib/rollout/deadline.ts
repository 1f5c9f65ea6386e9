import { abortWith } from '../util/on-abort.ts';

/** A signal that fires with another one or after a time; `end` lets go of both. */
export class Deadline {
  readonly signal: AbortSignal;
  readonly end: () => void;
  /** Whether the time was up first. */
  passed = false;

  constructor(outer: AbortSignal | undefined, ms: number | undefined) {
    if (ms === undefined && outer !== undefined) {
      this.signal = outer;
      this.end = () => undefined;
      return;
    }
    const controller = new AbortController();
    this.signal = controller.signal;
    const stopListening = abortWith(controller, outer);
    const expire = () => {
      this.passed = !controller.signal.aborted;
      controller.abort();
    };
    const timer = ms === undefined ? undefined : setTimeout(expire, ms);
    this.end = () => {
      stopListening();
      clearTimeout(timer);
    };
  }
}
