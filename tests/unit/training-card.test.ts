import { expect, it } from 'vitest';
import { renderModelCard } from '../../lib/model/model-card.ts';
import type { EvaluationRecord } from '../../lib/train/evaluation-record.ts';
import type { TrainerSettings } from '../../lib/train/trainer-options.ts';
import { trainingCard } from '../../lib/train/training-card.ts';

const settings = {
  policy: { device: 'cuda:1', threads: 4 },
  train: { env: { id: 'webshop', version: '3' }, split: 'train', limit: 500 },
  evaluate: { env: { id: 'webshop', version: '3' }, split: 'test' },
  objective: { name: 'astar-po', options: { beta2: 0.001 } },
  vstarOptions: { samples: 8, mode: 'soft', beta: 0.5 },
  rollout: { sampling: { temperature: 0.7, maxTokens: 48 } },
  runFolder: 'runs/first',
  ...{ batchSize: 32, learningRate: 1e-6, lrSchedule: 'cosine', warmupSteps: 5, gradClip: 1, weightDecay: 0, seed: 7n },
} as unknown as TrainerSettings;

const evaluation = (step: number, success: number) =>
  ({
    step,
    result: { success, interval: { lo: success - 0.05, hi: success + 0.05 }, episodes: 100, score: success, rewards: { score: success } },
  }) as unknown as EvaluationRecord;

it('the card of a run says what a reader needs to judge and repeat it', () => {
  const card = trainingCard(settings, 40, [evaluation(0, 0.2), evaluation(20, 0.4), evaluation(40, 0.55)]);
  const text = renderModelCard(card, { kind: 'model', name: 'model', base: undefined, steps: 40, facts: {} });
  for (const line of [
    '# first',
    '| Objective | astar-po {"beta2":0.001} |',
    '| Optimizer steps | 40 |',
    '| Data | webshop 3, split train, 500 tasks, 1280 rollouts |',
    '| Hardware | cuda:1 |',
    '| learningRate | 0.000001 |',
    '| temperature | 0.7 |',
    '| V* samples per task | 8 |',
    '| success on test before training | 20.0 % of 100 tasks [15.0, 25.0], mean return 0.200 |',
    '| success on test after step 40 | 55.0 % of 100 tasks [50.0, 60.0], mean return 0.550 |',
  ]) {
    expect(text).toContain(line);
  }
  expect(text).not.toContain('after step 20');
});

it('and nothing of what did not happen', () => {
  const { results } = trainingCard(settings, 40, []);
  expect(results).toEqual({});
  expect(trainingCard({ ...settings, evaluate: undefined }, 40, []).results).toBeUndefined();
});

it('names how rewards were paid where that is not the usual way, and the raw score beside the return', () => {
  const env = { id: 'webshop', version: '3', scoring: 'verl-agent + step-cost' };
  const { train, evaluate } = settings;
  const record = evaluation(40, 0.5);
  const paid = { ...record, result: { ...record.result, score: 4.2, rewards: { score: 0.625, shaping: -0.8 } } };
  const odd = { ...settings, train: { ...train, env }, evaluate: { ...evaluate, env } } as unknown as TrainerSettings;
  const card = trainingCard(odd, 40, [paid]);
  expect(card.data).toBe('webshop 3, paid as verl-agent + step-cost, split train, 500 tasks, 1280 rollouts');
  expect(card.results).toEqual({
    'success on test after step 40':
      '50.0 % of 100 tasks [45.0, 55.0], mean score 0.625, mean return 4.200, paid as verl-agent + step-cost',
  });
});

it('tells evaluations of a run that an earlier version began: they have no parts of the rewards', () => {
  const { rewards: _, ...result } = evaluation(0, 0.2).result;
  const { results } = trainingCard(settings, 40, [{ ...evaluation(0, 0.2), result }]);
  expect(results).toEqual({ 'success on test before training': '20.0 % of 100 tasks [15.0, 25.0], mean return 0.200' });
});
