import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { AStarPOError } from '../../errors.ts';
import type { Trajectory } from '../../rollout/trajectory.ts';
import { locateTrajectories, readTrajectoryAt, type TrajectoryPlace, type TrajectoryRecord } from '../../rollout/trajectory-file.ts';
import { ioError } from '../../util/atomic-file.ts';

/** What a list shows of a recorded trajectory. */
export interface Recorded extends Pick<Trajectory, 'taskId' | 'sample' | 'return' | 'success' | 'finish' | 'agentTurns'> {
  readonly step: number | undefined;
  readonly place: TrajectoryPlace;
}

const turnSchema = z.looseObject({
  role: z.enum(['environment', 'agent']),
  start: z.int().min(0),
  end: z.int().min(0),
  text: z.string(),
  reward: z.number().optional(),
  valid: z.boolean().optional(),
  weightsVersion: z.number().optional(),
  view: z.string().optional(),
});
/** What pages rely on beyond the form of a line. */
const trajectorySchema = z.looseObject({
  taskId: z.string(),
  sample: z.number(),
  temperature: z.number(),
  return: z.number(),
  rewards: z.record(z.string(), z.number()),
  success: z.boolean(),
  finish: z.string(),
  agentTurns: z.number(),
  contexts: z.array(z.looseObject({ turns: z.array(turnSchema) })),
});

/** A file of trajectories: one line of each is kept, the rest is read when asked for. */
export class Recording {
  readonly path: string;
  readonly name: string;
  #length = -1;
  #recorded: readonly Recorded[] = [];

  private constructor(path: string) {
    this.path = path;
    this.name = basename(path);
  }

  /** Reads the whole file once. Throws ASTARPO_DATA, ASTARPO_IO. */
  static async open(path: string): Promise<Recording> {
    const recording = new Recording(path);
    await recording.list();
    return recording;
  }

  /** In file order, with what the file has gained; all of it is read again when it has shrunk. Throws ASTARPO_DATA, ASTARPO_IO. */
  async list(): Promise<readonly Recorded[]> {
    const { size } = await stat(this.path).catch((error: unknown) => {
      throw ioError('read', this.path, error);
    });
    if (size === this.#length) return this.#recorded;
    const recorded = size < this.#length ? [] : [...this.#recorded];
    for await (const { step, trajectory, place } of locateTrajectories(this.path, recorded.at(-1)?.place)) {
      const { taskId, sample, success, finish, agentTurns } = this.#check(trajectory, place);
      recorded.push({ step, taskId, sample, return: trajectory.return, success, finish, agentTurns, place });
    }
    this.#recorded = recorded;
    this.#length = size;
    return recorded;
  }

  /** Throws ASTARPO_TASKS when there are fewer. */
  async read(number: number): Promise<TrajectoryRecord> {
    const recorded = (await this.list())[number];
    if (recorded === undefined) {
      throw new AStarPOError(
        'ASTARPO_TASKS',
        `expected a trajectory from 0 to ${this.#recorded.length - 1} of ${this.name}, got ${number}`,
      );
    }
    try {
      const record = await readTrajectoryAt(this.path, recorded.place);
      this.#check(record.trajectory, recorded.place);
      return record;
    } catch (error) {
      // A run that was resumed cuts its file and goes on writing: what was known of it is then of no use.
      this.#recorded = [];
      this.#length = -1;
      throw error;
    }
  }

  #check(trajectory: Trajectory, { line }: TrajectoryPlace): Trajectory {
    const issue = trajectorySchema.safeParse(trajectory).error?.issues[0];
    if (issue === undefined) return trajectory;
    throw new AStarPOError('ASTARPO_DATA', `line ${line} of ${this.path} is no trajectory: ${issue.path.join('.')}: ${issue.message}`, {
      hint: 'the file is made by astar-po; remove the damaged line to go on without it',
    });
  }
}
