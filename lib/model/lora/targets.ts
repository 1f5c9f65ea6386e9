import type { ModelConfig } from '../config.ts';
import { fullMatch, suffixMatch, toJavaScript } from './python-pattern.ts';
import type { AdapterModule, LoraSettings } from './settings.ts';

/** A weight matrix [out, in] of a layer. */
export interface LinearModule {
  readonly module: string;
  readonly in: number;
  readonly out: number;
}

/** Every linear module that can have an adapter, in the order of the layers. */
export function linearModules(config: ModelConfig): LinearModule[] {
  const { hiddenSize, intermediateSize, layers, heads, kvHeads, headDim } = config;
  const [queries, keys] = [heads * headDim, kvHeads * headDim];
  const perLayer = [
    { module: 'self_attn.q_proj', in: hiddenSize, out: queries },
    { module: 'self_attn.k_proj', in: hiddenSize, out: keys },
    { module: 'self_attn.v_proj', in: hiddenSize, out: keys },
    { module: 'self_attn.o_proj', in: queries, out: hiddenSize },
    { module: 'mlp.gate_proj', in: hiddenSize, out: intermediateSize },
    { module: 'mlp.up_proj', in: hiddenSize, out: intermediateSize },
    { module: 'mlp.down_proj', in: intermediateSize, out: hiddenSize },
  ];
  return Array.from({ length: layers }, (_, layer) =>
    perLayer.map((linear) => ({ ...linear, module: `model.layers.${layer}.${linear.module}` })),
  ).flat();
}

/** Modules that a pattern can name though they have no adapter here: containers, norms, the embedding and the head. */
function otherModules(config: ModelConfig): string[] {
  const parts = ['self_attn', 'mlp', 'mlp.act_fn', 'input_layernorm', 'post_attention_layernorm'];
  if (config.qkNorm) parts.push('self_attn.q_norm', 'self_attn.k_norm');
  const layers = Array.from({ length: config.layers }, (_, layer) => `model.layers.${layer}`);
  return [
    ...['model', 'model.embed_tokens', 'model.layers', 'model.norm', 'model.rotary_emb', 'lm_head'],
    ...layers.flatMap((layer) => [layer, ...parts.map((part) => `${layer}.${part}`)]),
  ];
}

/** Every module that a name can mean. */
export function moduleNames(config: ModelConfig): string[] {
  return [...otherModules(config), ...linearModules(config).map(({ module }) => module)];
}

/** Whether PEFT would adapt the module of this name (its `check_target_module_exists`). Throws a SyntaxError for a bad pattern. */
export function isTarget(settings: LoraSettings, name: string): boolean {
  if (matches(settings.excludeModules, name)) return false;
  const { targetModules, layers } = settings;
  if (!matches(targetModules, name)) return false;
  // PEFT restricts names that are ends of the module's name to the layers, not patterns and not whole names.
  if (typeof targetModules === 'string' || targetModules.includes(name) || layers.length === 0) return true;
  const layer = layerOf(settings.layersPattern, name);
  return layer !== undefined && layers.includes(layer);
}

function matches(wanted: readonly string[] | string, name: string): boolean {
  if (typeof wanted === 'string') return wanted !== '' && fullMatch(wanted).test(name);
  return wanted.some((each) => name === each || name.endsWith(`.${each}`));
}

function layerOf(patterns: readonly string[], name: string): number | undefined {
  const forms = patterns.length === 0 ? ['.*?\\.[^.]*'] : patterns.map((pattern) => `(?:|.*?\\.)${toJavaScript(pattern)}`);
  const found = forms.map((form) => new RegExp(`^${form}\\.(\\d+)\\.`).exec(name)).find((match) => match !== null);
  return found === undefined ? undefined : Number(found.at(-1));
}

export interface Selection {
  readonly modules: readonly AdapterModule[];
  /** Modules that the settings name and that cannot have an adapter. */
  readonly refused: readonly string[];
}

/** The modules that the settings choose in a model, each with its rank and scale. Throws a SyntaxError for a bad pattern. */
export function selectModules(settings: LoraSettings, config: ModelConfig): Selection {
  const { rank, alpha, rankPattern, alphaPattern, useRslora } = settings;
  const ranks = patternLookup(rankPattern, rank);
  const alphas = patternLookup(alphaPattern, alpha);
  const modules = linearModules(config)
    .filter(({ module }) => isTarget(settings, module))
    .map((linear) => {
      const [ownRank, ownAlpha] = [ranks(linear.module), alphas(linear.module)];
      return { ...linear, rank: ownRank, alpha: ownAlpha, scale: ownAlpha / (useRslora ? Math.sqrt(ownRank) : ownRank) };
    });
  return { modules, refused: otherModules(config).filter((name) => isTarget(settings, name)) };
}

function patternLookup(patterns: Readonly<Record<string, number>>, fallback: number): (name: string) => number {
  const compiled = Object.entries(patterns).map(([pattern, value]) => [suffixMatch(pattern), value] as const);
  return (name) => compiled.find(([pattern]) => pattern.test(name))?.[1] ?? fallback;
}
