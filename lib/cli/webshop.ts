import type { Command } from 'commander';
import { type WebShopGenerateConfig, type WebShopImportConfig, webshopGenerateSchema, webshopImportSchema } from '../config.ts';
import { generateCatalogue } from '../env/webshop/catalogue/generate-catalogue.ts';
import { type CatalogueResult, type ImportProgress, importCatalogue } from '../env/webshop/catalogue/import-catalogue.ts';
import { formatSeconds, ProgressLine, secondsLeft } from '../log/progress.ts';
import { interruptible } from './interrupt.ts';
import { addCommand } from './options.ts';
import { webshopServeCommand } from './webshop-serve.ts';

export function webshopCommand(parent: Command): void {
  const group = parent.command('webshop').description('catalogues of the WebShop environment');
  const importAbout = 'turn WebShop’s product files into a folder that opens at once';
  addCommand(group, 'import', importAbout, webshopImportSchema, runImport, { positional: 'from' });
  addCommand(group, 'generate', 'make up a catalogue of any size, like the real one in its statistics', webshopGenerateSchema, runGenerate);
  webshopServeCommand(group);
}

const untouched = 'An older catalogue of that name stays as it was.';

function runImport({ from, out, count }: WebShopImportConfig): Promise<void> {
  return interruptible(untouched, (signal) =>
    withProgress((onProgress) => importCatalogue({ sources: from, out, count, signal, onProgress })),
  );
}

function runGenerate({ out, products, seed }: WebShopGenerateConfig): Promise<void> {
  return interruptible(untouched, (signal) => withProgress((onProgress) => generateCatalogue({ out, products, seed, signal, onProgress })));
}

async function withProgress(work: (onProgress: (progress: ImportProgress) => void) => Promise<CatalogueResult>): Promise<void> {
  const line = new ProgressLine();
  const begin = performance.now();
  let stage = { name: '', begin };
  const { out, products, skipped } = await work(({ stage: name, done, total, products }) => {
    if (stage.name !== name) stage = { name, begin: performance.now() };
    const left = secondsLeft(done, total, (performance.now() - stage.begin) / 1000);
    const parts = [`${Math.floor((100 * done) / Math.max(1, total))} %`];
    if (products > 0) parts.push(`${products.toLocaleString('en')} products`);
    if (left !== undefined) parts.push(`${formatSeconds(left)} left`);
    line.update(`${name}: ${parts.join(', ')}`);
  }).finally(() => line.clear());
  const left =
    skipped === 0 ? '' : `, ${skipped.toLocaleString('en')} entries left out (without a usable asin, or with one that came before)`;
  line.print(`${out}: ${products.toLocaleString('en')} products${left}, in ${formatSeconds((performance.now() - begin) / 1000)}`);
}
