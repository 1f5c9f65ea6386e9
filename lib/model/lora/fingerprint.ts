import { createHash } from 'node:crypto';
import type { NativeModel } from '../native-model.ts';

/** Values of each tensor that are looked at, from its middle on: what trains a matrix moves them all. */
const samples = 64;

/**
 * A mark of the base that an adapter belongs to, in hex: SHA-256 over some values of every tensor of the layers. They are rounded to
 * bfloat16 first, so that a base is recognised in whatever dtype it was loaded.
 */
export async function baseFingerprint(model: NativeModel): Promise<string> {
  const hash = createHash('sha256');
  for (const { name, shape } of model.tensors().filter(({ name }) => name.startsWith('model.layers.'))) {
    const begin = Math.floor(shape.reduce((product, n) => product * n, 1) / 2);
    const values = await model.readTensor(name, begin, Math.min(samples, begin));
    hash.update(`${name} ${shape.join('x')} `).update(roundToBfloat16(values));
  }
  return hash.digest('hex');
}

/** To the nearest, ties to even, as loading does; finite values only. */
function roundToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
}
