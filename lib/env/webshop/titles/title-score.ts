/** Distinct shared nouns over the goal's nouns with repeats, so an identical title can score below 1; 0.2 for a goal without nouns. */
export function titleScore(bought: readonly string[], wanted: readonly string[]): number {
  if (wanted.length === 0) return 0.2;
  const names = new Set(wanted);
  return [...new Set(bought)].filter((noun) => names.has(noun)).length / wanted.length;
}
