import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { reportTitles, titlesOption } from '../../../lib/cli/titles-option.ts';
import { generateCatalogue } from '../../../lib/env/webshop/catalogue/generate-catalogue.ts';
import { TextShop } from '../../../lib/env/webshop/text-shop/text-shop.ts';
import { NounTable } from '../../../lib/env/webshop/titles/noun-table.ts';
import { ruleNouns } from '../../../lib/env/webshop/titles/rule-nouns.ts';
import { titleScore } from '../../../lib/env/webshop/titles/title-score.ts';
import { openTitles, type TitleTagger } from '../../../lib/env/webshop/titles/title-tagger.ts';
import { winkNouns, winkTitleNouns } from '../../../lib/env/webshop/titles/wink-nouns.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { titleAgreement } from '../../webshop-vectors/title-agreement.ts';

const folder = mkdtempSync(join(tmpdir(), 'astarpo-titles-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileOf(...lines: string[]): string {
  const path = join(folder, `table-${files++}.jsonl`);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return path;
}

function headOf(titles: number): string {
  return JSON.stringify({ format: 'astar-po-title-nouns-1', tagger: 'spacy 3.7.5', model: 'en_core_web_sm 3.7.1', titles });
}

function tableOf(nouns: Readonly<Record<string, readonly string[]>>): string {
  const entries = Object.entries(nouns);
  return fileOf(headOf(entries.length), ...entries.map(([title, list]) => JSON.stringify({ title, nouns: list })));
}

describe('built-in taggers', () => {
  test('the rule takes words for nouns, except those that cannot be', () => {
    expect(ruleNouns('Mens D.O.N. Issue 2 Sneakers - Off White for the Non-Slip')).toEqual(
      'mens d o n issue sneakers white non slip'.split(' '),
    );
  });

  test('wink names nouns in lower case', () => {
    expect(winkNouns('The Quick Sofa Couch w/ Nailhead Trim and 2 Pillows')).toEqual(
      expect.arrayContaining(['sofa', 'couch', 'trim', 'pillows']),
    );
    expect(winkNouns('of the and 12 !')).toEqual([]);
  });

  test('wink-titles splits as spaCy, and takes capitalised verbs for names, but not their adjectives', () => {
    expect(winkTitleNouns('Massage Oil Set 16oz for Walking, 4GB')).toEqual(['massage', 'oil', 'set', 'oz', 'gb']);
    expect(winkTitleNouns('massage it')).toEqual([]);
    expect(winkTitleNouns('™ | ® & 12 !')).toEqual([]);
  });

  test('name nouns of hostile titles, in little time', () => {
    const names = 'constructor __proto__ toString valueOf hasOwnProperty';
    const long = ['a'.repeat(100_000), '/'.repeat(30_000), 'a.'.repeat(20_000), 'a@'.repeat(20_000), '"'.repeat(20_000)];
    for (const nouns of [winkNouns, winkTitleNouns, ruleNouns]) {
      for (const title of [names, ...long, '', '\u0000', '\ud800 x', '👍👍', '日本 語', "'s 't n't", '½ 1/2 @a #b http://a.b/c']) {
        expect(nouns(title).every((noun) => typeof noun === 'string' && noun !== '')).toBe(true);
      }
    }
    expect(winkNouns('x'.repeat(500)).join('')).toBe('x'.repeat(500));
  });

  test('agree with recorded scores as documented', () => {
    const records = [{ goalTitle: 'Letter Cake Candles Set with Holders (96 Pack)', score: 4 / 6, self: false }];
    const [, original, wink, winkTitles, rule] = titleAgreement(records);
    expect(original).toMatch(/^the original +1 +0 +0\.333 +0\.300 +0\.150 +< 0\.05$/);
    expect(wink).toMatch(/^wink-pos-tagger 2\.2\.2 +0 of 1 +1 +0\.364 +0\.294 +0\.154 +0\.000$/);
    expect(winkTitles).toMatch(/^wink-titles 1 \(wink-pos-tagger 2\.2\.2\) +1 of 1 +0 +0\.444 +0\.294 +0\.154 +0\.000$/);
    expect(rule).toMatch(/^rule 1 +1 of 1 +0 +0\.364 +0\.278 +0\.143 +0\.000$/);
  });
});

test('scores shared nouns over those of the goal, repeats counted there', () => {
  expect(titleScore(['a', 'a', 'b'], ['a', 'a', 'c', 'd'])).toBe(1 / 4);
  expect(titleScore(['a'], [])).toBe(0.2);
  expect(titleScore([], ['a'])).toBe(0);
});

test('keeps what a tagger named, within bounds', () => {
  const asked: string[] = [];
  const titles = openTitles({
    name: 'mine 1',
    nouns: (title) => {
      asked.push(title);
      return [title];
    },
  });
  for (const title of ['a', 'b', 'a', 'b']) expect(titles.nouns(title)).toEqual([title]);
  expect(asked).toEqual(['a', 'b']);
});

describe('a table of nouns', () => {
  test('answers for its titles, under a name that changes with its contents', () => {
    const nouns = { 'Red Mug': ['mug'], 'Cafè "Cup"\n🙂': ['cafè', 'cup'], '': [] };
    const titles = openTitles({ table: tableOf(nouns) });
    for (const [title, list] of Object.entries(nouns)) expect(titles.nouns(title)).toEqual(list);
    expect(titles.name).toMatch(/^en_core_web_sm 3\.7\.1 in spacy 3\.7\.5, table [0-9a-f]{16}$/);
    expect(openTitles({ table: tableOf(nouns) }).name).toBe(titles.name);
    expect(openTitles({ table: tableOf({ ...nouns, '': ['x'] }) }).name).not.toBe(titles.name);
  });

  test('finds each of 50,000 titles, and none that it does not have', () => {
    const nouns = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`Title ${i} of many`, [`noun${i}`]]));
    const table = NounTable.open(tableOf(nouns));
    for (let i = 0; i < 50_000; i += 7) expect(table.nounsOf(`Title ${i} of many`)).toEqual([`noun${i}`]);
    for (let i = 50_000; i < 51_000; i++) expect(table.nounsOf(`Title ${i} of many`)).toBeUndefined();
    table.close();
    table.close();
    expect(() => table.nounsOf('Title 1 of many')).toThrowError(expect.objectContaining({ code: 'ASTARPO_DISPOSED' }));
  });

  test('tells titles with one hash apart', () => {
    // CRC-32 of both is 4DDB0C25.
    const nouns = { plumless: ['plum'], buckeroo: ['buck'] };
    const titles = openTitles({ table: tableOf(nouns) });
    expect([titles.nouns('plumless'), titles.nouns('buckeroo')]).toEqual([['plum'], ['buck']]);
  });

  test('refuses a title that it lacks', () => {
    const titles = openTitles({ table: tableOf({ 'Red Mug': ['mug'] }) });
    expect(() => titles.nouns('Blue Mug')).toThrowError(
      expect.objectContaining({
        code: 'ASTARPO_DATA',
        message: expect.stringMatching(/got none for "Blue Mug"\n.*title_nouns\.py.*fallback/s),
      }),
    );
    expect(() => titles.check(['Red Mug', 'Blue Mug', 'Cup'])).toThrowError(/got none for 2 of 3 that were looked up, such as "Blue Mug"/);
  });

  test('asks its fallback for titles that it lacks, counts them and says so once', () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const titles = openTitles({ table: tableOf({ 'Red Mug': ['mug'] }), fallback: 'rule' });
    titles.check(['Blue Mug']);
    expect([titles.nouns('Red Mug'), titles.missing]).toEqual([['mug'], 0]);
    for (const title of ['Blue Mug', 'Tin Cup', 'Blue Mug']) expect(titles.nouns(title)).toEqual(ruleNouns(title));
    expect(titles.missing).toBe(2);
    expect(titles.name).toMatch(/, else rule 1$/);
    expect(warned).toHaveBeenCalledOnce();
    expect(warned.mock.calls[0]?.[0]).toMatch(/lacks titles, such as "Blue Mug": rule 1 names their nouns/);
    warned.mockRestore();
  });

  const line = '{"title": "a", "nouns": ["a"]}';
  test.each([
    ['an empty file', fileOf(), /expected JSON in line 1, got ""/],
    ['another format', fileOf('{"format": "csv"}', line), /expected "format": "astar-po-title-nouns-1" in line 1/],
    ['something else', fileOf('<html>'), /expected JSON in line 1, got "<html>"\n.*title_nouns\.py/s],
    ['a head without a tagger', fileOf('{"format": "astar-po-title-nouns-1", "titles": 1}', line), /expected a tagger, a model/],
    ['fewer titles', fileOf(headOf(2), line, ''), /expected JSON in line 3, got ""/],
    ['a cut file', fileOf(headOf(3), line, line.replace('a', 'b')), /expected 3 titles, as its first line says, got/],
    ['more titles', fileOf(headOf(1), line, line), /expected 1 titles, as its first line says, got 2/],
    ['a number too large', fileOf(headOf(1e15), line), /expected 1000000000000000 titles, as its first line says, got \d+ bytes/],
    [
      'a line of another shape',
      fileOf(headOf(1), '{"title": "a", "nouns": "a"}'),
      /expected \{"title": text, "nouns": \[text, …\]\} in line 2/,
    ],
    ['a line that is null', fileOf(headOf(1), `null${' '.repeat(40)}`), /expected an object in line 2/],
    [
      'two lists for a title',
      fileOf(headOf(2), line, '{"title": "a", "nouns": ["b"]}'),
      /expected one list of nouns for a title, got another for "a" in line 3/,
    ],
  ])('of %s is refused', (_, path, message) => {
    expect(() => NounTable.open(path)).toThrowError(
      expect.objectContaining({ code: 'ASTARPO_DATA', message: expect.stringMatching(message) }),
    );
  });

  test('reads lines of any spelling alike, and checks nouns when they are asked for', () => {
    const plain = '{"title": "a", "nouns": ["b", "c"]}';
    const spelt = '{"nouns":["b","c"],"title":"\\u0061"}';
    expect(NounTable.open(fileOf(headOf(2), plain, spelt)).nounsOf('a')).toEqual(['b', 'c']);
    const table = NounTable.open(fileOf(headOf(1), '{"title": "ä, \\"nouns\\"", "nouns": []}'));
    expect(table.nounsOf('ä, "nouns"')).toEqual([]);
    const wrong = NounTable.open(fileOf(headOf(1), '{"title": "a", "nouns": [1]}'));
    expect(() => wrong.nounsOf('a')).toThrowError(/expected \{"title": text, "nouns": \[text, …\]\} in line 2/);
  });

  test('may name a title twice with the same nouns', () => {
    expect(NounTable.open(fileOf(headOf(2), line, line)).nounsOf('a')).toEqual(['a']);
  });

  test('that is cut off or changed is refused', () => {
    const path = tableOf({ 'Red Mug': ['mug'], 'Tin Cup': ['cup'] });
    const table = NounTable.open(path);
    truncateSync(path, 150);
    expect(() => table.nounsOf('Tin Cup')).toThrowError(expect.objectContaining({ code: 'ASTARPO_DATA' }));
    expect(() => NounTable.open(path)).toThrowError(/expected a line feed at its end/);
    appendFileSync(path, '\n');
    expect(() => NounTable.open(path)).toThrowError(expect.objectContaining({ code: 'ASTARPO_DATA' }));
    expect(() => NounTable.open(join(folder, 'missing'))).toThrowError(expect.objectContaining({ code: 'ASTARPO_IO' }));
    expect(() => NounTable.open(folder)).toThrowError(expect.objectContaining({ code: 'ASTARPO_IO' }));
  });
});

