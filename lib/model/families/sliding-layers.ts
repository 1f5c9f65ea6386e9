import type { JsonObject } from '../../util/json.ts';
import type { ModelConfig } from '../config.ts';
import type { ConfigReader } from './config-reader.ts';

const sliding = 'sliding_attention';
/** "attention" is an older name. */
const known = ['full_attention', 'attention', sliding];

/**
 * Which layers `layer_types` lets slide; undefined when it is absent or null. Throws ASTARPO_CONFIG for another type of layer and
 * for a list of another length.
 */
export function readSlidingLayers(config: ConfigReader, layers: number): boolean[] | undefined {
  if (!config.has('layer_types')) return undefined;
  const types = config.value('layer_types');
  if (!Array.isArray(types)) throw config.bad('layer_types', 'a list with the type of every layer');
  for (const type of types) {
    if (!known.includes(type)) throw config.bad('layer_types', `"full_attention" or "${sliding}" in every layer`, type);
  }
  if (types.length !== layers) throw config.bad('layer_types', `a list of num_hidden_layers (${layers}) types`, types.length);
  return types.map((type) => type === sliding);
}

/**
 * The window of every layer: of those that `layer_types` lets slide or, where that is absent and `window` is not null, of those
 * that `slides` picks. Empty when no layer slides. A layer that slides without a window is refused, as transformers fails on it.
 */
export function readWindows(config: ConfigReader, layers: number, window: number | null, slides: (layer: number) => boolean): number[] {
  // Bounded, because the number of layers is checked only later.
  const derived = () => Array.from({ length: Math.min(layers, 1e5) }, (_, layer) => window !== null && slides(layer));
  const marks = readSlidingLayers(config, layers) ?? derived();
  if (!marks.includes(true)) return [];
  if (window === null) {
    throw config.bad('layer_types', `without "${sliding}", as sliding_window is not set or not used`, config.value('layer_types'));
  }
  if (!Number.isSafeInteger(window) || window < 1) throw config.bad('sliding_window', 'a positive integer or null', window);
  return marks.map((mark) => (mark ? window : 0));
}

/** `layer_types` of a model, also of one in which no layer slides. */
export function writeLayerTypes({ layers, windows }: ModelConfig): JsonObject {
  return { layer_types: Array.from({ length: layers }, (_, layer) => ((windows[layer] ?? 0) > 0 ? sliding : 'full_attention')) };
}

/** The first window there is: the architectures have one width for all layers that slide. */
export function commonWindow(config: ModelConfig): number | null {
  return config.windows.find((window) => window > 0) ?? null;
}
