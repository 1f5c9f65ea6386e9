// Run with --expose-gc: a model that is dropped without dispose() is freed, with a warning.
import { addon, config } from './attach.mjs';

let warned = false;
process.on('warning', ({ message }) => {
  console.log(message);
  warned = true;
});
await addon.createModel(config, { device: 'cpu', dtype: 'float32', reproducible: true });
for (let i = 0; i < 100 && !warned; i++) {
  globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 10));
}
