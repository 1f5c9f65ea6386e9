import { setImmediate } from 'node:timers/promises';
import type { Environment } from '../lib/env/environment.ts';
import { scriptedShopper } from '../lib/env/webshop/shoppers/scripted-shopper.ts';
import { WebShopEnv, type WebShopTask } from '../lib/env/webshop/webshop-env.ts';
import { runAgent } from '../lib/rollout/scripted.ts';
import { quantile } from '../lib/util/statistics.ts';
import { timerLateness } from './lateness.ts';
import { type BenchOptions, type BenchRow, row } from './report.ts';

/** Thousands of scripted episodes at the same time: actions per second, and what everything else in the process feels of them. */
export async function benchEpisodes({ quick, log }: BenchOptions): Promise<BenchRow[]> {
  const env = await WebShopEnv.open();
  const rows: BenchRow[] = [];
  for (const count of quick ? [100, 1000] : [100, 10_000]) {
    for (const [answers, shop] of [
      ['at once', env],
      ['later', withWaiting(env)],
    ] as const) {
      const name = `${count.toLocaleString('en')} episodes, answered ${answers}`;
      log(`episodes: ${name}`);
      rows.push(...(await crowd(name, env, shop, count)));
    }
  }
  return rows;
}

async function crowd(name: string, env: WebShopEnv, shop: Environment<WebShopTask>, count: number): Promise<BenchRow[]> {
  const all = env.tasks('all');
  const tasks = Array.from({ length: count }, (_, place) => all.at(place % all.length));
  const { signal } = new AbortController();
  let actions = 0;
  const play = async (task: WebShopTask, place: number) => {
    const { tally } = await runAgent(shop, task, scriptedShopper(env, task), { seed: BigInt(place), signal });
    actions += tally.agentTurns;
  };
  const started = performance.now();
  const late = await timerLateness(() => Promise.all(tasks.map(play)));
  const seconds = (performance.now() - started) / 1000;
  return [
    row(name, 'actions', '1/s', [actions / seconds]),
    row(name, 'timer lateness p99', 'ms', [quantile(late, 0.99)], { target: '< 50' }),
    row(name, 'timer lateness max', 'ms', [quantile(late, 1)]),
  ];
}

/** The same shop, as one that asks a service: every answer takes a turn of the event loop. */
function withWaiting(env: WebShopEnv): Environment<WebShopTask> {
  const { id, version, config } = env;
  return {
    ...{ id, version, config, tasks: (split) => env.tasks(split) },
    open: async (task, options) => {
      const episode = await env.open(task, options);
      return {
        first: episode.first,
        step: async (action) => {
          await setImmediate();
          return episode.step(action);
        },
      };
    },
  };
}
