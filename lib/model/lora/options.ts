import { AStarPOError } from '../../errors.ts';
import { nameHint } from '../../util/nearest-name.ts';
import type { ModelConfig } from '../config.ts';
import { peftNames, unsupportedPeftNames } from './peft-names.ts';
import { type AdapterModule, defaultSettings, isAllLinear, type LoraSettings, linearNames } from './settings.ts';
import { moduleNames, type Selection, selectModules } from './targets.ts';

/** A low-rank adapter (Hu et al. 2021, arXiv:2106.09685) with PEFT's meaning of every option, and its defaults but for `targetModules`. */
export interface LoraOptions {
  /** Rows of A and columns of B; `r` in PEFT. Default 8. */
  readonly rank?: number | undefined;
  /** The update B·A is scaled by alpha / rank. Default 8, whatever the rank, as in PEFT. */
  readonly alpha?: number | undefined;
  /** Share of a module's inputs that the adapter does not see in training passes, drawn from the pass's seed; from 0 to below 1. Default 0. */
  readonly dropout?: number | undefined;
  /**
   * Modules that get an adapter: 'all-linear' (default: q, k, v, o, gate, up, down of every layer), names that a module's name equals or
   * ends with, or a regular expression, as Python spells it, that matches whole names such as 'model.layers.0.self_attn.q_proj'.
   */
  readonly targetModules?: readonly string[] | string | undefined;
  /** Modules to leave out of these, in the same forms. */
  readonly excludeModules?: readonly string[] | string | undefined;
  /** Layers to adapt, counted from 0; default: all. Not with a regular expression, which can say so itself. */
  readonly layers?: readonly number[] | undefined;
  /** Ranks of their own for modules whose name, or its end from a dot on, matches a pattern; the first match counts. */
  readonly rankPattern?: Readonly<Record<string, number>> | undefined;
  /** The same for alpha. */
  readonly alphaPattern?: Readonly<Record<string, number>> | undefined;
  /** Scale by alpha / √rank instead (arXiv:2312.03732). Default false. */
  readonly useRslora?: boolean | undefined;
  /** 64 bits; the same seed draws the same A (Kaiming uniform, as in PEFT). B begins at 0. Default 0n. */
  readonly seed?: bigint | undefined;
}

/** What an adapter with these options will be. */
export interface ResolvedLora {
  readonly settings: LoraSettings;
  readonly seed: bigint;
}

const optionNames: { readonly [K in keyof LoraOptions]-?: true } = {
  ...{ rank: true, alpha: true, dropout: true, targetModules: true, excludeModules: true, layers: true },
  ...{ rankPattern: true, alphaPattern: true, useRslora: true, seed: true },
};

/** Defaults and checks that need no model. Throws ASTARPO_UNKNOWN_OPTION, ASTARPO_OPTION. */
export function resolveLora(options: LoraOptions): ResolvedLora {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw wrong('lora', 'an object of options, {} for the defaults', options);
  }
  for (const name of Object.keys(options)) if (!Object.hasOwn(optionNames, name)) throw unknownOption(name);
  const { rank = 8, alpha = 8, dropout = 0, targetModules = linearNames, excludeModules = [], layers = [] } = options;
  const { rankPattern = {}, alphaPattern = {}, useRslora = false, seed = 0n } = options;
  checkRank('lora.rank', rank);
  checkAlpha('lora.alpha', alpha);
  if (!(typeof dropout === 'number' && dropout >= 0 && dropout < 1)) throw wrong('lora.dropout', 'a number from 0 to below 1', dropout);
  checkNames('lora.targetModules', targetModules, 1);
  checkNames('lora.excludeModules', excludeModules, 0);
  if (!(Array.isArray(layers) && layers.every((layer) => Number.isSafeInteger(layer) && layer >= 0))) {
    throw wrong('lora.layers', 'a list of layer numbers, counted from 0', layers);
  }
  const byPattern = typeof targetModules === 'string' && !isAllLinear(targetModules);
  if (byPattern && layers.length > 0) {
    throw new AStarPOError('ASTARPO_OPTION', 'expected lora.layers without a regular expression for lora.targetModules, got both', {
      hint: 'put the layers into the expression, or give targetModules as a list of names',
    });
  }
  checkPatterns('lora.rankPattern', rankPattern, checkRank);
  checkPatterns('lora.alphaPattern', alphaPattern, checkAlpha);
  if (typeof useRslora !== 'boolean') throw wrong('lora.useRslora', 'true or false', useRslora);
  if (typeof seed !== 'bigint' || BigInt.asUintN(64, seed) !== seed) throw wrong('lora.seed', 'a bigint of 64 bits', String(seed));
  const settings: LoraSettings = {
    ...defaultSettings,
    ...{ rank, alpha, dropout, excludeModules, layers, rankPattern, alphaPattern, useRslora },
    targetModules: isAllLinear(targetModules) ? linearNames : targetModules,
  };
  return { settings, seed };
}

