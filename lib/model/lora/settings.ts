/** What an adapter is, apart from its numbers: the part of PEFT's LoraConfig that is built here, under the names of this library. */
export interface LoraSettings {
  /** Rows of A, columns of B. */
  readonly rank: number;
  /** The product B·A is scaled by alpha / rank, or by alpha / √rank with `useRslora`. */
  readonly alpha: number;
  /** Share of a module's inputs that an adapter does not see in training passes; from 0 to below 1. */
  readonly dropout: number;
  /** Names that a module's name equals or ends with (from a dot on), or one regular expression (Python's) for whole names. */
  readonly targetModules: readonly string[] | string;
  /** The same for modules to leave out. */
  readonly excludeModules: readonly string[] | string;
  /** Layers to adapt, from 0; empty: all. Only with a list of names. */
  readonly layers: readonly number[];
  /** How the list of layers is called in module names; empty: whatever precedes the first number. */
  readonly layersPattern: readonly string[];
  /** Ranks and alphas of modules whose name or its end matches a pattern; the first that matches counts. */
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** Rank-stabilised scale (Kalajdzievski 2023, arXiv:2312.03732). */
  readonly useRslora: boolean;
}

/** One linear module's adapter: A is [rank, in], B is [out, rank]. */
export interface AdapterModule {
  /** 'model.layers.0.self_attn.q_proj' */
  readonly module: string;
  readonly in: number;
  readonly out: number;
  readonly rank: number;
  readonly alpha: number;
  /** alpha / rank, or alpha / √rank. */
  readonly scale: number;
}

/** The seven linear modules of a decoder layer: what PEFT calls 'all-linear' in the models that the decoder runs. */
export const linearNames = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;

/** PEFT's own defaults; the rank does not move alpha. */
export const defaultSettings: LoraSettings = {
  rank: 8,
  alpha: 8,
  dropout: 0,
  targetModules: linearNames,
  excludeModules: [],
  layers: [],
  layersPattern: [],
  rankPattern: {},
  alphaPattern: {},
  useRslora: false,
};

/** PEFT compares the word without regard to case. */
export function isAllLinear(targetModules: unknown): boolean {
  return typeof targetModules === 'string' && targetModules.toLowerCase() === 'all-linear';
}
