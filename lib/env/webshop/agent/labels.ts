/** A label such as `Action:`. */
export interface Label {
  readonly labelStart: number;
  /** Where what it names begins. */
  readonly start: number;
}

const labels = {
  action: /(?<!\p{L})action[ \t*]*:\**/giu,
  thought: /(?<!\p{L})thought[ \t*]*:\**/giu,
} as const;

/** All labels of a name, in any case, asterisks of Markdown behind them included. */
export function labelled(text: string, name: keyof typeof labels): Label[] {
  return Array.from(text.matchAll(labels[name]), (match) => ({ labelStart: match.index, start: match.index + match[0].length }));
}
