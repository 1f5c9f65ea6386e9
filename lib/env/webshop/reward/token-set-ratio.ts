import { byCodePoint } from '../python/python-text.ts';

/**
 * How alike two texts are as sets of words, 0 to 100: with I the shared words, a = I and the rest of the first, b = I and the rest of the
 * second (each part sorted), the best ratio of (I, a), (I, b) and (a, b). The ratio of two strings is 2·M / (sum of lengths) with M the
 * characters in matching blocks, found as Ratcliff and Obershelp do (longest block first, then on both sides of it).
 */
export function tokenSetRatio(first: string, second: string): number {
  const left = wordsOf(first);
  const right = wordsOf(second);
  if (left === undefined || right === undefined) return 0;
  const shared = sorted([...left].filter((word) => right.has(word)));
  const a = joined(shared, sorted([...left].filter((word) => !right.has(word))));
  const b = joined(shared, sorted([...right].filter((word) => !left.has(word))));
  return Math.max(ratio(shared, a), ratio(shared, b), ratio(a, b));
}

/** The distinct words of a text; undefined when nothing is left of it. Characters U+0080-U+00FF are dropped, not transliterated. */
function wordsOf(text: string): Set<string> | undefined {
  const words = text
    .replace(/[\u0080-\u00ff]/g, '')
    .replace(/[^\p{L}\p{N}_]/gu, ' ')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return words.length === 0 ? undefined : new Set(words);
}

function sorted(words: string[]): string {
  return words.sort(byCodePoint).join(' ');
}

function joined(shared: string, rest: string): string {
  return shared === '' || rest === '' ? shared + rest : `${shared} ${rest}`;
}

function ratio(x: string, y: string): number {
  if (x === y) return 100;
  if (x === '' || y === '') return 0;
  const a = [...x];
  const b = [...y];
  // Divided first, as Python does it: 46/80 times 100 is then below 57.5 and rounds down.
  return roundHalfEven(100 * ((2 * matchingCharacters(a, b)) / (a.length + b.length)));
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** From this length on, characters that make up more than a hundredth of the second text start no block. */
const popularFrom = 200;

function matchingCharacters(a: readonly string[], b: readonly string[]): number {
  const places = new Map<string, number[]>();
  b.forEach((character, j) => {
    const known = places.get(character);
    if (known === undefined) places.set(character, [j]);
    else known.push(j);
  });
  if (b.length >= popularFrom) {
    const limit = Math.floor(b.length / 100) + 1;
    for (const [character, at] of places) if (at.length > limit) places.delete(character);
  }
  let total = 0;
  const open: [number, number, number, number][] = [[0, a.length, 0, b.length]];
  for (let area = open.pop(); area !== undefined; area = open.pop()) {
    const [aLow, aHigh, bLow, bHigh] = area;
    const block = longestBlock(a, b, places, area);
    if (block.length === 0) continue;
    total += block.length;
    if (aLow < block.a && bLow < block.b) open.push([aLow, block.a, bLow, block.b]);
    if (block.a + block.length < aHigh && block.b + block.length < bHigh) {
      open.push([block.a + block.length, aHigh, block.b + block.length, bHigh]);
    }
  }
  return total;
}

/** The longest common block inside an area, earliest in `a` and then in `b` among equals, then grown over popular characters. */
function longestBlock(
  a: readonly string[],
  b: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
  [aLow, aHigh, bLow, bHigh]: readonly [number, number, number, number],
): { a: number; b: number; length: number } {
  let bestA = aLow;
  let bestB = bLow;
  let length = 0;
  let endingAt = new Map<number, number>();
  for (let i = aLow; i < aHigh; i++) {
    const next = new Map<number, number>();
    for (const j of places.get(a[i] as string) ?? []) {
      if (j < bLow) continue;
      if (j >= bHigh) break;
      const run = (endingAt.get(j - 1) ?? 0) + 1;
      next.set(j, run);
      if (run > length) {
        bestA = i - run + 1;
        bestB = j - run + 1;
        length = run;
      }
    }
    endingAt = next;
  }
  while (bestA > aLow && bestB > bLow && a[bestA - 1] === b[bestB - 1]) {
    bestA--;
    bestB--;
    length++;
  }
  while (bestA + length < aHigh && bestB + length < bHigh && a[bestA + length] === b[bestB + length]) length++;
  return { a: bestA, b: bestB, length };
}
