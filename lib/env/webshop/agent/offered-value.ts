/** A text on one line, with single blanks. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** What can be clicked by this name: the same text, in any case and with any white space. */
export function offeredValue(named: string, clickables: readonly string[]): string | undefined {
  const lower = named.toLowerCase();
  if (clickables.includes(lower)) return lower;
  const wanted = oneLine(lower);
  return clickables.find((value) => oneLine(value) === wanted);
}
