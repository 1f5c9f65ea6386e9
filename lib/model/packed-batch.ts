import { AStarPOError } from '../errors.ts';

/**
 * Sequences laid end to end, no padding: sequence i is tokens[offsets[i] … offsets[i+1]). A *row* is one token with mask 1; its
 * log-prob is read at the position before it, so the first token of a sequence has mask 0. All per-row results have length
 * R = Σ mask, in the order of `tokens`.
 */
export interface PackedBatch {
  /** [N] */
  readonly tokens: Int32Array;
  /** [n + 1]; offsets[0] = 0, offsets[n] = N. */
  readonly offsets: Int32Array;
  /** [N], 0 or 1. */
  readonly mask: Uint8Array;
  /** [n], > 0: logits are divided by it before the softmax. */
  readonly temperature: Float32Array;
}

/** One sequence of a batch: `mask` is 1 on the tokens to be scored. */
export interface MaskedTokens {
  readonly tokens: Int32Array;
  readonly mask: Uint8Array;
}

/**
 * Lays sequences end to end. `temperature`: one for all (default 1), or one per sequence.
 * Throws ASTARPO_BATCH when lengths disagree or a first token is masked in.
 */
export function packBatch(contexts: readonly MaskedTokens[], temperature: number | readonly number[] | Float32Array = 1): PackedBatch {
  if (typeof temperature !== 'number' && temperature.length !== contexts.length) {
    throw new AStarPOError('ASTARPO_BATCH', `expected one temperature per sequence (${contexts.length}), got ${temperature.length}`);
  }
  const offsets = new Int32Array(contexts.length + 1);
  for (const [i, { tokens, mask }] of contexts.entries()) {
    if (tokens.length !== mask.length) {
      throw new AStarPOError(
        'ASTARPO_BATCH',
        `expected tokens and mask of one length, got ${tokens.length} and ${mask.length} in sequence ${i}`,
      );
    }
    if (mask[0] === 1)
      throw new AStarPOError('ASTARPO_BATCH', `expected mask 0 on the first token of sequence ${i}, which nothing predicts; got 1`);
    offsets[i + 1] = (offsets[i] ?? 0) + tokens.length;
  }
  const total = offsets[contexts.length] ?? 0;
  const batch = {
    tokens: new Int32Array(total),
    offsets,
    mask: new Uint8Array(total),
    temperature: typeof temperature === 'number' ? new Float32Array(contexts.length).fill(temperature) : Float32Array.from(temperature),
  };
  for (const [i, { tokens, mask }] of contexts.entries()) {
    batch.tokens.set(tokens, offsets[i]);
    batch.mask.set(mask, offsets[i]);
  }
  return batch;
}

/** Where each sequence's rows begin: [n + 1], the last entry being R. */
export function rowOffsets(batch: PackedBatch): Int32Array {
  const rows = new Int32Array(batch.offsets.length);
  for (let i = 0; i + 1 < batch.offsets.length; i++) {
    let count = 0;
    for (let t = batch.offsets[i] ?? 0; t < (batch.offsets[i + 1] ?? 0); t++) count += batch.mask[t] ?? 0;
    rows[i + 1] = (rows[i] ?? 0) + count;
  }
  return rows;
}

/** R = Σ mask. */
export function countRows(batch: PackedBatch): number {
  let rows = 0;
  for (const bit of batch.mask) rows += bit;
  return rows;
}
