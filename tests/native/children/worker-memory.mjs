// Ends six worker threads in the middle of their generations; says whether the process has kept the weights of the last four.
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { addon, batchOf, config, randomModel, startGenerating } from './attach.mjs';

const vocabSize = 100_000;
const weightBytes = vocabSize * config.hiddenSize * 4;

async function inWorker() {
  await startGenerating(await randomModel({ vocabSize })).begun;
  parentPort.postMessage('generating');
}

async function residentBytes() {
  // First in, first out: what the lane was to free is free when this resolves.
  await addon.disposeModel(await addon.createModel(config, { device: 'cpu', dtype: 'float32', reproducible: true }));
  return addon.memory('cpu').residentBytes;
}

async function inMain() {
  const own = await randomModel();
  let before = 0;
  for (let count = 0; count < 6; count++) {
    const worker = new Worker(new URL(import.meta.url));
    await once(worker, 'message');
    // The worker's token step waits in the queue while the lane does this, so that it is dropped and not interrupted.
    const busy = addon.score(own, batchOf(6000));
    await setTimeout(50);
    await worker.terminate();
    await busy;
    // By now the allocator has the memory that it keeps for scores.
    if (count === 1) before = await residentBytes();
  }
  const kept = ((await residentBytes()) - before) / weightBytes;
  console.log(kept < 2.5 ? 'freed' : `the weights of ${kept.toFixed(1)} models were kept`);
}

await (isMainThread ? inMain() : inWorker());
