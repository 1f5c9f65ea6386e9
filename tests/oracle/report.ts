import type { ModelConfig } from '../../lib/model/config.ts';
import { type Check, passes } from './checks.ts';
import type { Comparison } from './compare.ts';
import { type Status, status } from './trouble.ts';

/** A table; of a drawn configuration that passes one line only, and of one that does not also the configuration itself. */
export function reportLines(result: Comparison, config: ModelConfig, drawn: boolean): string[] {
  const verdicts: Record<Status, string> = { 0: 'within the limits', 1: 'PAST THE LIMITS', 2: 'REFUSED', 3: 'NOT COMPARED' };
  const head = `${result.label}: ${describe(config)}`;
  if (drawn && result.status === status.withinLimits) return [`${head}: ok, ${worst(result.checks)}`];
  const lines = [`${head}, ${(result.parameters / 1e6).toFixed(2)} million parameters`];
  if (drawn) lines.push(result.text.trimEnd());
  if (result.checks.length > 0) {
    const rows = result.lengths.reduce((sum, length) => sum + length - 1, 0);
    const sequences = `sequences of ${result.lengths.join(', ')} tokens: ${rows} rows`;
    lines.push(`  ${sequences}; root mean square of the logits ${result.logitsRms.toFixed(2)}`, ...windowLines(result, config));
    lines.push(...checkLines(result.checks));
  }
  if (result.message !== '') lines.push(`  ${result.message}`);
  return [...lines, `  ${verdicts[result.status]}`];
}

function windowLines({ lengths }: Comparison, { windows }: ModelConfig): string[] {
  const narrowest = Math.min(...windows.filter((window) => window > 0));
  if (narrowest === Number.POSITIVE_INFINITY || narrowest < Math.max(...lengths)) return [];
  return [`  no sequence is longer than the window of ${narrowest}, which therefore was not compared: give --lengths`];
}

function describe(config: ModelConfig): string {
  const { architecture, layers, hiddenSize, heads, kvHeads, headDim, vocabSize, rope, windows, tiedHead } = config;
  const window = Math.max(0, ...windows);
  const extras = [rope.type === 'default' ? '' : `, rope ${rope.type}`, window > 0 ? `, window ${window}` : '', tiedHead ? ', tied' : ''];
  return `${architecture} ${layers} × ${hiddenSize}, ${heads}/${kvHeads} heads of ${headDim}, vocabulary ${vocabSize}${extras.join('')}`;
}

/** The check that used most of its limit. */
function worst(checks: readonly Check[]): string {
  const measured = checks.filter(({ limit }) => limit > 0).map(({ name, error, limit }) => ({ name, part: error / limit }));
  const most = measured.reduce((a, b) => (b.part > a.part ? b : a), { name: 'no check', part: 0 });
  return `at most ${Math.round(100 * most.part)} % of a limit (${most.name})`;
}

/** One line per check: name, error, limit, verdict, detail. */
function checkLines(checks: readonly Check[]): string[] {
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
