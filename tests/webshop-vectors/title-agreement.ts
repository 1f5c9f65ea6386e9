import type { NounTable } from '../../lib/env/webshop/titles/noun-table.ts';
import { titleScore } from '../../lib/env/webshop/titles/title-score.ts';
import { openTitles, titleTaggers } from '../../lib/env/webshop/titles/title-tagger.ts';

/** A recorded purchase with the title score that the original's tagger gave it. */
export interface RecordedTitle {
  readonly goalTitle: string;
  readonly score: number;
  /** Whether the goal's own product was bought. */
  readonly self: boolean;
}

/** Title scores of the original's own tests, which allow a difference of 0.01. */
const publishedScores = [
  {
    goal: 'Mens D.O.N. Issue 2 Gca Basketball Sneakers Shoes Casual - Off White',
    bought: 'PEAK High Top Mens Basketball Shoes Lou Williams Streetball Master Breathable Non Slip Outdoor Sneakers',
    score: '0.333',
  },
  ...[
    { end: ' Home Theater System Subwoofer', score: '0.300' },
    { end: '', score: '0.150' },
  ].map(({ end, score }) => ({
    goal: `Saireed UL Listed 2 Prong Power Cord for JBL Bar 3.1 Bar 2.1 Channel 4K Ultra HD Soundbar${end}`,
    bought: 'BRST AC Power Cord Outlet Socket Cable Plug Lead for Panasonic SC-HT830V DVD/VCR Combo Home Theater System',
    score,
  })),
  {
    goal: 'Rusticware 921ORB Kitchen and Bath Cabinet Knob',
    bought: 'Minkissy 2pcs Stainless Steel Eyebrow Tweezers Blackhead Acne Remover Portable Makeup Tweezers (Silver)',
    score: '< 0.05',
  },
] as const;

/** Names the nouns of a title, where it can. */
type Names = (title: string) => readonly string[] | undefined;

/**
 * A table of how far each tagger agrees with recorded scores. A recorded score is a count of shared nouns over the goal's nouns, so the
 * number of nouns that a tagger finds either fits it or is some words off. `table`: nouns named beforehand, to compare as well.
 */
export function titleAgreement(records: readonly RecordedTitle[], table?: NounTable): string[] {
  const taggers = titleTaggers.map((name) => openTitles(name)).map(({ name, nouns }): [string, Names] => [name, nouns]);
  if (table !== undefined) taggers.push([`${table.head.model}, ${table.head.tagger}`, (title) => table.nounsOf(title)]);
  const selves = records.filter(({ self }) => self);
  const recorded = [...selves.map(({ score }) => score.toFixed(3)), ...publishedScores.map(({ score }) => score)];
  const rows = taggers.map(([name, names]) => {
    const off = records.flatMap(({ goalTitle, score }) => {
      const nouns = names(goalTitle);
      return nouns === undefined ? [] : [wordsOff(nouns.length, score)];
    });
    const fits = `${off.filter((words) => words === 0).length} of ${off.length}`;
    const pairs = [
      ...selves.map(({ goalTitle }) => [goalTitle, goalTitle] as const),
      ...publishedScores.map(({ bought, goal }) => [bought, goal] as const),
    ];
    return [
      name,
      fits,
      `${off.reduce((sum, words) => sum + words, 0)}`,
      ...pairs.map(([bought, goal]) => scoreText(names(bought), names(goal))),
    ];
  });
  const itself = selves.map(() => 'itself');
  const head = ['title nouns by', 'fitting', 'words off', ...itself, ...publishedScores.map((_, i) => `pair ${i + 1}`)];
  return aligned([head, ['the original', `${records.length}`, '0', ...recorded], ...rows]);
}

/** From a number of nouns to the nearest one that a score can be a share of; infinite where no title has so many. */
function wordsOff(nouns: number, score: number): number {
  for (let off = 0; off < mostNouns; off++) {
    if ([nouns - off, nouns + off].some((count) => count > 0 && isWhole(score * count))) return off;
  }
  return Number.POSITIVE_INFINITY;
}

const mostNouns = 1000;

function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-9;
}

function scoreText(bought: readonly string[] | undefined, goal: readonly string[] | undefined): string {
  return bought === undefined || goal === undefined ? '-' : titleScore(bought, goal).toFixed(3);
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
