let survives = false;

/**
 * From now on a write beyond the limit on file sizes (`ulimit -f`) fails with EFBIG, like one to a full disk. Without this the
 * operating system ends the process.
 */
export function surviveFileSizeLimit(): void {
  if (survives) return;
  survives = true;
  process.on('SIGXFSZ', () => undefined);
}
