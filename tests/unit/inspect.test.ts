import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../lib/cli/program.ts';
import { compactChat, compactSpecialTokens } from '../../lib/model/chat/token-formats.ts';
import { Tokenizer } from '../../lib/model/tokenizer.ts';
import { trainBytePairTokenizer } from '../../lib/model/train-tokenizer.ts';
import { inspectTrajectory } from '../../lib/report/inspection.ts';
import { renderInspectionPage } from '../../lib/report/inspection-page.ts';
import { renderInspection } from '../../lib/report/inspection-text.ts';
import { renderTurns } from '../../lib/report/turns-text.ts';
import { visibleText } from '../../lib/report/visible.ts';
import { ContextBuilder } from '../../lib/rollout/context-builder.ts';
import type { Trajectory } from '../../lib/rollout/trajectory.ts';
import { saveTrajectories } from '../../lib/rollout/trajectory-file.ts';

const tokenizer = Tokenizer.fromJson(trainBytePairTokenizer([], { vocabSize: 260, specialTokens: compactSpecialTokens }));
const chat = compactChat(tokenizer);

/** Says `actions` to `observations`; a turn without an end was cut. */
function trajectory(
  observations: readonly string[],
  actions: readonly string[],
  options: { cut?: boolean; taskId?: string } = {},
): Trajectory {
  const context = new ContextBuilder();
  let sampledTokens = 0;
  context.environment(chat.start(undefined, observations[0] ?? ''), observations[0] ?? '');
  for (const [turn, action] of actions.entries()) {
    const said = options.cut === true ? chat.say(action).slice(0, -1) : chat.say(action);
    sampledTokens += said.length;
    context.agent(
      said,
      Float32Array.from(said, () => -0.5),
      { text: action, weightsVersion: 7, view: 'policy' },
    );
    context.answered({ reward: 0.25, done: false });
    const next = observations[turn + 1];
    if (next !== undefined) context.environment(chat.next(next, { unfinished: options.cut === true }), next);
  }
  return {
    ...{
      taskId: options.taskId ?? 'task-1',
      sample: 0,
      seed: 5n,
      temperature: 1,
      contexts: [context.build()],
      return: 0.25 * actions.length,
    },
    ...{ rewards: {}, success: false, finish: 'done', agentTurns: actions.length, sampledTokens, validActions: actions.length },
  };
}

