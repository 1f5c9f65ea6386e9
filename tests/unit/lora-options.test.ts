import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AStarPOError, type ErrorCode } from '../../lib/errors.ts';
import { modelConfig } from '../../lib/model/config.ts';
import { type LoraOptions, planLora, resolveLora } from '../../lib/model/lora/options.ts';
import { readPeftConfig, writePeftConfig } from '../../lib/model/lora/peft-config.ts';
import { selectModules } from '../../lib/model/lora/targets.ts';
import type { JsonObject } from '../../lib/util/json.ts';

const config = modelConfig({ vocabSize: 64, hiddenSize: 24, layers: 3, heads: 3, kvHeads: 1, headDim: 8, intermediateSize: 40 });
const plan = (options: LoraOptions) => planLora(resolveLora(options).settings, config);

function failure(work: () => unknown): { code: ErrorCode; text: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof AStarPOError) return { code: error.code, text: error.message };
    throw error;
  }
  throw new Error('expected an error');
}

describe('LoRA options', () => {
  it('default to rank 8 and alpha 8 on every linear module of the layers', () => {
    const modules = plan({});
    expect(modules).toHaveLength(21);
    expect(modules[0]).toEqual({ module: 'model.layers.0.self_attn.q_proj', in: 24, out: 24, rank: 8, alpha: 8, scale: 1 });
    expect(modules.find(({ module }) => module.endsWith('2.self_attn.v_proj'))).toMatchObject({ in: 24, out: 8 });
    expect(modules.find(({ module }) => module.endsWith('1.mlp.down_proj'))).toMatchObject({ in: 40, out: 24 });
    expect(resolveLora({}).seed).toBe(0n);
    expect(resolveLora({}).settings.dropout).toBe(0);
  });

  it('scale by alpha / rank or by alpha / √rank, each module by its patterns', () => {
    expect(plan({ rank: 16, alpha: 32 })[0]?.scale).toBe(2);
    expect(plan({ rank: 16, alpha: 32, useRslora: true })[0]?.scale).toBe(8);
    const own = plan({
      targetModules: ['q_proj', 'v_proj'],
      layers: [1, 2],
      rankPattern: { 'layers.1.*': 2 },
      alphaPattern: { v_proj: 4 },
    });
    expect(own.map(({ module, rank, alpha }) => [module.replace('model.layers.', ''), rank, alpha])).toEqual([
      ['1.self_attn.q_proj', 2, 8],
      ['1.self_attn.v_proj', 2, 4],
      ['2.self_attn.q_proj', 8, 8],
      ['2.self_attn.v_proj', 8, 4],
    ]);
  });

  it.each<[LoraOptions, string]>([
    [{ rank: 0 }, 'lora.rank'],
    [{ rank: 1.5 }, 'lora.rank'],
    [{ rank: '8' as unknown as number }, 'lora.rank'],
    [{ alpha: 0 }, 'lora.alpha'],
    [{ alpha: Number.NaN }, 'lora.alpha'],
    [{ dropout: 1 }, 'lora.dropout'],
    [{ dropout: -0.1 }, 'lora.dropout'],
    [{ targetModules: [] }, 'lora.targetModules'],
    [{ targetModules: [''] }, 'lora.targetModules'],
    [{ layers: [-1] }, 'lora.layers'],
    [{ layers: [3] }, 'lora.layers'],
    [{ layers: [0], targetModules: '.*q_proj' }, 'lora.layers'],
    [{ rankPattern: { q_proj: 0 } }, 'lora.rankPattern'],
    [{ alphaPattern: [] as unknown as Record<string, number> }, 'lora.alphaPattern'],
    [{ useRslora: 1 as unknown as boolean }, 'lora.useRslora'],
    [{ seed: -1n }, 'lora.seed'],
    [{ targetModules: '(.*' }, 'patterns'],
    [{ targetModules: ['lm_head'] }, 'lm_head'],
    [{ targetModules: ['q_proj', 'embed_tokens'] }, 'embed_tokens'],
    [{ targetModules: '.*' }, 'lora.targetModules'],
    [{ targetModules: 'q_proj' }, 'q_proj'],
    [{ rankPattern: { qq_proj: 4 } }, 'did you mean q_proj?'],
    [{ layers: [0], rankPattern: { 'layers.1.mlp.up_proj': 4 } }, 'modules that get an adapter'],
    [{ alphaPattern: { proj: 4 } }, 'lora.alphaPattern'],
    [{ targetModules: ['q_prj'] }, 'did you mean q_proj?'],
    [{ excludeModules: ['donw_proj'] }, 'did you mean down_proj?'],
    [[] as unknown as LoraOptions, 'lora'],
  ])('refuse %o', (options, text) => {
    const error = failure(() => plan(options));
    expect(error.code).toBe('ASTARPO_OPTION');
    expect(error.text).toContain(text);
  });

  it.each([
    [{ rnak: 8 }, 'did you mean rank?'],
    [{ r: 8 }, 'it is called rank here'],
    [{ lora_alpha: 8 }, 'it is called alpha here'],
    [{ loraDropout: 0 }, 'it is called dropout here'],
    [{ use_dora: true }, 'use_dora of PEFT is not supported'],
    [{ modulesToSave: ['lm_head'] }, 'modules_to_save of PEFT is not supported'],
  ])('do not know %o', (options, hint) => {
    const error = failure(() => resolveLora(options as LoraOptions));
    expect(error.code).toBe('ASTARPO_UNKNOWN_OPTION');
    expect(error.text).toContain(hint);
  });

  it('may leave out the head, which has no adapter anyway', () => {
    expect(plan({ excludeModules: ['lm_head', 'down_proj'] })).toHaveLength(18);
  });
});

