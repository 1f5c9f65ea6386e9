/**
 * Stage 2 of A*-PO: one rollout per task, one update per batch, against the V* that stage 1 stored.
 *
 *   npx tsx examples/stage2.ts [MODEL]        MODEL: default runs/demo-s1/warm-start, made by `npm run demo`
 *
 * 30 steps of 64 tasks in the synthetic shop. Expect the mean return of a step to climb from about 0.6 to about 0.95, and the success on
 * held-out products from below 10 % to about 80 %. About half a minute on two cores, 0.7 GB. Tasks without stored returns are sampled
 * first.
 */
import { AStarPOTrainer, Policy, ReferenceModel, VStarCache, WebShopEnv } from '../lib/index.ts'; // in your project: from 'astar-po'

const env = await WebShopEnv.open({ synthetic: { seed: 1 } });
await using policy = await Policy.load(process.argv[2] ?? 'runs/demo-s1/warm-start', { reproducible: true });
await using reference = await ReferenceModel.of(policy);
await using vstar = await VStarCache.open('runs/examples/vstar.jsonl');

const trainer = new AStarPOTrainer({
  policy,
  reference,
  vstar,
  train: { env, split: 'train', limit: 256 },
  evaluate: { env, split: 'test', episodes: 200, sampling: { maxTokens: 24, temperature: 1 } },
  objective: 'astar-po',
  objectiveOptions: { beta2: 0.05 },
  steps: 30,
  batchSize: 64,
  learningRate: 2e-4,
  rollout: { sampling: { maxTokens: 24, temperature: 1 }, maxTurns: 8 },
});

for await (const event of trainer.run()) {
  if (event.type === 'stage1.done') console.log(`V* of ${event.kept} tasks, ${event.sampled} new samples`);
  if (event.type === 'step') console.log(`step ${event.step}: return ${event.metrics['reward/mean']?.toFixed(3)}`);
  if (event.type === 'eval') console.log(`held-out success ${(event.result.success * 100).toFixed(1)} % at step ${event.step}`);
}