const plain = (text: string) => text.replace(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'), '');

describe('inspectTrajectory', () => {
  it('marks exactly what was sampled, with its log-probs', () => {
    const inspection = inspectTrajectory(trajectory(['Find\nshoes', 'none'], ['look', 'é🙂']), tokenizer);
    expect(inspection.spans.map(({ role, trained, text, logp }) => ({ role, trained, text, logp }))).toEqual([
      { role: 'environment', trained: false, text: '<|user|>Find\nshoes<|agent|>', logp: undefined },
      { role: 'agent', trained: true, text: 'look<|end|>', logp: -2.5 },
      { role: 'environment', trained: false, text: '<|user|>none<|agent|>', logp: undefined },
      { role: 'agent', trained: true, text: 'é🙂<|end|>', logp: -3.5 },
    ]);
    expect(inspection).toMatchObject({ tokens: 30, trainedTokens: 12, agentTurns: 2, return: 0.5, foreignTurns: 0 });
    expect(inspection.spans[3]?.tokens.map(({ text }) => text)).toEqual(['', 'é', '', '', '', '🙂', '<|end|>']);
    expect(inspection.spans.at(-1)).toMatchObject({ context: 0, turn: 3, start: 23, end: 30, reward: 0.25, weightsVersion: 7 });
  });

  it('leaves the end that a cut turn was given unmarked', () => {
    const [, agent, environment] = inspectTrajectory(trajectory(['a', 'b'], ['look'], { cut: true }), tokenizer).spans;
    expect(agent).toMatchObject({ trained: true, text: 'look' });
    expect(environment).toMatchObject({ trained: false, text: '<|end|><|user|>b<|agent|>' });
  });

  it('tells several contexts apart', () => {
    const [first, second] = [trajectory(['Find'], ['look']), trajectory(['Find again', 'none'], ['é', 'stop'])];
    const inspection = inspectTrajectory({ ...first, contexts: [...first.contexts, ...second.contexts], agentTurns: 3 }, tokenizer);
    expect(inspection.contexts).toEqual([
      { tokens: 11, trainedTokens: 5 },
      { tokens: 26, trainedTokens: 8 },
    ]);
    expect(inspection).toMatchObject({ tokens: 37, trainedTokens: 13, foreignTurns: 0 });
    expect(inspection.spans.map(({ context, turn, start }) => [context, turn, start])).toEqual([
      [0, 0, 0],
      [0, 1, 6],
      [1, 0, 0],
      [1, 1, 12],
      [1, 2, 15],
      [1, 3, 21],
    ]);
    const text = plain(renderInspection(inspection));
    expect(text).toContain('37 tokens in 2 contexts, 13 trained in 3 agent turns');
    expect(text).toMatch(
      /── context 1 of 2: 11 tokens, 5 trained ──[^─]*look[^─]*── context 2 of 2: 26 tokens, 8 trained ──[^─]*Find again/,
    );
    const page = renderInspectionPage(inspection);
    expect(page.match(/<h2 class="context">context \d of 2/g)).toHaveLength(2);
    expect(page.match(/<h3 class="span">/g)).toHaveLength(6);
    // One context needs no head.
    expect(renderInspectionPage(inspectTrajectory(first, tokenizer))).not.toMatch(/context 1 of 1|<h3/);
    expect(renderInspection(inspectTrajectory(first, tokenizer))).not.toContain('context');
  });

  it("tells another model's trajectories", () => {
    const other = Tokenizer.fromJson(trainBytePairTokenizer([], { vocabSize: 258, specialTokens: ['<|x|>', '<|y|>'] }));
    expect(() => inspectTrajectory(trajectory(['a'], ['look']), other)).toThrow(expect.objectContaining({ code: 'ASTARPO_TOKEN_RANGE' }));
    const stored = trajectory(['a'], ['look']);
    const [context] = stored.contexts;
    const turns = context?.turns.map((turn) => (turn.role === 'agent' ? { ...turn, text: 'LOOK' } : turn)) ?? [];
    const inspection = inspectTrajectory(
      { ...stored, contexts: [{ ...stored.contexts[0], turns } as Trajectory['contexts'][0]] },
      tokenizer,
    );
    expect(inspection.foreignTurns).toBe(1);
    expect(renderInspection(inspection)).toContain('is this the model that sampled them?');
  });
});

describe('rendering', () => {
  const hostile = inspectTrajectory(trajectory(['<b>&"\u001b[31m\u202e ⟦x⟧'], ['</pre><script>\n⟧']), tokenizer);

  it('shows what is trained without colour, line feeds and hidden characters', () => {
    const text = plain(renderInspection(hostile));
    expect(text).toContain('<|user|><b>&"␛[31m⟨U+202E⟩ ⟨U+27E6⟩x⟨U+27E7⟩<|agent|>');
    expect(text).toContain('⟦</pre><script>⏎\n⟨U+27E7⟩<|end|>⟧');
    expect(text).toContain('agent, 19 tokens trained, log-prob -9.50, reward 0.25, weights 7');
    const summary = 'task-1, sample 0: 42 tokens, 19 trained in 1 agent turn, return 0.25, not solved, finished by done';
    expect(text.split(summary)).toHaveLength(3);
  });

  it('escapes everything in HTML', () => {
    const page = renderInspectionPage(hostile);
    for (const hidden of ['<script', '<b>', '\u001b', '\u202e']) expect(page).not.toContain(hidden);
    expect(page).toContain('<span title="id 27">&lt;</span><span title="id 65">b</span><span title="id 29">&gt;</span>');
    expect(page).toContain('<mark title="id 27, log-prob -0.500">&lt;</mark>');
  });

  it('tells turns context by context', () => {
    const [first, second] = [trajectory(['a'], ['look']), trajectory(['b'], ['stop'])];
    expect(plain(renderTurns(first))).toBe('a\n> look\nreturn 0.25, not solved\n');
    expect(plain(renderTurns({ ...first, contexts: [...first.contexts, ...second.contexts], success: true }))).toBe(
      '── context 1 of 2 ──\na\n> look\n── context 2 of 2 ──\nb\n> stop\nreturn 0.25, solved\n',
    );
  });

  it('gives signs to what cannot be seen', () => {
    expect(visibleText('a\tb\r\u0000\u007f\u00a0\u200b\u2028 \ufeff')).toBe('a⇥b␍␀␡⟨U+00A0⟩⟨U+200B⟩⟨U+2028⟩ ⟨U+FEFF⟩');
  });
});

describe('astar-po inspect', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'astarpo-inspect-'));
    await tokenizer.save(folder);
    await saveTrajectories(join(folder, 't.jsonl'), [
      trajectory(['a'], ['first']),
      trajectory(['a'], ['second'], { taskId: 'task-2' }),
      trajectory(['a'], ['third'], { taskId: 'task-2' }),
    ]);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
  });

  async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const err: string[] = [];
    const status = await runCommandLine(['inspect', join(folder, 't.jsonl'), ...args], (text) => err.push(text));
    return { status, out: out.mock.calls.join(''), err: err.join('') };
  }

  it('prints one trajectory, by task and place', async () => {
    expect(plain((await run('--model', folder)).out)).toContain('⟦first<|end|>⟧');
    expect(plain((await run('--model', folder, '--task', 'task-2', '--index', '1')).out)).toContain('⟦third<|end|>⟧');
  });

  it('writes a page', async () => {
    const page = join(folder, 'page.html');
    expect(await run('--model', folder, '--index', '1', '--html', page)).toMatchObject({ status: 0, out: expect.stringContaining(page) });
    expect(await readFile(page, 'utf8')).toContain('<title>task-2, sample 0');
  });

  it('says what is there instead', async () => {
    expect((await run('--model', folder, '--task', 'task-3')).err).toMatch(/ASTARPO_DATA.*task-3.*\n.*2 tasks are task-1, task-2/);
    expect((await run('--model', folder, '--index', '3')).err).toMatch(/more than 3 trajectories.*got 3/);
    expect((await run('--model', join(folder, 'none'))).err).toContain('ASTARPO_IO');
    await writeFile(join(folder, 't.jsonl'), '');
    expect((await run('--model', folder)).err).toContain('the file is empty');
  });
});
