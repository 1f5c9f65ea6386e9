import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../lib/cli/program.ts';
import { errorCodes } from '../../lib/errors.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = [
  'README.md',
  'DESIGN.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const text = (page: string) => readFileSync(join(root, page), 'utf8');

afterEach(() => {
  vi.restoreAllMocks();
});

describe('documents', () => {
  it('list every error code (npx vitest run tests/unit/docs.test.ts -u writes the page)', async () => {
    const rows = Object.entries(errorCodes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
    const head =
      '# Errors\n\nEvery error that astar-po throws on purpose is an `AStarPOError` with one of these codes, a message and often a hint.\n';
    await expect(`${head}\n| code | meaning |\n| --- | --- |\n${rows.join('\n')}\n`).toMatchFileSnapshot(join(root, 'docs', 'errors.md'));
  });

  it('show commands that the command line accepts', async () => {
    vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    const commands = pages.flatMap((page) => [...text(page).matchAll(/^npx astar-po (.+)$/gm)].map((match) => match[1] ?? ''));
    expect(commands.length).toBeGreaterThan(2);
    for (const command of commands) {
      const failures: string[] = [];
      const status = await runCommandLine([...(command.split('#')[0] ?? '').trim().split(/\s+/), '--dry-run'], (line) =>
        failures.push(line),
      );
      expect(failures.join('\n'), command).toBe('');
      expect(status, command).toBe(0);
    }
  });

  it('link to files that are there', () => {
    for (const page of pages) {
      for (const [, target = ''] of text(page).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        expect(existsSync(join(root, dirname(page), target)), `${page} → ${target}`).toBe(true);
      }
    }
  });
});
