import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isAStarPOError } from '../../lib/errors.ts';
import { modelConfig } from '../../lib/model/config.ts';
import { readPeftConfig } from '../../lib/model/lora/peft-config.ts';
import { fullMatch, suffixMatch } from '../../lib/model/lora/python-pattern.ts';
import { selectModules } from '../../lib/model/lora/targets.ts';
import type { JsonObject } from '../../lib/util/json.ts';

interface Golden {
  readonly shape: Record<string, number>;
  readonly qwen2: readonly TargetCase[];
  readonly qwen3: readonly TargetCase[];
}

interface TargetCase {
  readonly config: JsonObject;
  /** What PEFT adapts: [rank, scale]; null: it refuses. */
  readonly modules: Readonly<Record<string, readonly [number, number]>> | null;
}

const golden = JSON.parse(readFileSync(new URL('../golden/lora/targets.json', import.meta.url), 'utf8')) as Golden;
const { shape } = golden;
const count = (name: string) => shape[name] as number;

const config = (qkNorm: boolean) =>
  modelConfig({
    architecture: qkNorm ? 'Qwen3ForCausalLM' : 'Qwen2ForCausalLM',
    vocabSize: count('vocab_size'),
    hiddenSize: count('hidden_size'),
    intermediateSize: count('intermediate_size'),
    layers: count('num_hidden_layers'),
    heads: count('num_attention_heads'),
    kvHeads: count('num_key_value_heads'),
    headDim: count('head_dim'),
    qkNorm,
  });

/** What this library adapts for a configuration of PEFT; null when it refuses. */
function chosen(peft: JsonObject, qkNorm: boolean): TargetCase['modules'] {
  try {
    const { modules, refused } = selectModules(
      readPeftConfig({ peft_type: 'LORA', ...peft }, 'adapter_config.json').settings,
      config(qkNorm),
    );
    if (refused.length > 0 || modules.length === 0) return null;
    return Object.fromEntries(modules.map(({ module, rank, scale }) => [module, [rank, scale]]));
  } catch (error) {
    if (error instanceof SyntaxError || isAStarPOError(error, 'ASTARPO_ADAPTER')) return null;
    throw error;
  }
}

describe.each(['qwen2', 'qwen3'] as const)('adapted modules of a %s model', (family) => {
  it.each(golden[family].map((each) => [JSON.stringify(each.config), each] as const))('are those of PEFT for %s', (_, each) => {
    expect(chosen(each.config, family === 'qwen3')).toEqual(each.modules);
  });
});

describe('patterns of Python', () => {
  const name = 'model.layers.10.self_attn.q_proj';
  it.each([
    ['.*q_proj', true],
    ['q_proj', false],
    ['(?P<part>.*)_proj', true],
    ['(?i).*Q_PROJ', true],
    ['(?#comment).*', true],
    ['\\Amodel.*\\Z', true],
    ['.*[]x_]proj', true],
    ['.{,10}', false],
    ['.{,100}', true],
  ])('%s', (pattern, expected) => {
    expect(fullMatch(pattern).test(name)).toBe(expected);
  });

  it.each(['(', '*', '(?x) a', '(?>a)', '(a)(?(1)b)', '\\q', '(.)\\1', 'a)(b', '\\'])('refuses %s', (pattern) => {
    expect(() => fullMatch(pattern)).toThrow(SyntaxError);
  });

  it('match a name from a dot on', () => {
    expect(suffixMatch('q_proj').test(name)).toBe(true);
    expect(suffixMatch('_proj').test(name)).toBe(false);
    expect(suffixMatch('^model.layers.10.self_attn.q_proj').test(name)).toBe(true);
    expect(suffixMatch('layers.1.*').test('model.layers.2.self_attn.q_proj')).toBe(false);
  });
});
