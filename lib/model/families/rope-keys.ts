import type { JsonObject } from '../../util/json.ts';
import { nameHint, nearestName } from '../../util/nearest-name.ts';
import { type Rope, ropeTypes, yarnAttentionFactor } from '../rope.ts';
import type { ConfigReader } from './config-reader.ts';

/** Keys of a rope object that transformers knows, whatever the type. */
const ropeKeys = [
  ...['rope_type', 'type', 'rope_theta', 'factor', 'original_max_position_embeddings', 'partial_rotary_factor'],
  ...['low_freq_factor', 'high_freq_factor', 'attention_factor', 'beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim', 'truncate'],
  ...['short_factor', 'long_factor', 'mrope_section'],
];

/** Without default: transformers refuses a file that lacks one. `original_max_position_embeddings` is max_position_embeddings then. */
const requiredKeys = { linear: ['factor'], llama3: ['factor', 'low_freq_factor', 'high_freq_factor'], yarn: ['factor'] } as const;

/** Types that transformers knows and that are refused, and why. */
const refusedTypes: Readonly<Record<string, string>> = {
  dynamic: 'its frequencies change with the length of a sequence and so contradict keys that were cached earlier: use yarn or linear',
  longrope: 'it changes frequencies with the length of a sequence, which contradicts keys that were cached earlier: use yarn or linear',
  proportional: 'it leaves a part of every head unturned, which the decoder does not do',
  mrope: 'it belongs to models that also see images: take the text-only model',
  axial: 'it belongs to models of images',
};

/**
 * Rotary embedding as transformers 5 reads it from both layouts: `rope_theta` with `rope_scaling`, and `rope_parameters`.
 * `rope_scaling` wins over `rope_parameters`, a `rope_theta` inside the object over the one beside it, an
 * `original_max_position_embeddings` beside it over the one inside. Throws ASTARPO_CONFIG.
 */
export function readRope(config: ConfigReader, maxPositions: number): Rope {
  const section = config.section('rope_scaling') ?? config.section('rope_parameters');
  if (config.has('partial_rotary_factor')) requireWholeHead(config);
  if (section === undefined) return { type: 'default', theta: readTheta(config) };
  if (section.value('partial_rotary_factor') !== undefined) requireWholeHead(section);
  refuseNested(section);
  refuseMisspelt(section);
  const thetaOwner = section.value('rope_theta') === undefined ? config : section;
  const theta = readTheta(thetaOwner);
  const type = readType(section);
  if (type === 'default') return { type, theta };
  for (const key of requiredKeys[type]) {
    if (section.value(key) !== undefined) continue;
    throw section.bad(key, `a number, as rope type ${type} needs`, undefined, 'add it: the original model has one');
  }
  if (type === 'linear') return { type, theta, factor: positive(section, 'factor') };
  const owner = config.value('original_max_position_embeddings') === undefined ? section : config;
  const originalMaxPositions = positive(owner, 'original_max_position_embeddings', maxPositions);
  // YaRN solves for the pair of a given wavelength, which has no answer when all pairs have the same one.
  if (type === 'yarn' && theta === 1) throw thetaOwner.bad('rope_theta', 'another number than 1 for yarn', theta);
  if (type === 'yarn') return readYarn(section, { theta, originalMaxPositions, maxPositions });
  return {
    type,
    theta,
    factor: positive(section, 'factor'),
    lowFreqFactor: positive(section, 'low_freq_factor'),
    highFreqFactor: positive(section, 'high_freq_factor'),
    originalMaxPositions,
  };
}

/** The layout that transformers 4 and 5 and vLLM read. */
export function writeRope(rope: Rope): JsonObject {
  return { rope_theta: rope.theta, rope_scaling: writeScaling(rope) };
}

/** Keys that may hold the rotary settings in a file: what `writeRope` replaces. */
export const ropeFileKeys = ['rope_theta', 'rope_scaling', 'rope_parameters', 'original_max_position_embeddings'] as const;

