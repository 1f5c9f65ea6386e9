import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { AStarPOError } from '../lib/errors.ts';
import { Tokenizer } from '../lib/model/tokenizer.ts';
import { trainBytePairTokenizer } from '../lib/model/train-tokenizer.ts';
import type { JsonObject } from '../lib/util/json.ts';
import { Rng } from '../lib/util/rng.ts';
import { type BenchOptions, type BenchRow, interleave, row, seconds } from './report.ts';

/** Entries of Qwen2.5's vocabulary. */
const vocabSize = 151_643;
/** Characters of a long text. */
const textLength = 100_000;

/** What is timed; the peer is the JavaScript library. */
interface Contender {
  encode(text: string): ArrayLike<number>;
  decode(ids: ArrayLike<number>): string;
}

/** A tokenizer with as many entries as Qwen2.5's: time to load it, the memory it holds, long texts both ways. */
export async function benchTokenizer({ quick, peers, log }: BenchOptions): Promise<BenchRow[]> {
  const repeats = quick ? 3 : 15;
  const folder = await mkdtemp(join(tmpdir(), 'astarpo-bench-'));
  try {
    log(`making a tokenizer of ${vocabSize} entries`);
    const code = await typeDeclarations();
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(largeTokenizer(code.slice(0, quick ? 200_000 : 1_000_000))));
    log('loading it');
    const loaders: (() => Promise<Contender>)[] = [() => ours(folder), ...(peers ? [() => library(folder)] : [])];
    const loads = await interleave(
      loaders.map((load) => async () => 1000 * (await seconds(load))),
      repeats,
    );
    const held: number[][] = [];
    const contenders: Contender[] = [];
    for (const load of loaders) {
      const before = usedMebibytes();
      contenders.push(await load());
      held.push([usedMebibytes() - before]);
    }
    const rows = [compared('load', 'time', 'ms', loads), compared('load', 'memory held', 'MiB', held)];
    // Another text in each round: pieces are remembered.
    const declarations = (round: number) => code.slice((round + 1) * textLength, (round + 2) * textLength);
    rows.push(...(await timeTexts('type declarations, 100 kB', declarations, contenders, repeats, log)));
    rows.push(...(await timeTexts('one letter, 100 kB', () => 'a'.repeat(textLength), contenders, repeats, log)));
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function timeTexts(
  name: string,
  textOf: (round: number) => string,
  contenders: readonly Contender[],
  repeats: number,
  log: (text: string) => void,
): Promise<BenchRow[]> {
  log(name);
  for (const contender of contenders) {
    const back = contender.decode(contender.encode(textOf(0)));
    if (back !== textOf(0)) throw new AStarPOError('ASTARPO_INTERNAL', `${name}: expected the text back from its ids`);
  }
  let call = 0;
  const round = () => Math.floor(call++ / contenders.length);
  const encode = contenders.map((contender) => async () => 1000 * (await seconds(async () => contender.encode(textOf(round())))));
  const encoded = await interleave(encode, repeats);
  const ids = contenders.map((contender) => contender.encode(textOf(0)));
  const decode = contenders.map((contender, i) => async () => 1000 * (await seconds(async () => contender.decode(ids[i] ?? []))));
  return [compared(name, 'encode', 'ms', encoded), compared(name, 'decode', 'ms', await interleave(decode, repeats))];
}

/** A row of the first contender's samples with the second's beside it. */
function compared(name: string, metric: string, unit: string, [own = [], peer]: readonly (readonly number[])[]): BenchRow {
  const figures = row(name, metric, unit, own);
  if (peer === undefined) return figures;
  const peerValue = row(name, metric, unit, peer).value;
  return { ...figures, peer: '@huggingface/tokenizers', peerValue, ratio: peerValue / figures.value };
}

async function ours(folder: string): Promise<Contender> {
  const tokenizer = await Tokenizer.load(folder);
  return { encode: (text) => tokenizer.encode(text), decode: (ids) => tokenizer.decode(Array.from(ids)) };
}

async function library(folder: string): Promise<Contender> {
  const json = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')) as JsonObject;
  const tokenizer = new HuggingFaceTokenizer(json, {}) as unknown as {
    encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
    decode(ids: number[], options: { clean_up_tokenization_spaces: boolean }): string;
  };
  return {
    encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    decode: (ids) => tokenizer.decode(Array.from(ids), { clean_up_tokenization_spaces: false }),
  };
}

/** Megabytes of text that every clone has. */
async function typeDeclarations(): Promise<string> {
  const folder = fileURLToPath(new URL('../node_modules/typescript/lib/', import.meta.url));
  const names = (await readdir(folder)).filter((name) => name.endsWith('.d.ts')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.sort((a, b) => b.length - a.length).join('\n');
}

/** Tokens learnt from a text, and as many made of these as are missing. */
function largeTokenizer(text: string): JsonObject {
  const json = trainBytePairTokenizer([text], { vocabSize: 20_000 });
  const model = json.model as JsonObject;
  const vocab = { ...(model.vocab as Record<string, number>) };
  const merges = [...(model.merges as [string, string][])];
  const tokens = Object.keys(vocab);
  const rng = new Rng(1n);
  while (tokens.length < vocabSize) {
    const pair: [string, string] = [rng.pick(tokens), rng.pick(tokens)];
    const token = pair.join('');
    if (token.length > 16 || Object.hasOwn(vocab, token)) continue;
    vocab[token] = tokens.push(token) - 1;
    merges.push(pair);
  }
  return { ...json, model: { ...model, vocab, merges } };
}

/** What V8 and its buffers hold after a collection. */
function usedMebibytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
