import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { momentOf } from '../../../lib/env/webshop/agent/moment.ts';
import { parseNumbered } from '../../../lib/env/webshop/agent/numbered-grammar.ts';
import { biasedShopper } from '../../../lib/env/webshop/shoppers/biased-shopper.ts';
import { randomValidAgent } from '../../../lib/env/webshop/shoppers/random-agent.ts';
import { scriptedShopper } from '../../../lib/env/webshop/shoppers/scripted-shopper.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { deriveSeed, Rng } from '../../../lib/util/rng.ts';
import { webshopData } from '../../fixtures/webshop-data.ts';

const env = await WebShopEnv.open({ data: new URL('../../../examples/mini-shop.json', import.meta.url).pathname });

describe('the grammar of few words', () => {
  it.each([
    ['search red shoes', { kind: 'search', words: 'red shoes' }],
    ['  SEARCH   red   shoes ', { kind: 'search', words: 'red shoes' }],
    ['search[red shoes]', { kind: 'search', words: 'red shoes' }],
    ['search red [size] 5', { kind: 'search', words: 'red size 5' }],
    ['click 1', { kind: 'click', target: 1 }],
    ['Click #12.', { kind: 'click', target: 12 }],
    ['click[3]', { kind: 'click', target: 3 }],
    ['click Dark Blue', { kind: 'click', target: 'dark blue' }],
    ['click buy now', { kind: 'buy', number: undefined }],
    ['click back', { kind: 'back' }],
    ['buy 2', { kind: 'buy', number: 2 }],
    ['buy', { kind: 'buy', number: undefined }],
    ['Buy now', { kind: 'buy', number: undefined }],
    ['next', { kind: 'next' }],
    ['back.', { kind: 'back' }],
    ['Action: click 4', { kind: 'click', target: 4 }],
  ])('reads %j', (said, spoken) => {
    expect(parseNumbered(said)).toEqual({ spoken, thought: '' });
  });

  it.each(['', 'search', 'click', 'buy it', 'next page', 'searching shoes', 'clicks 1', 'I would click 1', '\u0000', 'buy 1 2'])(
    'finds no action in %j',
    (said) => {
      expect(parseNumbered(said).spoken).toBeUndefined();
    },
  );

  it('takes the last line that is an action; what stands before it is thought', () => {
    expect(parseNumbered('The boots fit.\nclick 1\nNo: the shoes.\nclick 2')).toEqual({
      spoken: { kind: 'click', target: 2 },
      thought: 'The boots fit.\nclick 1\nNo: the shoes.',
    });
    expect(parseNumbered('<think>search first</think> search boots')).toEqual({
      spoken: { kind: 'search', words: 'boots' },
      thought: 'search first',
    });
    expect(parseNumbered('Thought: cheap enough\nAction: buy 1\nThank you!')).toMatchObject({
      spoken: { kind: 'buy', number: 1 },
      thought: 'cheap enough',
    });
  });

  it('reads very long texts', () => {
    expect(parseNumbered(`search ${'['.repeat(1e6)}`).spoken).toBeUndefined();
    expect(parseNumbered('search\n'.repeat(2e5)).spoken).toBeUndefined();
    expect(parseNumbered(`${' '.repeat(1e6)}buy${' '.repeat(1e6)}`).spoken).toEqual({ kind: 'buy', number: undefined });
  });
});

