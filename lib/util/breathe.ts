/** A thread that has worked for so long lets others have a turn. */
const longestStretch = 10;
/** How many go on at once then: steps of an environment take from 20 microseconds to a few milliseconds. */
const together = 16;

let pausedAt = performance.now();
const waiting: (() => void)[] = [];

/**
 * Lets timers, sockets and worker threads have their turn when this thread has gone without a pause for 10 ms: promises that never wait
 * for anything outside keep all else from running, and thousands of episodes are enough for seconds of that. Those that pause go on in
 * the order that they came in.
 */
export async function breathe(): Promise<void> {
  if (waiting.length === 0 && performance.now() - pausedAt < longestStretch) return;
  await new Promise<void>((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(goOn);
  });
}

function goOn(): void {
  pausedAt = performance.now();
  for (const resolve of waiting.splice(0, together)) resolve();
  if (waiting.length > 0) setImmediate(goOn);
}
