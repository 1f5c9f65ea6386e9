/**
 * Stage 1 of A*-PO: what can the reference do?
 *
 *   npx tsx examples/stage1.ts [MODEL]        MODEL: default runs/demo-s1/warm-start, made by `npm run demo`
 *
 * Plays 64 goals of the synthetic shop 8 times each with the frozen reference and stores every return. Expect a V* around 0.60 where the
 * reference's mean return is around 0.55: V* leans towards what its luckier episodes show to be possible. About 3 seconds on two cores,
 * 0.4 GB. Run it again: nothing is sampled a second time.
 */
import { ReferenceModel, stage1, VStarCache, WebShopEnv } from '../lib/index.ts'; // in your project: from 'astar-po'

const env = await WebShopEnv.open({ synthetic: { seed: 1 } });
const goals = env.tasks('train');
const tasks = Array.from({ length: 64 }, (_, place) => ({ task: goals.at(place), samples: 8 }));

await using reference = await ReferenceModel.load(process.argv[2] ?? 'runs/demo-s1/warm-start', { reproducible: true });
await using vstar = await VStarCache.open('runs/examples/vstar.jsonl');

const rollout = { sampling: { maxTokens: 24, temperature: 1 }, maxTurns: 8 };
const run = stage1({ reference, env, tasks, rollout, vstar, beta: 0.5, mode: 'soft', filter: 'none' });

let next = await run.next();
while (next.done !== true) {
  const { done, total, successes } = next.value;
  if (done % 64 === 0) console.log(`${done} of ${total} samples, ${successes} successes`);
  next = await run.next();
}
const { sampled, metrics } = next.value;
console.log(
  `${sampled} new samples; mean return ${metrics['vstar/reference_return']?.toFixed(3)}, mean V* ${metrics['vstar/mean']?.toFixed(3)}`,
);
