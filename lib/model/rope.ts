/**
 * Rotary position embedding: which pair of a head turns by how much per position. Formulas are those of
 * transformers' `modeling_rope_utils.py`, rounded to fp32 where it rounds, because a frequency that is off by one
 * part in a million has turned by a visible angle after a hundred thousand positions.
 */

type Stretched = {
  /** Base of the frequencies. */
  readonly theta: number;
  /** How many times longer the stretched context is. */
  readonly factor: number;
};

/** How the frequencies of the pairs follow from their base. */
export type Rope =
  | { readonly type: 'default'; readonly theta: number }
  | (Stretched & { readonly type: 'linear' })
  | (Stretched & {
      readonly type: 'llama3';
      /** Waves longer than `originalMaxPositions / lowFreqFactor` are stretched by the whole factor. */
      readonly lowFreqFactor: number;
      /** Waves shorter than `originalMaxPositions / highFreqFactor` are left alone. */
      readonly highFreqFactor: number;
      /** Context of the original training, in tokens. */
      readonly originalMaxPositions: number;
    })
  | (Stretched & {
      readonly type: 'yarn';
      /** Context of the original training, in tokens. */
      readonly originalMaxPositions: number;
      /** Pairs that turn more often than this over the original context are left alone. */
      readonly betaFast: number;
      /** Pairs that turn less often than this are stretched by the whole factor. */
      readonly betaSlow: number;
      /** Whether the two borders are widened to whole pairs. */
      readonly truncate: boolean;
      /** Cosines and sines are multiplied by it, so attention logits by its square. */
      readonly attentionFactor: number;
    });

export const ropeTypes = ['default', 'linear', 'llama3', 'yarn'] as const satisfies readonly Rope['type'][];

/** Radians per position of every rotated pair: fp32, [headDim / 2]. */
export function ropeFrequencies(rope: Rope, headDim: number): Float32Array {
  const periods = pairPeriods(rope.theta, headDim);
  switch (rope.type) {
    case 'default':
      return periods.map((period) => 1 / period);
    case 'linear':
      return periods.map((period) => f32(1 / period) / f32(rope.factor));
    case 'llama3':
      return periods.map((period) => llama3Frequency(rope, f32(1 / period)));
    case 'yarn':
      return yarnFrequencies(rope, periods, headDim);
  }
}

/** What cosines and sines are multiplied by. */
export function ropeScale(rope: Rope): number {
  return rope.type === 'yarn' ? rope.attentionFactor : 1;
}

/** YaRN's attention factor where a model does not give one: 0.1 · ln(factor) + 1, or the ratio of two such terms. */
export function yarnAttentionFactor(factor: number, mscale?: number, mscaleAllDim?: number): number {
  const term = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  return mscale && mscaleAllDim ? term(mscale) / term(mscaleAllDim) : term(1);
}

const f32 = Math.fround;

/** θ^(2i / headDim): positions per radian of pair i. */
function pairPeriods(theta: number, headDim: number): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, i) => f32(theta) ** f32((2 * i) / headDim));
}

function llama3Frequency(rope: Rope & { type: 'llama3' }, frequency: number): number {
  const { lowFreqFactor, highFreqFactor, originalMaxPositions } = rope;
  // A number over a tensor is the tensor's reciprocal times the number in torch.
  const wavelength = f32(f32(1 / frequency) * f32(2 * Math.PI));
  const shortest = f32(originalMaxPositions / highFreqFactor);
  const longest = f32(originalMaxPositions / lowFreqFactor);
  const stretched = f32(frequency / f32(rope.factor));
  if (wavelength > longest) return stretched;
  if (wavelength < shortest) return frequency;
  const turns = f32(f32(1 / wavelength) * f32(originalMaxPositions));
  const smooth = f32(f32(turns - f32(lowFreqFactor)) / f32(highFreqFactor - lowFreqFactor));
  return f32(f32(f32(1 - smooth) * frequency) / f32(rope.factor)) + f32(smooth * frequency);
}

function yarnFrequencies(rope: Rope & { type: 'yarn' }, periods: Float32Array, headDim: number): Float32Array {
  const [low, high] = yarnRange(rope, headDim);
  const width = low === high ? 0.001 : high - low;
  return periods.map((period, i) => {
    const ramp = Math.min(1, Math.max(0, f32(f32(i - f32(low)) / f32(width))));
    const kept = f32(1 - ramp);
    const interpolated = f32(1 / f32(f32(rope.factor) * period));
    return f32(interpolated * f32(1 - kept)) + f32(f32(1 / period) * kept);
  });
}

/** The pairs between which YaRN goes over from keeping a frequency to stretching it. */
function yarnRange(rope: Rope & { type: 'yarn' }, headDim: number): [number, number] {
  const pairOf = (turns: number) => (headDim * Math.log(rope.originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(rope.theta));
  const [fast, slow] = [pairOf(rope.betaFast), pairOf(rope.betaSlow)];
  const [low, high] = rope.truncate ? [Math.floor(fast), Math.ceil(slow)] : [fast, slow];
  return [Math.max(low, 0), Math.min(high, headDim - 1)];
}
