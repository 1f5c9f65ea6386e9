const period = 5;

/** How late a 5 ms timer fires while `work` runs, in milliseconds: what everything else in the process feels of it. */
export async function timerLateness(work: () => Promise<unknown>): Promise<number[]> {
  const late: number[] = [];
  let due = performance.now() + period;
  let timer: NodeJS.Timeout;
  const tick = () => {
    const now = performance.now();
    late.push(Math.max(0, now - due));
    due = now + period;
    timer = setTimeout(tick, period);
  };
  timer = setTimeout(tick, period);
  await work();
  clearTimeout(timer);
  // A timer that never fired was late by the whole work.
  late.push(Math.max(0, performance.now() - due));
  return late;
}
