import pc from 'picocolors';
import { isAStarPOError } from '../errors.ts';

/**
 * Runs long work that Ctrl-C may stop: the first one aborts the signal, so that the work ends at a clean point, and says what
 * happens next; the second kills the process. Exit status 130 after an interrupt.
 */
export async function interruptible(afterwards: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let interrupted = false;
  const onSignal = () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    process.stderr.write(`\n${pc.yellow('Stopping.')} ${afterwards} (Ctrl-C again to stop at once.)\n`);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    await work(controller.signal);
  } catch (error) {
    if (!interrupted || !isAStarPOError(error, 'ASTARPO_ABORTED')) throw error;
    process.exitCode = 130;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
