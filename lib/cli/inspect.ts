import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { AStarPOError } from '../errors.ts';
import { Tokenizer } from '../model/tokenizer.ts';
import { inspectTrajectory } from '../report/inspection.ts';
import { renderInspectionPage } from '../report/inspection-page.ts';
import { describeInspection, renderInspection } from '../report/inspection-text.ts';
import type { Trajectory } from '../rollout/trajectory.ts';
import { readTrajectories } from '../rollout/trajectory-file.ts';
import { writeFileAtomic } from '../util/atomic-file.ts';
import { addCommand } from './options.ts';

const inspectSchema = z.strictObject({
  file: z.string().describe('file of trajectories (JSON lines), as a run folder has it'),
  model: z.string().describe('folder of the model that sampled them; only its tokenizer is read'),
  task: z.string().optional().describe('only trajectories of this task'),
  index: z.int().min(0).default(0).describe('which of them, from 0'),
  html: z.string().optional().describe('write a page of HTML into this file instead'),
});

export function inspectCommand(parent: Command): void {
  addCommand(parent, 'inspect', 'print a trajectory with the tokens marked that are trained', inspectSchema, inspect, {
    positional: 'file',
  });
}

async function inspect({ file, model, task, index, html }: z.output<typeof inspectSchema>): Promise<void> {
  if (!existsSync(join(model, 'tokenizer.json'))) {
    throw new AStarPOError('ASTARPO_IO', `expected the folder of a model with a tokenizer.json, got ${model}`, {
      hint: 'a checkpoint of a whole model has one in its folder model; for a model of the hub, give the folder that astar-po model pull prints',
    });
  }
  const tokenizer = await Tokenizer.load(model);
  const inspection = inspectTrajectory(await find(file, task, index), tokenizer);
  if (html === undefined) {
    process.stdout.write(renderInspection(inspection));
    return;
  }
  await writeFileAtomic(html, renderInspectionPage(inspection));
  process.stdout.write(`${describeInspection(inspection)}: ${html}\n`);
}

/** Throws ASTARPO_DATA, saying what the file holds instead. */
async function find(file: string, task: string | undefined, index: number): Promise<Trajectory> {
  const tasks = new Set<string>();
  let count = 0;
  for await (const { trajectory } of readTrajectories(file)) {
    tasks.add(trajectory.taskId);
    if (task !== undefined && trajectory.taskId !== task) continue;
    if (count++ === index) return trajectory;
  }
  const wanted = task === undefined ? `more than ${index} trajectories` : `more than ${index} trajectories of the task ${task}`;
  const some = [...tasks].slice(0, 5).join(', ');
  throw new AStarPOError('ASTARPO_DATA', `expected ${wanted} in ${file}, got ${count}`, {
    hint: tasks.size === 0 ? 'the file is empty' : `its ${tasks.size} tasks are ${some}${tasks.size > 5 ? ', …' : ''}`,
  });
}
