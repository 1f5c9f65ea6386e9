/**
 * A shop in one file: who shops how well, and one purchase by hand.
 *
 *   npx tsx examples/mini-shop.ts
 *
 * Needs no model: a second on one core. Expect the scripted shopper to solve about nine tasks in ten and a random player none.
 */
import { fileURLToPath } from 'node:url';
import { checkEnvironment, WebShopEnv } from '../lib/index.ts'; // in your project: from 'astar-po'

const data = fileURLToPath(new URL('mini-shop.json', import.meta.url));
const { scripted, random, faults } = await checkEnvironment({ data });
console.log(`scripted shopper ${scripted.score.toFixed(3)}, random player ${random.score.toFixed(3)}, ${faults.length} faults`);

await using env = await WebShopEnv.open({ data });
const task = env.find('rain-shell-2') ?? env.tasks('all').at(0);
const episode = await env.open(task, { seed: 1n, signal: new AbortController().signal });
console.log(episode.first.text);
for (const said of ['search waterproof jacket', 'The rain jacket packs small.\nclick 1', 'click yellow', 'click m', 'buy']) {
  const { observation, reward } = await episode.step(said);
  console.log(`> ${said}\n${observation?.text ?? ''}\nreward ${reward}`);
}
