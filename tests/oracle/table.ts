import { type Check, passes } from './checks.ts';

/** One line per check: name, error, limit, verdict, detail. */
export function checkLines(checks: readonly Check[]): string[] {
  const rows = checks.map((check) => [
    check.name,
    digits(check.error),
    digits(check.limit),
    passes(check) ? 'ok' : 'PAST THE LIMIT',
    check.detail,
  ]);
  const table = [['check', 'error', 'limit', '', ''], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map(([name = '', error = '', limit = '', verdict = '', detail = '']) =>
    `  ${name.padEnd(widths[0] ?? 0)}  ${error.padStart(widths[1] ?? 0)}  ${limit.padStart(widths[2] ?? 0)}  ${verdict.padEnd(widths[3] ?? 0)}  ${detail}`.trimEnd(),
  );
}

function digits(value: number): string {
  if (value === 0 || (Number.isInteger(value) && value < 1000)) return String(value);
  return value.toExponential(1);
}
