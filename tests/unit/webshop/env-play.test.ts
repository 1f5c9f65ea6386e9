import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { runEnvPlay } from '../../../lib/cli/env-play.ts';
import { playInTerminal } from '../../../lib/cli/play-terminal.ts';
import { envPlaySchema, parseConfig } from '../../../lib/config.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { Game } from '../../../lib/webshop/play/game.ts';

const example = new URL('../../../examples/mini-shop.json', import.meta.url).pathname;

afterEach(() => {
  process.exitCode = undefined;
});

/** A terminal that types these lines and ends the input. */
function typing(...lines: string[]) {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  let out = '';
  stdout.on('data', (piece) => {
    out += String(piece);
  });
  for (const line of lines) stdin.write(`${line}\n`);
  stdin.end();
  return { terminal: { stdin, stdout }, text: () => out };
}

async function play(options: object, ...lines: string[]): Promise<string> {
  const { terminal, text } = typing(...lines);
  await runEnvPlay(parseConfig(envPlaySchema, { data: example, goal: 'pan-iron-1', ...options }), terminal);
  return text();
}

describe('env play', () => {
  it('plays a goal from piped lines to its score', async () => {
    const out = await play({}, 'search cast iron pan', 'click 1', '1', 'buy', 'never read');
    expect(out).toContain('Task: Find me cast iron, induction frying pan with size: 20 cm');
    expect(out).toContain('> click 1\nCast iron frying pan, $36\nsize: [1] 20 cm, [2] 24 cm, [3] 28 cm');
    expect(out).toContain('[1] 20 cm (chosen)');
    expect(out).toMatch(/score 1\.000 = 1 \(type\) x 4 of 4 points\n {2}\+ the right kind/);
    expect(out).toMatch(
      / {2}\+ attribute cast iron\n {2}\+ attribute induction\n {2}\+ option size: 20 cm\n {2}\+ price \$36\.00, at most \$70\.00\nsolved\n$/,
    );
    expect(out).not.toContain('never read');
  });

  it('says what a purchase lacks', async () => {
    const out = await play({}, 'search non-stick pan', 'buy 1');
    expect(out).toMatch(/bought: Non-stick frying pan, light \(pan-coated\)/);
    expect(out).toMatch(/- attribute cast iron\n {2}- attribute induction\n {2}- option size: 20 cm\n {2}\+ price \$27\.00/);
    expect(out).toMatch(/the goal was made from Cast iron frying pan \(pan-iron\)\nnot solved\n$/);
  });

  it('is won by following the hints, in every style', async () => {
    for (const style of ['numbered', 'plain', 'verl-agent', 'tools'] as const) {
      const env = await WebShopEnv.open({ data: example, style });
      const game = await Game.open(env, env.tasks('all').at(0));
      for (let turn = 0; turn < 10 && !game.over; turn++) await game.say(game.hint());
      expect([style, game.success]).toEqual([style, true]);
    }
  });

  it('does not advise what is done already', async () => {
    const env = await WebShopEnv.open({ data: example });
    const game = await Game.open(env, env.find('trail-runner-1') ?? env.tasks('all').at(0));
    for (const line of ['search trail running shoes', 'click 1', 'click black']) await game.play(line);
    expect(game.hint()).toBe('click 5');
    expect(game.hint()).toBe('click 5');
    await game.play('click 5');
    expect(game.hint()).toBe('buy');
  });

  it('lists choices by number in other styles, and takes few words there, too', async () => {
    const out = await play({ style: 'plain' }, 'search cast iron pan', '3', 'click 1', 'click[buy now]');
    expect(out).toContain('1) click[back to search]  2) click[next >]  3) click[pan-iron]');
    expect(out).toContain('page 1, 2 results | back to search | next >');
    expect(out).toMatch(/ok 20 cm/);
    expect(out).toMatch(/solved\n$/);
  });

  it('says a text exactly as a model would', async () => {
    const out = await play({ style: 'plain' }, 'say search pan', 'say search[cast iron pan]');
    expect(out).toContain('> say search pan\nThat did nothing.\nno change');
    expect(out).toContain('Cast iron frying pan $36 pan-iron');
  });

  it('explains itself', async () => {
    const out = await play({}, 'help', 'task', 'score', 'page', 'hnit', '');
    expect(out).toMatch(/hint {12}what the scripted shopper would do here/);
    expect(out).toContain('> task\nFind me cast iron');
    expect(out).toContain('> score\nnothing was bought: score 0');
    expect(out).toContain('That did nothing. Did you mean hint?');
    expect(out).toMatch(/You left before the end\.\nnothing was bought: score 0\n$/);
  });

  it('writes games down, those that were left as well', async () => {
    const audit = join(await mkdtemp(join(tmpdir(), 'astarpo-play-')), 'deep', 'games.jsonl');
    await play({ audit }, 'I think it is heavy. \u001b[31m', 'search cast iron pan', 'buy 1');
    const out = await play({ audit }, 'search pan', 'quit', 'buy 1');
    expect(out).toContain(`written to ${audit}`);
    const [first, second, ...more] = (await readFile(audit, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(more).toEqual([]);
    expect(first).toMatchObject({ schema: 1, task: 'pan-iron-1', player: 'person', finish: 'done', success: false, return: 0.75 });
    expect(first.environment).toMatchObject({ id: 'webshop', config: { goals: 'listed', style: { name: 'numbered 1' } } });
    expect(first.turns).toHaveLength(3);
    expect(first.turns[0]).toMatchObject({ said: 'I think it is heavy. \u001b[31m', actions: [], valid: false, reward: 0, done: false });
    expect(first.turns[2]).toMatchObject({ said: 'buy 1', actions: ['click[pan-iron]', 'click[buy now]'], reward: 0.75, done: true });
    expect(first.turns[2].observation).toMatch(/^2 found/);
    expect(first.outcome).toMatchObject({ bought: { product: 'pan-iron', options: {} } });
    expect(second).toMatchObject({ finish: 'quit', success: false, return: 0 });
  });

  it('shows no control characters of what was typed or sold', async () => {
    const out = await play({}, 'search \u001b[2J pan', 'quit');
    expect(out).not.toContain('\u001b');
    expect(out).toContain('␛');
  });

  it('ends cleanly when it is interrupted', async () => {
    const env = await WebShopEnv.open({ data: example });
    const game = await Game.open(env, env.tasks('all').at(0));
    const stdout = new PassThrough();
    let out = '';
    stdout.on('data', (piece) => {
      out += String(piece);
    });
    const stdin = new PassThrough();
    const listeners = process.listenerCount('SIGINT');
    const playing = playInTerminal(game, { stdin, stdout });
    stdin.write('search pan\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.emit('SIGINT');
    expect(await playing).toBe('interrupted');
    expect(out).toMatch(/You left before the end\.\nnothing was bought: score 0\n$/);
    expect(process.listenerCount('SIGINT')).toBe(listeners);
  });

  it.each([
    [{ goal: '67' }, /expected a place from 0 to 66 in split all, got 67/],
    [{ goal: 'pan' }, /expected a goal as random, a place from 0 to 66 or the id of a task, got "pan"/],
    [{ split: 'trian' }, /expected a split of the shop, got "trian"[\s\S]*did you mean train\?/],
  ])('refuses %j', async (options, message) => {
    await expect(play(options)).rejects.toThrow(message);
  });

  it('chooses a goal at random, or by its place in a split', async () => {
    expect(await play({ goal: 'random', split: 'dev' })).toMatch(/^help lists[^\n]*\nTask: /);
    expect(await play({ goal: '0', split: 'all' })).toContain('Task: Find me waterproof, deep tread running shoes');
  });
});