describe('the numbered style', () => {
  const begin = (id = 'trail-runner-1') => {
    const task = env.find(id);
    if (task === undefined) throw new Error(`the example has no task ${id}`);
    return env.openNow(task, 0n);
  };
  const text = (result: { observation?: { readonly text?: string | undefined } | undefined }) => result.observation?.text ?? '';

  it('plays a whole episode by numbers', () => {
    const episode = begin();
    expect(episode.first).toEqual({
      text: 'Task: Find me waterproof, deep tread running shoes with color: black, and size: 40, and price lower than 100.00 dollars\nsearch WORDS',
      validActions: ['search <query>'],
    });
    const results = episode.step('search waterproof running shoes');
    expect(text(results)).toMatch(/^\d+ found, 1 to \d+\n1\. Waterproof trail running shoes, \$89\.9\n2\. /);
    expect(results.observation?.validActions).toContain('buy 2');
    const item = episode.step('It is the first.\nclick 1');
    expect(text(item)).toContain('color: [1] black, [2] blue, [3] olive\nsize: [4] 38, [5] 40,');
    expect(item.info).toMatchObject({ thought: 'It is the first.', actions: ['click[trail-runner]'] });
    expect(text(episode.step('click 1'))).toContain('[1] black (chosen)');
    expect(text(episode.step('click 40'))).toBe(
      `Expected a number from 1 to 10, got 40.\n${text(item).replace('[1] black', '[1] black (chosen)')}`,
    );
    episode.step('click 5');
    expect(episode.step('buy')).toMatchObject({ reward: 1, done: true, success: true, valid: true });
  });

  it('buys from the list in one turn', () => {
    const episode = begin();
    episode.step('search trail running shoes');
    const bought = episode.step('buy 1');
    expect(bought).toMatchObject({ done: true, success: false, info: { actions: ['click[trail-runner]', 'click[buy now]'] } });
    expect(text(bought)).toBe('Bought Waterproof trail running shoes. Score 0.60.');
  });

  it('goes back page by page, and buys from the texts of a product', () => {
    const episode = begin();
    episode.step('search running shoes');
    episode.step('click 1');
    expect(text(episode.step('click description'))).toMatch(/^description:\n/);
    expect(text(episode.step('back'))).toContain('buy | click N | back');
    expect(text(episode.step('back'))).toMatch(/ found, 1 to /);
    expect(text(episode.step('back'))).toBe('search WORDS');
    expect(text(episode.step('back'))).toBe('There is no page before this one.\nsearch WORDS');
    episode.step('search running shoes');
    episode.step('click 1');
    episode.step('click features');
    expect(episode.step('buy 1').done).toBe(true);
  });

  it('says why nothing happened', () => {
    const episode = begin();
    const said = (words: string) => {
      const result = episode.step(words);
      expect(result.valid).toBe(false);
      return text(result).split('\n')[0];
    };
    expect(said('buy 1')).toBe('Nothing is listed yet: search first.');
    expect(said('click 1')).toBe('Nothing has a number here.');
    expect(said('please')).toMatch(/^Not understood: say search WORDS/);
    expect(text(episode.step('search zzzz'))).toBe('0 found, none here\nback | search WORDS');
    expect(said('click 1')).toBe('Nothing has a number here.');
    episode.step('search running shoes');
    expect(said('buy')).toBe('Say which: buy N.');
    expect(said('click sandals')).toBe('There is no "sandals" here.');
    episode.step('click 1');
    expect(said('buy 2')).toBe('Another product is open: say buy for this one, or back.');
    expect(said(`click ${'x'.repeat(100_000)}`)).toMatch(/^There is no "x{39}…" here\.$/);
  });

  it('takes names as they are in the file', async () => {
    const products = [{ id: 'a', title: 'Red shoe', price: 5, category: 'S', options: { size: ['1/2', 'X  L'] } }];
    const path = join(await mkdtemp(join(tmpdir(), 'astarpo-mini-')), 'shop.json');
    await writeFile(path, JSON.stringify({ products, tasks: [{ id: 't', instruction: 'a shoe', product: 'a' }] }));
    const shop = await WebShopEnv.open({ data: path });
    const episode = shop.openNow(shop.tasks('all').at(0), 0n);
    episode.step('search shoe');
    episode.step('click 1');
    expect(text(episode.step('click 1/2'))).toContain('[1] 1 | 2 (chosen)');
    expect(text(episode.step('click x l'))).toContain('[2] x l (chosen)');
  });

  it('takes what is understood and not possible for an attempt, as the shop itself does', () => {
    const episode = begin();
    expect(episode.step('Click 1')).toMatchObject({ valid: false, info: { actions: ['click 1'] } });
    expect(episode.step('one, please')).toMatchObject({ valid: false, info: { actions: [] } });
    expect(episode.step('Buy 3').info).toEqual({ actions: ['buy 3'] });
  });

  it('answers whatever is said', () => {
    const word = fc.constantFrom(
      'search',
      'click',
      'buy',
      'next',
      'back',
      'Action:',
      '</think>',
      '[',
      ']',
      '1',
      '2',
      '#3',
      '99',
      'now',
      '\n',
      'blue',
    );
    const said = fc.array(fc.oneof(word, fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 6 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(fc.array(said, { minLength: 1, maxLength: 8 }), (turns) => {
        const episode = begin();
        episode.step('search running shoes');
        for (const turn of turns) {
          const result = episode.step(turn);
          expect(Number.isFinite(result.reward)).toBe(true);
          expect(text(result)).not.toBe('');
          if (result.done) break;
        }
      }),
      { numRuns: 100 },
    );
  });

  it('turns pages while there are more results', async () => {
    const synthetic = await WebShopEnv.open({ style: 'numbered', synthetic: { categories: 1 } });
    const episode = synthetic.openNow(synthetic.tasks('train').at(0), 0n);
    const first = episode.step('search kettle');
    expect(first.observation?.validActions).toContain('next');
    expect(text(episode.step('next'))).toMatch(/ found, 11 to 20\n1\. /);
    for (let page = 3; page <= 5; page++) episode.step('next');
    const last = episode.step('back');
    expect(text(last)).toMatch(/ found, 31 to 40\n/);
    expect(episode.step('next').observation?.validActions).not.toContain('next');
  });

  it('says every action so that it reads the same action', () => {
    for (let place = 0; place < env.tasks('all').length; place++) {
      const task = env.tasks('all').at(place);
      const episode = env.openNow(task, 0n);
      const random = new Rng(deriveSeed('say', place));
      let observation = episode.first;
      for (let turn = 0; turn < 12; turn++) {
        const moment = momentOf(observation);
        if (moment === undefined) throw new Error('expected a moment');
        const actions = [
          'search[red shoes]',
          ...moment.view.clickables.filter((name) => name !== 'search').map((name) => `click[${name}]`),
        ];
        const action = random.pick(actions);
        const result = episode.step(moment.style.say(action, 'so be it', moment.view));
        expect(result.info).toMatchObject({ actions: [action], thought: 'so be it' });
        if (result.done || result.observation === undefined) break;
        observation = result.observation;
      }
    }
  });

  it.each([
    ['scripted', scriptedShopper],
    ['biased', biasedShopper],
    ['random', () => randomValidAgent()],
  ])('lets the %s shopper play in numbers', (_, shopper) => {
    const task = env.tasks('all').at(0);
    const episode = env.openNow(task, 0n);
    const agent = shopper(env, task);
    const random = new Rng(3n);
    let observation = episode.first;
    for (let turn = 0; turn < 15; turn++) {
      const said = agent.act(observation, random);
      expect(said.split('\n').at(-1)).toMatch(/^(search .+|click \d+|buy|next|back|click back to search)$/);
      const result = episode.step(said);
      expect(result.valid).toBe(true);
      if (result.done || result.observation === undefined) break;
      observation = result.observation;
    }
  });

  it.skipIf(webshopData === undefined)('plays the real catalogue', async () => {
    const real = await WebShopEnv.open({ data: webshopData as string, style: 'numbered' });
    const task = real.tasks('all').at(0);
    const episode = real.openNow(task, 0n);
    const agent = scriptedShopper(real, task);
    let observation = episode.first;
    for (let turn = 0; turn < 15; turn++) {
      const result = episode.step(agent.act(observation, new Rng(0n)));
      expect(result.valid).toBe(true);
      if (result.done || result.observation === undefined) return expect(result.reward).toBeGreaterThan(0);
      observation = result.observation;
    }
    throw new Error('expected a purchase');
  });
});
