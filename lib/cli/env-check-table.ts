import pc from 'picocolors';
import { percent } from '../log/console.ts';
import { visibleText } from '../report/visible.ts';
import type { Interval } from '../util/statistics.ts';
import type { CheckReport } from '../webshop/check/check-report.ts';
import type { PlayerResult } from '../webshop/check/player-check.ts';

/** A report for people; the last line says whether the check passed. `name`: what was checked. */
export function checkTable(report: CheckReport, name: string): string {
  const { products, splits, scripted, random, perfect, observations, faults, warnings, passed, seconds } = report;
  const goals = Object.entries(splits).map(([split, count]) => `${split} ${grouped(count)}`);
  const { longest, budget, count } = observations;
  const lines: (readonly [string, string])[] = [
    ['shop', `${name}: ${grouped(products)} products; goals: ${goals.join(', ')}`],
    ['spoken to as', `${describe(report.environment.config.style)}, layout ${String(report.environment.config.layout)}`],
    ['', `${'score'.padEnd(24)}${'success'.padEnd(28)}${'turns'.padEnd(8)}possible actions`],
    ['scripted shopper', playerLine(scripted)],
    ['random player', playerLine(random)],
    ['best purchases', bestLine(perfect)],
    ['played twice', twiceLine(report)],
    [
      'observations',
      `${grouped(count)}, the longest of ${grouped(longest.characters)} characters (at most ${grouped(budget)}): ${longest.where}`,
    ],
    ['known figures', knownLine(report)],
  ];
  const width = Math.max(...lines.map(([what]) => what.length));
  return [
    ...lines.map(([what, text]) => `${pc.bold(what.padEnd(width))}  ${visibleText(text)}`),
    ...warnings.map((text) => `${pc.yellow('warning')}  ${visibleText(text)}`),
    ...faults.map((text) => `${pc.red('fault')}  ${visibleText(text)}`),
    passed
      ? pc.green(`passed, ${scripted.episodes} goals of split ${report.split} in ${seconds.toFixed(1)} s`)
      : pc.red(`failed: ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`),
    '',
  ].join('\n');
}

function playerLine({ score, scoreInterval, success, successInterval, turns, validRate }: PlayerResult): string {
  const rate = `${percent(success)} ${interval(successInterval, (value) => (value * 100).toFixed(1))}`;
  return [
    `${score.toFixed(3)} ${interval(scoreInterval, (value) => value.toFixed(3))}`.padEnd(24),
    rate.padEnd(28),
    turns.toFixed(1).padEnd(8),
    percent(validRate),
  ].join('');
}

function bestLine({ goals, solved, unreachable, differing }: CheckReport['perfect']): string {
  const others = [
    ...(unreachable.length === 0 ? [] : [`${unreachable.length} not reached`]),
    ...(differing.length === 0 ? [] : [`${differing.length} paid otherwise than the rules say`]),
  ];
  return [`${grouped(solved)} of ${grouped(goals)} goals can be solved`, ...others].join(', ');
}

function twiceLine({ determinism: { episodes, environments, difference } }: CheckReport): string {
  const where = environments === 2 ? 'in two environments' : 'in one environment';
  return `${episodes} episodes ${where}, one by one and interleaved: ${difference === undefined ? 'identical' : 'different'}`;
}

function knownLine({ sanity: { status, known } }: CheckReport): string {
  if (known === undefined) return 'none for this catalogue';
  if (status === 'agrees') return `as known of ${known.name}`;
  if (status === 'differs') return `not as known of ${known.name}`;
  return `not compared: those of ${known.name} are of other settings`;
}

function describe(style: unknown): string {
  return typeof style === 'object' && style !== null && 'name' in style ? `style ${String(style.name)}` : 'a style';
}

function interval({ lo, hi }: Interval, text: (value: number) => string): string {
  return `[${text(lo)}, ${text(hi)}]`;
}

function grouped(count: number): string {
  return count.toLocaleString('en');
}
