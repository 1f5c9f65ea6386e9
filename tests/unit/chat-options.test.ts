import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { chatOptions } from '../../lib/cli/chat-options.ts';
import { runCommandLine } from '../../lib/cli/program.ts';

it('reads what flags say about the chat template', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'astarpo-chat-'));
  try {
    const file = join(folder, 'x.jinja');
    await writeFile(file, '{{ messages }}\n');
    const variables = ['enable_thinking=false', 'date_string=26 Jul 2024', 'n=3', 'empty=', 'equation=a=b'];
    expect(chatOptions({ chatTemplate: file, chatVariable: variables, chatDate: '2024-07-26', earlierTurns: 'keep' })).toEqual({
      template: '{{ messages }}\n',
      variables: { enable_thinking: false, date_string: '26 Jul 2024', n: 3, empty: '', equation: 'a=b' },
      date: '2024-07-26',
      earlierTurns: 'keep',
    });
    expect(chatOptions({})).toBeUndefined();
    expect(() => chatOptions({ chatVariable: ['enable_thinking'] })).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
    expect(() => chatOptions({ chatTemplate: join(folder, 'none') })).toThrow(expect.objectContaining({ code: 'ASTARPO_IO' }));
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('every command that loads a model takes the flags', async () => {
  const flags = [
    '--model',
    'm',
    '--chat-template',
    'f',
    '--chat-variable',
    'a=1',
    'b=2',
    '--earlier-turns',
    'keep',
    '--chat-date',
    '2024-07-26',
  ];
  for (const command of ['train', 'vstar', 'eval', 'sft']) {
    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const more = command === 'sft' ? ['--out', 'o'] : [];
    expect(await runCommandLine([command, ...flags, ...more, '--dry-run'], (text) => expect(text).toBe(''))).toBe(0);
    expect(JSON.parse(out.mock.calls.join(''))).toMatchObject({
      chatTemplate: 'f',
      chatVariable: ['a=1', 'b=2'],
      earlierTurns: 'keep',
      chatDate: '2024-07-26',
    });
    vi.restoreAllMocks();
  }
});
