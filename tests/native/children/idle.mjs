// A program that keeps models, sequences and passes but waits for nothing ends by itself; one that waits is kept alive.
import { addon, batchOf, randomModel, startGenerating } from './attach.mjs';

const model = await randomModel();
const { pass } = await addon.forward(model, batchOf(10), {});
startGenerating(model, { maxTokens: 30 }).result.then(({ tokens }) => console.log(`${tokens.length} tokens, pass ${typeof pass}`));
