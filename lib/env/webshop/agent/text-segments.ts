import { separator } from '../pages/full-text.ts';

/** The texts of a page of the layout `full` that follow its instruction; undefined where it does not stand in the page. */
export function afterInstruction(page: string, instruction: string): string[] | undefined {
  const segments = page.split(separator);
  const place = segments.indexOf(instruction);
  return place < 0 ? undefined : segments.slice(place + 1);
}

/** Whether a text has more characters than that, counted as Python counts them. */
export function isLonger(text: string, limit: number): boolean {
  return text.length > limit && [...text].length > limit;
}

export function joinSegments(segments: readonly string[]): string {
  return segments.join(separator);
}
