/**
 * npm run bench -- NAME [--quick] [--peers] [--json FILE]
 *
 * Each bench first checks that what it times is correct, then warms up, then repeats its cases in turn and reports the median and
 * the distance between the quartiles.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { describeFailure } from '../lib/cli/failure.ts';
import { AStarPOError } from '../lib/errors.ts';
import { nameHint } from '../lib/util/nearest-name.ts';
import { type BenchOptions, type BenchRow, createReport, currentCommit, printRows } from './report.ts';

interface Bench {
  readonly about: string;
  readonly hasPeers: boolean;
  load(): Promise<(options: BenchOptions) => Promise<BenchRow[]>>;
}

const benches: Readonly<Record<string, Bench>> = {
  generate: {
    about: 'tokens per second of prefill and decoding',
    hasPeers: false,
    load: async () => (await import('./generate.ts')).benchGenerate,
  },
  step: { about: 'seconds and memory of a training step', hasPeers: false, load: async () => (await import('./step.ts')).benchStep },
  shapes: {
    about: 'load, generation, a training step and their memory for the exact shapes of models from the hub',
    hasPeers: false,
    load: async () => (await import('./shapes.ts')).benchShapes,
  },
  tokenizer: {
    about: "a tokenizer of Qwen2.5's size: loading, memory, long texts; beside the JavaScript library with --peers",
    hasPeers: true,
    load: async () => (await import('./tokenizer.ts')).benchTokenizer,
  },
  responsiveness: {
    about: 'lateness of a 5 ms timer beside native work',
    hasPeers: false,
    load: async () => (await import('./responsiveness.ts')).benchResponsiveness,
  },
  env: {
    about: 'the WebShop environment: opening, actions, searches, memory',
    hasPeers: false,
    load: async () => (await import('./env.ts')).benchEnv,
  },
  episodes: {
    about: 'ten thousand scripted episodes at a time: actions per second, lateness of a 5 ms timer',
    hasPeers: false,
    load: async () => (await import('./episodes.ts')).benchEpisodes,
  },
  search: {
    about: 'search over 1.18 million products, beside Lucene with --peers',
    hasPeers: true,
    load: async () => (await import('./search.ts')).benchSearch,
  },
  titles: {
    about: 'nouns of product titles: taggers, purchases per second, a table for 1.18 million titles',
    hasPeers: false,
    load: async () => (await import('./titles.ts')).benchTitles,
  },
  ablation: {
    about: 'what each part of A*-PO contributes in the demo',
    hasPeers: false,
    load: async () => (await import('./ablation.ts')).benchAblation,
  },
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { peers: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false }, json: { type: 'string' } },
  });
  const name = positionals[0] ?? '';
  const bench = benches[name];
  if (bench === undefined || positionals.length > 1) {
    const list = Object.entries(benches).map(([known, { about }]) => `${known} (${about})`);
    const hint =
      name === '' ? `benches: ${list.join('; ')}` : `${nameHint(name, Object.keys(benches), 'benches')}; there are: ${list.join('; ')}`;
    throw new AStarPOError('ASTARPO_OPTION', `expected the name of one bench, got ${name === '' ? 'none' : positionals.join(' ')}`, {
      hint,
    });
  }
  if (values.peers && !bench.hasPeers) {
    throw new AStarPOError('ASTARPO_OPTION', `the bench ${name} has no peers to run`, { hint: 'leave --peers out' });
  }
  const log = (text: string) => process.stderr.write(`${text}\n`);
  const commit = currentCommit();
  const run = await bench.load();
  const rows = await run({ quick: values.quick, peers: values.peers, log });
  printRows(rows, (line) => process.stdout.write(`${line}\n`));
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(createReport(name, commit, rows), null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exitCode = 1;
}
