import type { JsonObject } from '../../util/json.ts';
import type { ModelConfig } from '../config.ts';
import type { ConfigReader } from './config-reader.ts';
import type { DecoderDefaults } from './decoder-keys.ts';
import { commonWindow, readWindows, writeLayerTypes } from './sliding-layers.ts';

/** What Qwen2 and Qwen3 have in common. */
export const qwenDefaults: DecoderDefaults = {
  vocab_size: 151_936,
  hidden_size: 4096,
  intermediate_size: 22_016,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  max_position_embeddings: 32_768,
  eos_token_id: null,
};

/** `sliding_window` counts only with `use_sliding_window`; without `layer_types` the layers from `max_window_layers` on slide. */
export function readQwenWindows(config: ConfigReader, layers: number): number[] {
  const given = config.numberOrNull('sliding_window', 4096);
  const window = config.boolean('use_sliding_window', false) ? given : null;
  const firstSliding = config.number('max_window_layers', 28);
  return readWindows(config, layers, window, (layer) => layer >= firstSliding);
}

export function writeQwenWindows(config: ModelConfig): JsonObject {
  const window = commonWindow(config);
  if (window === null) return { use_sliding_window: false, sliding_window: null, max_window_layers: config.layers };
  const first = config.windows.findIndex((width) => width > 0);
  return { use_sliding_window: true, sliding_window: window, max_window_layers: first, ...writeLayerTypes(config) };
}
