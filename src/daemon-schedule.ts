/** Scheduled work of the daemon: at its times, never twice at once, and over before the parts it uses are. */
import { schedule } from 'node-cron';
import { codeOf, reasonOf } from './errors.ts';
import type { Log } from './log.ts';

export interface Task {
  /** For the log, where it fails. */
  readonly name: string;
  /** As cron writes it, local time. */
  readonly at: string;
  run(): Promise<void>;
}

export interface Schedule {
  /** Starts nothing more and waits for what runs. */
  end(): Promise<void>;
}

/** A task that fails is logged and has its next turn as if nothing had been. */
export function startSchedule(tasks: readonly Task[], log: Log): Schedule {
  const running = new Set<Promise<void>>();

  async function attempt({ name, run }: Task): Promise<void> {
    try {
      await run();
    } catch (error) {
      log.error(`${name} failed`, { code: codeOf(error), reason: reasonOf(error) });
    }
  }

  async function turn(task: Task): Promise<void> {
    const attempted = attempt(task);
    running.add(attempted);
    await attempted;
    running.delete(attempted);
  }

  // What it says by itself, of turns that are late or still under way, would go to the console.
  const told = (message: string | Error) =>
    log.debug('schedule', { reason: typeof message === 'string' ? message : reasonOf(message) });
  const logger = { info: told, warn: told, error: told, debug: told };
  const scheduled = tasks.map((task) => schedule(task.at, () => turn(task), { noOverlap: true, logger }));
  return {
    async end() {
      for (const task of scheduled) await task.destroy();
      await Promise.all(running);
    },
  };
}
