import type { Hono } from 'hono';
import { AStarPOError } from '../../errors.ts';
import type { Inspection } from '../../report/inspection.ts';
import type { Trajectory } from '../../rollout/trajectory.ts';
import type { Site } from './app.ts';
import { renderDocument } from './document.ts';
import type { Recording } from './recording.ts';
import { integerOf, Refusal } from './refusal.ts';
import { replay } from './replay.ts';
import { recordingsView, recordingView, replayView } from './replay-views.ts';

/** Recorded trajectories. Files have numbers, in the order that they were named in: no address holds a path. */
export function addRecordings(app: Hono, { env, recordings, inspect }: Site): void {
  const hasRecordings = recordings.length > 0;

  function fileOf(text: string | undefined): { file: number; recording: Recording } {
    const file = integerOf(text, 'the number of a file');
    const recording = recordings[file];
    if (recording === undefined) throw new Refusal(404, `expected one of ${recordings.length} files of recordings, got number ${file}`);
    return { file, recording };
  }

  app.get('/recordings', async (context) => {
    const files = await Promise.all(recordings.map(async (recording) => ({ ...recording, count: (await recording.list()).length })));
    return context.html(renderDocument({ title: 'Recordings', main: recordingsView(files), hasRecordings }));
  });

  app.get('/recordings/:file', async (context) => {
    const { file, recording } = fileOf(context.req.param('file'));
    const start = integerOf(context.req.query('start') ?? '0', 'start');
    const main = recordingView({ file, name: recording.name, recorded: await recording.list(), start });
    return context.html(renderDocument({ title: recording.name, main, hasRecordings }));
  });

  app.get('/recordings/:file/:number', async (context) => {
    const { file, recording } = fileOf(context.req.param('file'));
    const number = integerOf(context.req.param('number'), 'the number of a trajectory');
    const { trajectory, step: trainStep } = await recording.read(number);
    const replayed = await replay(trajectory, env);
    const at = integerOf(context.req.query('step') ?? '0', 'step');
    if (at >= Math.max(1, replayed.steps.length)) {
      throw new Refusal(404, `expected a step below ${replayed.steps.length}, got ${at}`);
    }
    const main = replayView({
      file,
      number,
      tagger: env.options.titles.name,
      trajectory,
      trainStep,
      replay: replayed,
      at,
      ...tokensOf(trajectory, inspect),
    });
    return context.html(renderDocument({ title: `${trajectory.taskId}, step ${at + 1}`, main, hasRecordings, wide: true }));
  });
}

/** A tokenizer of another model must not keep the text from being shown. */
function tokensOf(trajectory: Trajectory, inspect: Site['inspect']): { inspection: Inspection | undefined; trouble: string | undefined } {
  if (inspect === undefined) return { inspection: undefined, trouble: undefined };
  try {
    const inspection = inspect(trajectory);
    if (inspection.foreignTurns === 0) return { inspection, trouble: undefined };
    return {
      inspection: undefined,
      trouble: 'The tokens do not give the recorded text: --model is probably not the model that sampled them.',
    };
  } catch (error) {
    if (error instanceof AStarPOError) return { inspection: undefined, trouble: `${error.code}: ${error.message}` };
    throw error;
  }
}
