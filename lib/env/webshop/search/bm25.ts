const f = Math.fround;
const k1 = f(0.9);
const b = f(0.4);

/*
 * BM25 (Robertson and Zaragoza 2009) as Lucene computes it: k1 0.9, b 0.4, no factor (k1 + 1), document lengths of one byte, every step in
 * float32. A term that occurs `frequency` times in a document adds weight - weight / (1 + frequency · inverseNorm).
 */

/** What is left of a document's length after Lucene stores it in one byte: exact up to 40, then four significant bits above 24. */
export function storedLength(length: number): number {
  const exact = 24;
  if (length < exact) return length;
  const rest = length - exact;
  const bits = 32 - Math.clz32(rest);
  if (bits < 4) return length;
  const shift = bits - 4;
  return exact + ((rest >>> shift) << shift);
}

/** What a document of this stored length multiplies term frequencies by; `average` is the mean number of terms, in float32. */
export function inverseNorm(length: number, average: number): number {
  return f(1 / f(k1 * f(f(1 - b) + f(f(b * length) / average))));
}

/** Weight of a query term that occurs `count` times in the query and in `inDocuments` of `documents` documents. */
export function termWeight(count: number, inDocuments: number, documents: number): number {
  return f(f(count) * f(Math.log(1 + (documents - inDocuments + 0.5) / (inDocuments + 0.5))));
}

/** What a term's score depends on besides its weight: 1 + `frequency` · `norm`. */
export function termPart(frequency: number, norm: number): number {
  return f(1 + f(frequency * norm));
}

/**
 * What one term adds to a document's score; the sum over terms runs in doubles and is rounded to float32 at its end. Never falls when the
 * part rises, since every step rounds to nearest.
 */
export function termScore(weight: number, part: number): number {
  return f(weight - f(weight / part));
}
