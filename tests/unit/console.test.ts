import { expect, it } from 'vitest';
import { describeEvaluation } from '../../lib/log/console.ts';
import type { EvaluationResult } from '../../lib/train/events.ts';

const result: EvaluationResult = {
  environment: { id: 'webshop', version: '1', config: {} },
  ...{ episodes: 400, successes: 343, success: 0.8575, interval: { lo: 0.82, hi: 0.889 } },
  ...{ score: 0.953, rewards: { score: 0.953 }, turns: 3.9, tokens: 40, validRate: 1 },
  ...{ finish: { done: 400 }, truncationRate: 0, seconds: 1 },
};

it('an evaluation is one line; return and scoring are named where they are not the score and the usual', () => {
  expect(describeEvaluation(result)).toBe('85.8 % [82.0, 88.9] of 400 tasks, score 0.953, 3.9 turns');
  expect(describeEvaluation({ ...result, rewards: {} })).toBe('85.8 % [82.0, 88.9] of 400 tasks, score 0.953, 3.9 turns');
  const odd = { ...result, score: 8.58, environment: { ...result.environment, scoring: 'verl-agent' } };
  expect(describeEvaluation(odd)).toBe('85.8 % [82.0, 88.9] of 400 tasks, score 0.953, return 8.580, 3.9 turns, paid as verl-agent');
});
