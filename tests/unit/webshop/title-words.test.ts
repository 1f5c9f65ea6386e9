import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { GeneratedCatalogue } from '../../../lib/env/webshop/catalogue/generated-catalogue.ts';
import { NounTable } from '../../../lib/env/webshop/titles/noun-table.ts';
import { titleWords } from '../../../lib/env/webshop/titles/title-words.ts';
import { readJson, webshopData } from '../../fixtures/webshop-data.ts';

// What spaCy 3.7.5 makes of these titles.
test.each([
  [
    "Nolany 3-Seat Sofa w/Scrolled Arm, 4GB RAM & 10.25'' Display (Pack of 8)",
    "Nolany 3 - Seat Sofa w / Scrolled Arm , 4 GB RAM & 10.25 '' Display ( Pack of 8)",
  ],
  ["Women's Slip-On Shoes - Size 7.5, 2pcs/Set, 500ml Bottle", "Women 's Slip - On Shoes - Size 7.5 , 2pcs / Set , 500ml Bottle"],
  ["Don't Panic! T-Shirt for Men's Fit, 100% Cotton, S-XXL", "Do n't Panic ! T - Shirt for Men 's Fit , 100 % Cotton , S - XXL"],
  ['USB-C to HDMI 2.0 Cable,6ft,4K@60Hz | Black/White', 'USB - C to HDMI 2.0 Cable,6ft,4K@60Hz | Black / White'],
  ["Dr. Bob's Oil 16oz. w/o Scent, $9.99 each, U.S.A. Made", "Dr. Bob 's Oil 16 oz . w/o Scent , $ 9.99 each , U.S.A. Made"],
  ['12V/24V DC+AC 5m²-10m² Heater [2022 Upgraded] — 1.5kg', '12V/24V DC+AC 5m²-10 m² Heater [ 2022 Upgraded ] — 1.5 kg'],
  [
    "★ Best-Seller ★ Cozy Rug 5'x8' ～ easy…care visit shop.example.com now",
    "★ Best - Seller ★ Cozy Rug 5'x8 ' ～ easy … care visit shop.example.com now",
  ],
  ["“Quoted” Mug – 11oz, Café’s Finest™ you'll love it's", "“ Quoted ” Mug – 11 oz , Café ’s Finest ™ you 'll love it 's"],
  ['8am-10pm Timer, M.2 SSD 1TB x2 C++ e.g. this etc.', '8am-10pm Timer , M.2 SSD 1 TB x2 C++ e.g. this etc .'],
  ['1920x1080 16:9 <new> #1 _under_score ***', '1920x1080 16:9 < new > # 1 _ under_score * * *'],
  ['', ''],
])('splits %s as the original does', (title, words) => {
  expect(titleWords(title).join(' ')).toBe(words);
});

test('splits hostile titles without losing a character, in little time', () => {
  const hostile = [
    '((((',
    `${'('.repeat(20_000)}x`,
    `${'a.'.repeat(20_000)}`,
    `${'-'.repeat(9999)}a`,
    '\u0000\ud800',
    "'".repeat(5000),
    '٣kg',
    '👍👍a',
  ];
  for (const title of hostile) expect(titleWords(title).join('')).toBe(title.replace(/\s+/g, ''));
});

const python = process.env.ASTARPO_ORACLE_PYTHON ?? 'python3';
const hasSpacy = spawnSync(python, ['-c', 'import spacy']).status === 0;
if (!hasSpacy)
  console.warn(`SKIPPED: words of titles beside spaCy, because ${python} has none (ASTARPO_ORACLE_PYTHON names another Python)`);

describe.skipIf(!hasSpacy)('beside spaCy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'astarpo-spacy-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const real = webshopData === undefined ? [] : readJson<{ name: string }[]>('items_shuffle_1000.json').map(({ name }) => name);
  const titles = [...real, ...Array.from(new GeneratedCatalogue(500, 2).records(), ({ product }) => product.name)];

  function run(...args: string[]): string {
    const { status, stdout, stderr } = spawnSync(python, args, { input: JSON.stringify(titles), encoding: 'utf8', maxBuffer: 1 << 28 });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  }

  test('titles are split into the same words', { timeout: 60_000 }, () => {
    const program = `
import json, sys, spacy
words = spacy.blank("en")
json.dump([[word.text for word in words(title) if not word.is_space] for title in json.load(sys.stdin)], sys.stdout)
`;
    const theirs = JSON.parse(run('-c', program)) as string[][];
    const different = titles.flatMap((title, i) => (titleWords(title).join(' ') === theirs[i]?.join(' ') ? [] : [title]));
    expect(different).toEqual([]);
  });

  test('the script makes a table with a model of spaCy', { timeout: 60_000 }, () => {
    const [model, catalogue, table] = ['model', 'titles.json', 'nouns.jsonl'].map((name) => join(folder, name)) as [string, string, string];
    const program = `
import sys, spacy
model = spacy.blank("en")
model.meta.update(name="capitals", version="1.0")
model.add_pipe("attribute_ruler").add([[{"IS_TITLE": True, "IS_ALPHA": True}]], {"POS": "PROPN"})
model.to_disk(sys.argv[1])
`;
    run('-c', program, model);
    writeFileSync(catalogue, JSON.stringify(titles));
    run(fileURLToPath(new URL('../../../scripts/title_nouns.py', import.meta.url)), catalogue, table, '--model', model);
    const made = NounTable.open(table);
    expect(made.head).toMatchObject({ tagger: expect.stringMatching(/^spacy 3/), model: 'en_capitals 1.0', titles: new Set(titles).size });
    for (const title of titles.slice(0, 200)) {
      const capitalised = titleWords(title).filter((word) => /^\p{Lu}\p{Ll}*$/u.test(word));
      expect(made.nounsOf(title)).toEqual(capitalised.map((word) => word.toLowerCase()));
    }
  });
});
