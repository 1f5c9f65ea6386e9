import { AStarPOError } from '../errors.ts';

/** Ids as the native side takes them. Throws ASTARPO_TOKEN_RANGE, naming the first id that is no token of the vocabulary. */
export function toTokenIds(ids: Int32Array | readonly number[], vocabSize: number): Int32Array {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (id === undefined || !Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw new AStarPOError('ASTARPO_TOKEN_RANGE', `expected token ids from 0 to ${vocabSize - 1}, got ${id} at position ${i}`, {
        hint: 'encode text with the tokenizer that belongs to this model',
      });
    }
  }
  return ids instanceof Int32Array ? ids : Int32Array.from(ids);
}