describe('adapter_config.json', () => {
  const read = (json: JsonObject) => readPeftConfig({ peft_type: 'LORA', ...json }, '/some/adapter_config.json');

  it.each<LoraOptions>([
    {},
    {
      rank: 4,
      alpha: 32,
      dropout: 0.1,
      targetModules: ['q_proj', 'mlp.up_proj'],
      excludeModules: ['layers.1.mlp.up_proj'],
      layers: [1, 2],
    },
    { targetModules: '.*\\.(q|k)_proj', rankPattern: { q_proj: 2 }, alphaPattern: { k_proj: 3 }, useRslora: true },
  ])('keeps the settings of %o', (options) => {
    const { settings } = resolveLora(options);
    expect(read(writePeftConfig({ settings, base: 'Qwen/Qwen3-0.6B', revision: 'main' }))).toEqual({
      settings,
      base: 'Qwen/Qwen3-0.6B',
      revision: 'main',
    });
  });

  it.each<[JsonObject, string]>([
    [{ peft_type: 'LOHA' }, 'peft_type'],
    [{ task_type: 'SEQ_CLS' }, 'task_type'],
    [{ use_dora: true }, 'use_dora'],
    [{ bias: 'all' }, 'bias'],
    [{ modules_to_save: ['lm_head'] }, 'modules_to_save'],
    [{ lora_bias: true }, 'lora_bias'],
    [{ layer_replication: [[0, 2]] }, 'layer_replication'],
    [{ trainable_token_indices: [1] }, 'trainable_token_indices'],
    [{ target_parameters: ['experts.gate'] }, 'target_parameters'],
    [{ init_lora_weights: 'pissa' }, 'init_lora_weights'],
    [{ init_lora_weights: 'olora' }, 'init_lora_weights'],
    [{ fan_in_fan_out: true }, 'fan_in_fan_out'],
    [{ velora_config: { num_groups: 4 } }, 'velora_config'],
    [{ a_later_feature: { depth: 1 } }, 'a_later_feature'],
    [{ r: 0 }, 'expected r'],
    [{ r: 'eight' }, 'expected r'],
    [{ lora_alpha: null, lora_dropout: 1 }, 'lora_dropout'],
    [{ target_modules: 3 }, 'target_modules'],
    [{ rank_pattern: { q_proj: 1.5 } }, 'rank_pattern'],
    [{ layers_to_transform: ['one'] }, 'layers_to_transform'],
    [{ use_rslora: 1 }, 'use_rslora'],
  ])('with %o is refused, naming file and key', (json, key) => {
    const error = failure(() => read(json));
    expect(error.code).toBe('ASTARPO_ADAPTER');
    expect(error.text).toContain('/some/adapter_config.json');
    expect(error.text).toContain(key);
  });

  it('of any contents is read or refused by name, never anything else', () => {
    const known = ['r', 'lora_alpha', 'lora_dropout', 'target_modules', 'exclude_modules', 'layers_to_transform', 'layers_pattern'];
    const others = [
      'rank_pattern',
      'alpha_pattern',
      'use_rslora',
      'bias',
      'use_dora',
      'init_lora_weights',
      'task_type',
      'revision',
      '__proto__',
    ];
    const config = fc.dictionary(fc.oneof(fc.constantFrom(...known, ...others), fc.string()), fc.jsonValue({ maxDepth: 2 }));
    fc.assert(
      fc.property(config, (json) => {
        try {
          selectModules(read(json as JsonObject).settings, modelConfig({ vocabSize: 8, hiddenSize: 8, layers: 2, heads: 2 }));
        } catch (error) {
          // A pattern that is none: loading an adapter words it.
          if (error instanceof SyntaxError) return;
          expect(error).toMatchObject({ code: 'ASTARPO_ADAPTER', message: expect.stringContaining('/some/adapter_config.json') });
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('may have keys of later versions that ask for nothing', () => {
    const json = { some_later_config: null, use_something: false, its_group_size: 16, its_mode: 'fast', its_list: [], its_table: {} };
    expect(read(json).settings.rank).toBe(8);
  });
});
