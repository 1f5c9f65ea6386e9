// Leaves with process.exit(7) in the middle of the work that the argument names.
import { addon, batchOf, randomModel, startGenerating } from './attach.mjs';

const [what] = process.argv.slice(2);
const leave = () => process.exit(7);
const model = await randomModel();
const long = batchOf(6000);

switch (what) {
  case 'generate':
    await startGenerating(model).begun;
    setTimeout(leave, 20);
    break;
  case 'onToken': {
    const sequence = addon.createSequence(model);
    addon.extendSequence(sequence, Int32Array.of(1));
    const stop = {
      maxTokens: 90_000,
      temperature: 1,
      topP: 1,
      topK: 0,
      minP: 0,
      greedy: false,
      stopIds: new Int32Array(),
      seed: 1n,
      onToken: leave,
    };
    addon.generate(sequence, stop);
    break;
  }
  case 'score':
    addon.score(model, long);
    setTimeout(leave, 30);
    break;
  case 'backward': {
    const { pass, logp } = await addon.forward(model, batchOf(3000), {});
    addon.backward(pass, { logp: new Float64Array(logp.length).fill(-1) });
    setTimeout(leave, 30);
    break;
  }
  case 'reallyExit':
    // Past every 'exit' listener, as some tools leave.
    addon.score(model, long);
    setTimeout(() => process.reallyExit(7), 30);
    break;
  default:
    throw new Error(`unknown work: ${what}`);
}
