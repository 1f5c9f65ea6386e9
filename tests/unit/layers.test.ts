import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { expect, it } from 'vitest';

/** What the rooms of lib/ may import, below `errors.ts` and `util`. DESIGN.md draws it; `type`: declarations alone. */
const below: Readonly<Record<string, { readonly value: readonly string[]; readonly type?: readonly string[] }>> = {
  util: { value: [] },
  native: { value: [] },
  log: { value: [], type: ['train'] },
  model: { value: ['native', 'log'] },
  env: { value: [], type: ['model'] },
  objective: { value: [] },
  rollout: { value: ['env', 'model'] },
  vstar: { value: ['rollout'], type: ['env'] },
  report: { value: ['rollout'], type: ['env', 'model', 'train'] },
  webshop: { value: ['env', 'rollout', 'report'] },
  train: { value: ['env', 'model', 'rollout', 'objective', 'vstar'], type: ['native'] },
};

/** What a source file imports from: its lines in all forms that a formatter leaves. */
const importLine = /^(?:import|export)( type)?[^;]*? from '(\.[^']+)';/gm;

it.each(Object.entries(below))('%s imports nothing from the rooms above it', (room, { value, type = [] }) => {
  const files = readdirSync(join('lib', room), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  expect(files).not.toEqual([]);
  const above = files.flatMap((file) => {
    const path = join('lib', room, file);
    return Array.from(readFileSync(path, 'utf8').matchAll(importLine), ([, typeOnly, from = '']) => {
      const [root, target = ''] = normalize(join(path, '..', from)).split('/');
      const allowed = root !== 'lib' || [room, 'errors.ts', 'util', ...value, ...(typeOnly === undefined ? [] : type)].includes(target);
      return allowed ? '' : `${path} imports ${from}`;
    }).filter(Boolean);
  });
  expect(above).toEqual([]);
});
