import type { JsonObject } from '../../util/json.ts';
import type { ModelConfig } from '../config.ts';
import type { ConfigReader } from './config-reader.ts';

/** What a layer is called in `layer_types`; "attention" is an older name. */
const full = ['full_attention', 'attention'];
const sliding = 'sliding_attention';

/**
 * The window of every layer from `layer_types`, or from `slides` where that is absent or null. Empty when no layer slides.
 * `window` is null when the model has none; a layer that slides all the same is refused, as transformers fails on it.
 */
export function readWindows(config: ConfigReader, layers: number, window: number | null, slides: (layer: number) => boolean): number[] {
  const types = config.has('layer_types') ? readLayerTypes(config, layers) : undefined;
  const isSliding = types === undefined ? (layer: number) => window !== null && slides(layer) : (layer: number) => types[layer] === sliding;
  // Bounded, because `layers` is checked only later.
  const marks = types?.map((_, layer) => isSliding(layer)) ?? Array.from({ length: Math.min(layers, 1e5) }, (_, layer) => isSliding(layer));
  if (!marks.includes(true)) return [];
  if (window === null) {
    throw config.bad('layer_types', `without "${sliding}", as sliding_window is not set or not used`, config.value('layer_types'));
  }
  if (!Number.isSafeInteger(window) || window < 1) throw config.bad('sliding_window', 'a positive integer or null', window);
  return marks.map((mark) => (mark ? window : 0));
}

/** The keys of `readWindows` for a model in which some layers slide. */
export function writeLayerTypes(config: ModelConfig): JsonObject {
  return { layer_types: config.windows.map((window) => (window > 0 ? sliding : 'full_attention')) };
}

/** The first window there is: the architectures have one width for all layers that slide. */
export function commonWindow(config: ModelConfig): number | null {
  return config.windows.find((window) => window > 0) ?? null;
}

function readLayerTypes(config: ConfigReader, layers: number): string[] {
  const types = config.value('layer_types');
  if (!Array.isArray(types)) throw config.bad('layer_types', 'a list with the type of every layer');
  for (const type of types) {
    if (typeof type === 'string' && (type === sliding || full.includes(type))) continue;
    throw config.bad('layer_types', `"full_attention" or "${sliding}" in every layer`, type);
  }
  if (types.length !== layers) throw config.bad('layer_types', `a list of num_hidden_layers (${layers}) types`, types.length);
  return types as string[];
}