/**
 * The modules that options choose in a model. Throws ASTARPO_OPTION, naming the nearest name, for anything in them that chooses
 * nothing: it must not be ignored.
 */
export function planLora(settings: LoraSettings, config: ModelConfig): readonly AdapterModule[] {
  const { modules, refused } = select(settings, config);
  const [first] = refused;
  if (first !== undefined) {
    throw new AStarPOError(
      'ASTARPO_OPTION',
      `expected lora.targetModules to choose linear modules of the layers, got ${first} among them`,
      {
        hint: `embedding, head and norms have no adapters here; linear modules: ${linearNames.join(', ')}`,
      },
    );
  }
  const known = moduleNames(config);
  for (const name of ['targetModules', 'excludeModules'] as const) {
    const wanted = settings[name];
    for (const each of typeof wanted === 'string' ? [] : wanted) {
      if (!known.some((module) => module === each || module.endsWith(`.${each}`))) throw choosesNothing(name, each);
    }
  }
  const tooHigh = settings.layers.find((layer) => layer >= config.layers);
  if (tooHigh !== undefined) throw wrong('lora.layers', `layers below ${config.layers}`, tooHigh);
  if (modules.length === 0) throw choosesNothing('targetModules', String(settings.targetModules));
  for (const name of ['rankPattern', 'alphaPattern'] as const) {
    for (const pattern of Object.keys(settings[name])) {
      const alone = { ...settings, rank: 0, alpha: 0, rankPattern: {}, alphaPattern: {}, [name]: { [pattern]: 1 } };
      const hit = select(alone, config).modules.some(({ rank, alpha }) => (name === 'rankPattern' ? rank : alpha) === 1);
      if (!hit) throw choosesNothing(name, pattern, 'modules that get an adapter');
    }
  }
  return modules;
}

/** The modules that an adapter of these options has in a model. Throws ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION. */
export function adapterModules(options: LoraOptions, config: ModelConfig): readonly AdapterModule[] {
  return planLora(resolveLora(options).settings, config);
}

function select(settings: LoraSettings, config: ModelConfig): Selection {
  try {
    return selectModules(settings, config);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new AStarPOError(
      'ASTARPO_OPTION',
      `expected patterns in lora that Python’s re and JavaScript share, got one where ${error.message}`,
      {
        hint: 'lists of module names need no pattern',
        cause: error,
      },
    );
  }
}

function choosesNothing(option: string, value: string, modules = 'modules of the model'): AStarPOError {
  return new AStarPOError('ASTARPO_OPTION', `expected lora.${option} to name ${modules}, got ${JSON.stringify(value)}, which names none`, {
    hint: nameHint(value.slice(value.lastIndexOf('.') + 1), linearNames, 'linear modules'),
  });
}

/** PEFT's spelling gets the name it has here; what is not built says so. */
function unknownOption(name: string): AStarPOError {
  const peft = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const own = peftNames.get(peft);
  const hint = unsupportedPeftNames.has(peft)
    ? `${peft} of PEFT is not supported here: plain LoRA on the linear modules of the layers is`
    : own !== undefined
      ? `it is called ${own} here`
      : nameHint(name, Object.keys(optionNames), 'options');
  return new AStarPOError('ASTARPO_UNKNOWN_OPTION', `unknown option ${name} of lora`, { hint });
}

function checkRank(name: string, value: unknown): void {
  if (!(typeof value === 'number' && Number.isSafeInteger(value) && value >= 1)) throw wrong(name, 'a positive integer', value);
}

function checkAlpha(name: string, value: unknown): void {
  if (!(typeof value === 'number' && Number.isFinite(value) && value > 0)) throw wrong(name, 'a positive number', value);
}

function checkNames(name: string, value: unknown, least: number): void {
  const isName = (each: unknown) => typeof each === 'string' && each !== '';
  if (Array.isArray(value) ? value.length >= least && value.every(isName) : isName(value)) return;
  throw wrong(name, 'a list of module names or one regular expression', value);
}

function checkPatterns(name: string, value: unknown, check: (name: string, value: unknown) => void): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object from pattern to number', value);
  for (const [pattern, each] of Object.entries(value)) check(`${name}[${JSON.stringify(pattern)}]`, each);
}

function wrong(name: string, expected: string, value: unknown): AStarPOError {
  const shown = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return new AStarPOError('ASTARPO_OPTION', `expected ${name} to be ${expected}, got ${shown}`);
}
