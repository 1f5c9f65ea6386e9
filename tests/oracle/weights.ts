/**
 * Random-looking weights from integers alone: the same bit for bit as python/weights.py makes, so that golden files need not store
 * them. Element i is k · 2^e with an integer k of at most seven bits, which float32, bfloat16 and float16 hold exactly.
 */
export function drawWeights(seed: number, name: string, shape: readonly number[]): Float32Array {
  const key = hashText(`${seed}/${name}`);
  const length = shape.reduce((product, n) => product * n, 1);
  if (name.includes('norm')) return Float32Array.from({ length }, (_, i) => (64 + (hashInteger(key, i) >>> 25)) / 128);
  const unit = 2 ** exponent(name, shape);
  return Float32Array.from({ length }, (_, i) => (2 * (hashInteger(key, i) >>> 25) - 127) * unit);
}

/** About 1.2 / sqrt(inputs) for a layer's matrix, twice that for the embedding and the head. */
function exponent(name: string, shape: readonly number[]): number {
  const inputs = shape[1];
  if (inputs === undefined) return -8;
  const half = Math.floor((32 - Math.clz32(inputs)) / 2);
  return name.includes('embed_tokens') || name.includes('lm_head') ? -5 - half : -6 - half;
}

/** FNV-1a, 32 bits, over UTF-8 (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hashText(text: string): number {
  let value = 2166136261;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 16777619);
  return value;
}

/** Multiplied by an odd number, then MurmurHash3's finaliser. */
function hashInteger(key: number, i: number): number {
  let x = Math.imul(i, 2654435761) ^ key;
  x = Math.imul(x ^ (x >>> 16), 2246822507);
  x = Math.imul(x ^ (x >>> 13), 3266489909);
  return x ^ (x >>> 16);
}