test.each([
  ['wnik', /expected titles to be one of wink, wink-titles, rule, got "wnik"\n.*wink/s],
  [{ table: '' }, /titles\.table to be the path/],
  [{ table: 'x', fallback: 'spacy' }, /titles\.fallback to be one of/],
  [{ table: 'x', falback: 'rule' }, /falback of titles\n.*fallback/s],
  [{ name: 'mine' }, /titles to be a name, \{ table \} or \{ name, nouns \}/],
  [null, /titles to be a name/],
])('refuses %j as titles', (titles, message) => {
  expect(() => openTitles(titles as TitleTagger)).toThrowError(message);
});

test('the shop closes its table, and one that lacks titles is refused when a shop opens', async () => {
  const all = await WebShopEnv.open();
  const nouns = Object.fromEntries(Array.from(all.shop.products, ({ title }) => [title, ruleNouns(title)]));
  const titles = { table: tableOf(nouns) };
  const env = await WebShopEnv.open({ titles });
  const { title } = env.shop.products.at(0);
  expect(env.options.titles.nouns(title)).toEqual(nouns[title]);
  await env.close();
  expect(() => env.options.titles.nouns('unknown')).toThrowError(expect.objectContaining({ code: 'ASTARPO_DISPOSED' }));
  delete nouns[title];
  const partial = { table: tableOf(nouns) };
  const lacking = expect.objectContaining({ code: 'ASTARPO_DATA', message: expect.stringContaining(JSON.stringify(title)) });
  await expect(WebShopEnv.open({ titles: partial })).rejects.toThrowError(lacking);
  await expect(TextShop.open({ titles: partial })).rejects.toThrowError(lacking);
  await (await TextShop.open({ titles })).close();
  await all.close();
});

