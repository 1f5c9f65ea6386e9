/** A text on one line, with single blanks. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** A price without `.0`. */
export function shortPrice(priceText: string): string {
  return priceText.replace(/\.0(?!\d)/g, '');
}
