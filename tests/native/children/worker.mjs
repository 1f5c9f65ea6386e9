// Ends a worker thread in the middle of its generation; the main thread's generation and its model must not notice.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { addon, randomModel, startGenerating } from './attach.mjs';

async function inWorker() {
  const model = await randomModel();
  const { begun } = startGenerating(model);
  await begun;
  parentPort.postMessage('generating');
  if (workerData === 'exits') setTimeout(() => process.exit(0), 10);
}

async function inMain() {
  const model = await randomModel();
  const alone = await startGenerating(model, { maxTokens: 60 }).result;
  for (const way of ['terminated', 'exits', 'terminated', 'exits']) {
    const own = startGenerating(model, { maxTokens: 60 });
    const worker = new Worker(new URL(import.meta.url), { workerData: way });
    await once(worker, 'message');
    if (way === 'terminated') await worker.terminate();
    else await once(worker, 'exit');
    const { tokens } = await own.result;
    if (tokens.join() !== alone.tokens.join()) throw new Error(`${way}: the main thread's tokens changed`);
  }
  await addon.disposeModel(model);
  console.log('unharmed');
}

await (isMainThread ? inMain() : inWorker());
