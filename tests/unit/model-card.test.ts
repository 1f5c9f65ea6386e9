import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CardSubject, isOwnCard, type ModelCard, renderModelCard } from '../../lib/model/model-card.ts';
import { layoutSafetensors, storedBytes, type TensorPlan } from '../../lib/model/safetensors.ts';
import { planShards, weightIndex } from '../../lib/model/weight-shards.ts';

const subject: CardSubject = { kind: 'model', name: 'mine', base: undefined, steps: 0, facts: { Weights: 'bfloat16' } };

describe('a model card', () => {
  it('says what was given, in the order of a reader', () => {
    const card: ModelCard = {
      objective: 'A*-PO, beta2 0.001',
      steps: 120,
      data: 'WebShop | train',
      settings: { 'learning rate': 1e-6, batch: 64 },
      results: { success: '85.8 % [82.0, 88.9] of 400 tasks' },
      notes: 'Trained on one GPU.',
      license: 'apache-2.0',
      tags: ['agents'],
    };
    const base = { id: 'org/base', commit: 'c'.repeat(40) };
    expect(renderModelCard(card, { ...subject, base })).toBe(`---
library_name: transformers
pipeline_tag: text-generation
base_model: "org/base"
base_model_relation: finetune
license: "apache-2.0"
tags:
  - "astar-po"
  - "agents"
---

<!-- written by astar-po -->

# mine

A language model trained with astar-po.

## Training

| | |
| --- | --- |
| Base model | org/base, commit cccccccccccccccccccccccccccccccccccccccc |
| Weights | bfloat16 |
| Objective | A*-PO, beta2 0.001 |
| Optimizer steps | 120 |
| Data | WebShop \\| train |
| Software | ${/astar-po [\d.]+, Node [\d.]+/.exec(renderModelCard({}, subject))?.[0]} |

## Settings

| setting | value |
| --- | --- |
| learning rate | 0.000001 |
| batch | 64 |

## Results

| measure | value |
| --- | --- |
| success | 85.8 % [82.0, 88.9] of 400 tasks |

Trained on one GPU.
`);
  });

  it('invents nothing', () => {
    const text = renderModelCard({}, subject);
    expect(text).not.toMatch(/base_model|license|Objective|steps|Data|Hardware|Settings|Results|undefined|trained|Training/);
    expect(isOwnCard(text)).toBe(true);
    expect(isOwnCard('# my own words')).toBe(false);
  });

  it('of an adapter is PEFT’s', () => {
    expect(renderModelCard({}, { ...subject, steps: 7 })).toContain('| Optimizer steps | 7 |');
    const text = renderModelCard({ baseModel: 'org/other' }, { ...subject, kind: 'adapter' });
    expect(text).toMatch(/library_name: peft\n.*\nbase_model: "org\/other"\nbase_model_relation: adapter/);
    expect(text).toContain('| Base model | org/other |');
  });

  it('refuses what it does not know', () => {
    const misspelt = { objectve: 'x' } as ModelCard;
    expect(() => renderModelCard(misspelt, subject)).toThrow(expect.objectContaining({ code: 'ASTARPO_UNKNOWN_OPTION' }));
    expect(() => renderModelCard('text' as unknown as ModelCard, subject)).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
  });
});

describe('shards', () => {
  const plans = fc.uniqueArray(
    fc.record({
      name: fc.string({ minLength: 1, maxLength: 8 }).filter((name) => !name.startsWith('__')),
      dtype: fc.constantFrom('F32', 'BF16', 'F16') as fc.Arbitrary<TensorPlan['dtype']>,
      shape: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
    }),
    { selector: ({ name }) => name, minLength: 1, maxLength: 12 },
  );

  it('hold every tensor once, in order, within the limit', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 400 }), (tensors, limit) => {
        const shards = planShards(tensors, limit);
        expect(shards.flatMap((shard) => shard.tensors)).toEqual(tensors);
        for (const shard of shards) {
          const bytes = shard.tensors.reduce((sum, tensor) => sum + storedBytes(tensor), 0);
          expect(bytes <= limit || shard.tensors.length === 1).toBe(true);
        }
        const { weight_map: map, metadata } = weightIndex(shards) as {
          weight_map: Record<string, string>;
          metadata: { total_size: number };
        };
        expect(Object.keys(map).sort()).toEqual(tensors.map(({ name }) => name).sort());
        const data = shards.map(({ tensors: own }) => layoutSafetensors(own)).map(({ fileSize, header }) => fileSize - header.length);
        expect(metadata.total_size).toBe(data.reduce((sum, bytes) => sum + bytes, 0));
      }),
    );
  });

  it('have the names that transformers gives them', () => {
    const tensors = ['a', 'b', 'c'].map((name) => ({ name, dtype: 'F32' as const, shape: [10] }));
    expect(planShards(tensors, 80).map(({ fileName }) => fileName)).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ]);
    expect(planShards(tensors, 120).map(({ fileName }) => fileName)).toEqual(['model.safetensors']);
  });
});