describe('on the command line', () => {
  test('names a tagger or a table', () => {
    const table = tableOf({});
    expect(titlesOption({})).toBeUndefined();
    expect(titlesOption({ titles: 'wink-titles' })).toBe('wink-titles');
    expect(titlesOption({ titles: table })).toEqual({ table });
    expect(titlesOption({ titles: table, titlesFallback: 'rule' })).toEqual({ table, fallback: 'rule' });
    expect(() => titlesOption({ titles: 'wnik' })).toThrowError(
      /expected wink, wink-titles, rule or the file of a table as --titles, got wnik\n.*did you mean wink\?/s,
    );
    expect(() => titlesOption({ titles: 'wink', titlesFallback: 'rule' })).toThrowError(
      /expected a table as --titles beside --titles-fallback, got wink/,
    );
  });

  test('a run ends with how many titles the table lacked', async () => {
    const env = await WebShopEnv.open({ titles: { table: tableOf({}), fallback: 'rule' } });
    const written = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    reportTitles(env);
    expect(written).not.toHaveBeenCalled();
    const { title } = env.shop.products.at(0);
    expect(env.options.titles.nouns(title)).toEqual(ruleNouns(title));
    reportTitles(env);
    expect(written.mock.calls).toEqual([[expect.stringMatching(/titles that the table lacks: 1 \(en_core_web_sm .*, else rule 1\)/)]]);
    written.mockRestore();
    warned.mockRestore();
  });
});

