import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { StepResult } from '../../../lib/env/environment.ts';
import { GeneratedCatalogue } from '../../../lib/env/webshop/catalogue/generated-catalogue.ts';
import { importCatalogue } from '../../../lib/env/webshop/catalogue/import-catalogue.ts';
import { TextShop } from '../../../lib/env/webshop/text-shop/text-shop.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { webshopData } from '../../fixtures/webshop-data.ts';

/** What a shopper does next: a click is one of those that the page offers. */
type Move = { readonly click: number } | { readonly search: string } | { readonly text: string };

interface Trip {
  readonly goal: number;
  readonly seed: number;
  readonly moves: readonly Move[];
}

const words = ['shoes', 'red', 'women', 'kettle', 'waterproof', 'size', 'for', "men's", '<r>', '<c> fashion', '<q> shoes', '<a>', '☆', ''];
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ click: fc.nat(1000) }) },
  { weight: 3, arbitrary: fc.record({ search: fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((list) => list.join(' ')) }) },
  {
    weight: 1,
    arbitrary: fc.record({ text: fc.oneof(fc.constantFrom('click[buy now]', 'click[', 'think'), fc.string({ unit: 'binary' })) }),
  },
);
const trip: fc.Arbitrary<Trip> = fc.record({ goal: fc.nat(5000), seed: fc.nat(3), moves: fc.array(move, { minLength: 1, maxLength: 10 }) });
const trips = fc.array(trip, { minLength: 2, maxLength: 4 });

/** An episode, and all that it told. */
class Played {
  readonly told: unknown[];
  readonly #episode: { step(action: string): StepResult | Promise<StepResult> };
  readonly #moves: Move[];
  #offered: readonly string[];

  constructor(env: WebShopEnv, { goal, seed, moves }: Trip) {
    const tasks = env.tasks('all');
    const episode = env.openNow(tasks.at(goal % tasks.length), BigInt(seed));
    this.#episode = episode;
    this.told = [episode.first];
    this.#offered = episode.first.validActions ?? [];
    this.#moves = [...moves];
  }

  get over(): boolean {
    return this.#moves.length === 0;
  }

  async step(): Promise<void> {
    const move = this.#moves.shift();
    if (move === undefined) return;
    const result = await this.#episode.step(this.#action(move));
    this.told.push(result);
    this.#offered = result.observation?.validActions ?? [];
    if (result.done) this.#moves.length = 0;
  }

  #action(move: Move): string {
    if ('text' in move) return move.text;
    if ('search' in move) return `search[${move.search}]`;
    const clicks = this.#offered.filter((action) => action.startsWith('click['));
    return clicks[move.click % clicks.length] ?? 'click[nothing]';
  }
}

async function oneByOne(env: WebShopEnv, trips: readonly Trip[]): Promise<unknown[][]> {
  const all: unknown[][] = [];
  for (const trip of trips) {
    const played = new Played(env, trip);
    while (!played.over) await played.step();
    all.push(played.told);
  }
  return all;
}

/** Whose turn it is follows from `order`. */
async function interleaved(env: WebShopEnv, trips: readonly Trip[], order: readonly number[]): Promise<unknown[][]> {
  const all = trips.map((trip) => new Played(env, trip));
  for (let turn = 0; ; turn++) {
    const going = all.filter(({ over }) => !over);
    if (going.length === 0) return all.map(({ told }) => told);
    await going[(order[turn % order.length] ?? 0) % going.length]?.step();
  }
}

/** All take a step at the same time, until none has one left. */
async function together(env: WebShopEnv, trips: readonly Trip[]): Promise<unknown[][]> {
  const all = trips.map((trip) => new Played(env, trip));
  while (all.some(({ over }) => !over)) await Promise.all(all.map((played) => played.step()));
  return all.map(({ told }) => told);
}

const root = mkdtempSync(join(tmpdir(), 'astarpo-identity-'));
afterAll(() => rmSync(root, { recursive: true }));

async function generatedFolders(): Promise<[string, string]> {
  const records = [...new GeneratedCatalogue(250, 9).records()];
  const folder = join(root, 'files');
  mkdirSync(folder);
  writeFileSync(join(folder, 'items_shuffle_1000.json'), JSON.stringify(records.map(({ product }) => product)));
  const attributes = Object.fromEntries(records.map(({ product, attributes }) => [product.asin, attributes]));
  writeFileSync(join(folder, 'items_ins_v2_1000.json'), JSON.stringify(attributes));
  return [folder, await imported(folder, 'generated')];
}

async function imported(from: string, name: string): Promise<string> {
  const out = join(root, name);
  await importCatalogue({ sources: [from], out });
  return out;
}

const synthetic = { synthetic: { categories: 3, productsPerCategory: 12 } };
const real = webshopData ?? '';

/** Two environments of the same seed over the same products, wherever these lie. */
const pairs: readonly [string, boolean, () => Promise<[WebShopEnv, WebShopEnv]>][] = [
  ['the synthetic shop', true, () => Promise.all([WebShopEnv.open(synthetic), WebShopEnv.open(synthetic)])],
  [
    'a generated catalogue, in memory and imported',
    true,
    async () => {
      const [files, index] = await generatedFolders();
      return Promise.all([WebShopEnv.open({ data: files }), WebShopEnv.open({ data: index })]);
    },
  ],
  [
    'the real 1,000 products, in memory and imported',
    webshopData !== undefined,
    async () => Promise.all([WebShopEnv.open({ data: real }), WebShopEnv.open({ data: await imported(real, 'real') })]),
  ],
];

describe.each(pairs)('%s', (_, available, open) => {
  test.skipIf(!available)('two environments, and any order of steps, tell the same', async () => {
    const [first, second] = await open();
    await fc.assert(
      fc.asyncProperty(trips, fc.array(fc.nat(11), { minLength: 1, maxLength: 20 }), async (trips, order) => {
        const expected = await oneByOne(first, trips);
        expect(await interleaved(second, trips, order)).toEqual(expected);
        expect(await together(first, trips)).toEqual(expected);
        expect(await oneByOne(second, [...trips].reverse())).toEqual([...expected].reverse());
      }),
      { numRuns: 30 },
    );
  });
});

test('two text shops tell the same for the same calls, one after the other or in turns', async () => {
  const call = fc.oneof(
    {
      weight: 1,
      arbitrary: fc.record({ reset: fc.oneof(fc.constant(null), fc.integer({ min: -20, max: 20 }), fc.constantFrom('a', 'b')) }),
    },
    { weight: 5, arbitrary: fc.record({ move }) },
  );
  const play = async (shop: TextShop, calls: readonly (typeof call extends fc.Arbitrary<infer C> ? C : never)[]): Promise<unknown[]> => {
    const told: unknown[] = [shop.observation];
    for (const next of calls) {
      if ('reset' in next) told.push(shop.reset(next.reset));
      else told.push(await shop.step(actionOf(next.move, shop)), shop.state, shop.record());
    }
    return told;
  };
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
      const [first, second] = await Promise.all([TextShop.open(synthetic), TextShop.open(synthetic)]);
      const [a, b] = await Promise.all([play(first, calls), play(second, calls)]);
      expect(a).toEqual(b);
    }),
    { numRuns: 25 },
  );
});

function actionOf(move: Move, shop: TextShop): string {
  if ('text' in move) return move.text;
  if ('search' in move) return `search[${move.search}]`;
  const { clickables } = shop.availableActions();
  return `click[${clickables[move.click % clickables.length] ?? ''}]`;
}
