import type { TrainEvent } from '../train/events.ts';

/** Takes the events of a run, in order: a console, a file, a page. */
export interface Sink {
  write(event: TrainEvent): void | Promise<void>;
  /** Called once, also after a failure. */
  close(): void | Promise<void>;
}

/** Gives every event to every sink, waits for them, and closes them whatever happens. Returns the last event. */
export async function drain(events: AsyncIterable<TrainEvent>, sinks: readonly Sink[]): Promise<TrainEvent | undefined> {
  let last: TrainEvent | undefined;
  try {
    for await (const event of events) {
      for (const sink of sinks) await sink.write(event);
      last = event;
    }
  } finally {
    for (const sink of sinks) await sink.close();
  }
  return last;
}