function writeScaling(rope: Rope): JsonObject | null {
  switch (rope.type) {
    case 'default':
      return null;
    case 'linear':
      return { rope_type: 'linear', factor: rope.factor };
    case 'llama3':
      return {
        rope_type: 'llama3',
        factor: rope.factor,
        low_freq_factor: rope.lowFreqFactor,
        high_freq_factor: rope.highFreqFactor,
        original_max_position_embeddings: rope.originalMaxPositions,
      };
    case 'yarn': {
      const usual = rope.attentionFactor === yarnAttentionFactor(rope.factor);
      return {
        rope_type: 'yarn',
        factor: rope.factor,
        original_max_position_embeddings: rope.originalMaxPositions,
        beta_fast: rope.betaFast,
        beta_slow: rope.betaSlow,
        truncate: rope.truncate,
        ...(usual ? {} : { attention_factor: rope.attentionFactor }),
      };
    }
  }
}

function readType(section: ConfigReader): Rope['type'] {
  const key = section.value('rope_type') === undefined ? 'type' : 'rope_type';
  const type = section.value(key) === undefined ? 'default' : section.value(key);
  const known = ropeTypes.find((name) => name === type);
  if (known !== undefined) return known;
  const expected = `one of ${ropeTypes.map((name) => `"${name}"`).join(', ')}`;
  const name = typeof type === 'string' ? type : '';
  throw section.bad(key, expected, type, refusedTypes[name] ?? nameHint(name, ropeTypes, 'rope types'));
}

function readTheta(owner: ConfigReader): number {
  return positive(owner, 'rope_theta', 10_000);
}

interface YarnContext {
  readonly theta: number;
  readonly originalMaxPositions: number;
  readonly maxPositions: number;
}

function readYarn(section: ConfigReader, { theta, originalMaxPositions, maxPositions }: YarnContext): Rope {
  const factor = section.has('factor') ? positive(section, 'factor') : maxPositions / originalMaxPositions;
  const optional = (key: string) => section.numberOrNull(key, null) ?? undefined;
  const attentionFactor = section.has('attention_factor')
    ? positive(section, 'attention_factor')
    : yarnAttentionFactor(factor, optional('mscale'), optional('mscale_all_dim'));
  return {
    type: 'yarn',
    theta,
    factor,
    originalMaxPositions,
    betaFast: optional('beta_fast') || 32,
    betaSlow: optional('beta_slow') || 1,
    truncate: section.boolean('truncate', true),
    attentionFactor,
  };
}

function positive(owner: ConfigReader, key: string, fallback?: number): number {
  const value = owner.number(key, fallback);
  // Frequencies are computed in fp32, where larger numbers are infinite and smaller ones 0.
  const rounded = Math.fround(value);
  if (!(rounded > 0 && rounded < Number.POSITIVE_INFINITY)) throw owner.bad(key, 'a positive number of ordinary size', value);
  return value;
}

function requireWholeHead(owner: ConfigReader): void {
  const part = owner.value('partial_rotary_factor');
  if (part !== 1) throw owner.bad('partial_rotary_factor', '1: the whole head is rotated', part);
}

/** transformers takes one set of parameters per layer type only in families that are not built here, and misreads it in these. */
function refuseNested(section: ConfigReader): void {
  const nested = Object.keys(section.json).find((key) => {
    const value = section.value(key);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  });
  if (nested === undefined) return;
  throw section.bad(nested, 'no object: one set of rotary parameters for all layers', section.value(nested), 'lift its keys one level up');
}

/** A key that nearly is one that matters would change the model without a word. Quite other keys are ignored, as transformers does. */
function refuseMisspelt(section: ConfigReader): void {
  for (const key of Object.keys(section.json)) {
    if (ropeKeys.includes(key)) continue;
    const near = nearestName(key, ropeKeys);
    if (near !== undefined) throw section.bad(key, 'absent, since it is no rotary parameter', section.value(key), `did you mean ${near}?`);
  }
}