describe('in the shop', () => {
  const catalogue = join(folder, 'shop');
  const python = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0;
  if (!python) console.warn('SKIPPED: tests of scripts/title_nouns.py, because there is no python3 of 3.8 or later');

  /** A module that answers as spaCy does: capitalised words are names, others of more than three letters nouns. */
  const stub = `
__version__ = "0.0"
class Token:
    def __init__(self, text):
        self.text, self.pos_ = text, "PROPN" if text[:1].isupper() else "NOUN" if len(text) > 3 else "ADP"
class Model:
    meta = {"lang": "en", "name": "stub", "version": "1"}
    def pipe(self, texts, batch_size, n_process):
        return ([Token(word) for word in text.split()] for text in texts)
def load(name, exclude):
    if name != "en_stub":
        raise OSError("no model " + name)
    return Model()
`;
  const script = fileURLToPath(new URL('../../../scripts/title_nouns.py', import.meta.url));
  function nameNouns(...args: string[]): { status: number | null; stderr: string } {
    const modules = join(folder, 'modules');
    mkdirSync(modules, { recursive: true });
    writeFileSync(join(modules, 'spacy.py'), stub);
    return spawnSync('python3', [script, ...args], { encoding: 'utf8', env: { ...process.env, PYTHONPATH: modules } });
  }

  test.runIf(python)('the script names the nouns of a catalogue, and purchases are scored with them', async () => {
    await generateCatalogue({ out: catalogue, products: 300, seed: 3 });
    const table = join(folder, 'shop.jsonl');
    const made = nameNouns(catalogue, table, '--model', 'en_stub');
    expect(made.stderr).toMatch(/shop\.jsonl: \d+ titles, in/);
    expect(readFileSync(table, 'utf8')).toMatch(
      /^\{"format": "astar-po-title-nouns-1", "tagger": "spacy 0\.0", "model": "en_stub 1", "titles": \d+\}\n/,
    );
    const env = await WebShopEnv.open({ data: catalogue, titles: { table } });
    expect(env.config.titles).toMatch(/^en_stub 1 in spacy 0\.0, table /);
    const { title } = env.shop.products.at(7);
    const expected = title.split(/\s+/).filter((word) => /^\p{Lu}/u.test(word) || [...word].length > 3);
    expect(env.options.titles.nouns(title)).toEqual(expected.map((word) => word.toLowerCase()));
    // The table of a part of the catalogue is noticed when the shop opens.
    const part = fileOf(headOf(1), JSON.stringify({ title, nouns: [] }));
    await expect(WebShopEnv.open({ data: catalogue, titles: { table: part } })).rejects.toThrowError(
      /expected the nouns of every title of the catalogue/,
    );
  });

  test.runIf(python)('the script reads products and titles of any JSON file, and says what is wrong', () => {
    const out = join(folder, 'out.jsonl');
    const products = fileOf('[{"name": "Tin Cup", "asin": "1"},', ' {"title": "Red Mug"}, "Tin Cup", "naïve \\ud83d\\ude42 cup"]');
    expect(nameNouns(products, out, '--model', 'en_stub').status).toBe(0);
    const table = NounTable.open(out);
    expect([table.head.titles, table.nounsOf('Tin Cup'), table.nounsOf('naïve 🙂 cup')]).toEqual([3, ['tin', 'cup'], ['naïve']]);
    const cases: [string[], RegExp][] = [
      [[resolve(folder), out, '--model', 'en_stub'], /expected one of products\.texts, .* got none\n {2}name the file itself/],
      [[fileOf('[{"name": "Tin'), out, '--model', 'en_stub'], /expected JSON, got .*\n {2}the file may be cut off/],
      [[fileOf('[1]'), out, '--model', 'en_stub'], /expected products with a name, or titles, got 1/],
      [[fileOf('[]'), out, '--model', 'en_stub'], /expected products in .*, got none/],
      [
        [products, out, '--model', 'en_sbut'],
        /expected the spaCy model en_sbut, got: no model en_sbut\n {2}python -m spacy download en_sbut/,
      ],
    ];
    const before = readFileSync(out, 'utf8');
    for (const [args, message] of cases) {
      const { status, stderr } = nameNouns(...args);
      expect(stderr).toMatch(message);
      expect(status).toBe(1);
    }
    expect(readFileSync(out, 'utf8')).toBe(before);
  });
});
