import type { ModelConfig } from '../../lib/model/config.ts';
import { linearNames } from '../../lib/model/lora/settings.ts';
import type { JsonObject } from '../../lib/util/json.ts';
import { deriveSeed, Rng } from '../../lib/util/rng.ts';

/** Fields of PEFT's LoraConfig, drawn: rank, alpha, scale, and which modules, in each of the forms that PEFT takes. */
export function randomAdapter({ layers }: ModelConfig, seed: number): JsonObject {
  const rng = new Rng(deriveSeed('random adapter', seed));
  const some = rng.shuffle([...linearNames]).slice(0, 1 + rng.integer(linearNames.length));
  const last = layers - 1;
  const targets = [
    { target_modules: 'all-linear' },
    { target_modules: some },
    { target_modules: `.*layers\\.${last}\\..*(q|down)_proj` },
    { target_modules: some, layers_to_transform: [last] },
    { target_modules: [...linearNames], rank_pattern: { q_proj: 3, [`layers.${last}.mlp.up_proj`]: 1 }, alpha_pattern: { o_proj: 5 } },
  ];
  return { r: rng.pick([1, 2, 4, 7, 16]), lora_alpha: rng.pick([1, 3, 8, 16]), use_rslora: rng.uniform() < 0.3, ...rng.pick(targets) };
}
