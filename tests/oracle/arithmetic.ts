/** Sums and differences in float64 over float32 arrays of up to a billion elements: plain loops, no copies. */

export function norm(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2;
  return Math.sqrt(sum);
}

export function rootMeanSquare(values: Float32Array): number {
  return norm(values) / Math.sqrt(values.length);
}

/** ‖a − b‖. */
export function distance(a: Float32Array, b: Float32Array): number {
  checkLengths(a, b);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return Math.sqrt(sum);
}

export function rmsDifference(a: Float32Array, b: Float32Array): number {
  return distance(a, b) / Math.sqrt(a.length);
}

/** The largest |a − b| and where it is; infinite as soon as one difference is not a number, which no comparison would notice. */
export function largestDifference(a: Float32Array, b: Float32Array): { readonly value: number; readonly index: number } {
  checkLengths(a, b);
  let value = 0;
  let index = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    if (Number.isNaN(difference)) return { value: Number.POSITIVE_INFINITY, index: i };
    if (difference > value) {
      value = difference;
      index = i;
    }
  }
  return { value, index };
}

/** Log-softmax of one row of logits, read at `token`. */
export function logProbability(row: Float32Array, token: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) largest = Math.max(largest, row[i] as number);
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += Math.exp((row[i] as number) - largest);
  return (row[token] as number) - largest - Math.log(sum);
}

function checkLengths(a: Float32Array, b: Float32Array): void {
  if (a.length !== b.length) throw new Error(`expected as many values on both sides, got ${a.length} and ${b.length}`);
}
