/**
 * Notes of complete fetches. Nobody waits for one, so where several come at a time they gather for a moment and share a write: a write costs
 * more than some hundred notes. Whoever ends a message takes along what waits: its fetch came before.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from './engine.ts';

/** How long notes gather, milliseconds. */
const gatherMs = 50;
/** Most notes of one write. */
const most = 1024;

export interface FetchNotes<Note, Result> {
  /** What noting it gave, when that is on disk. */
  add(note: Note): Promise<Result>;
  /** Runs `change` behind all notes that wait, in one write. Throws as `Engine.write`, and then these are not noted. */
  write<T>(change: () => T): Promise<T>;
  /** Writes what waits. Throws `storage_failed`. */
  flush(): Promise<void>;
}

interface Waiting<Note, Result> {
  readonly note: Note;
  readonly done: PromiseWithResolvers<Result>;
}

/** `record` notes some, in their order, inside a write. */
export function createFetchNotes<Note, Result>(
  engine: Engine,
  record: (notes: readonly Note[]) => readonly Result[],
): FetchNotes<Note, Result> {
  let waiting: Waiting<Note, Result>[] = [];
  let running = false;

  async function writeWith<T>(taken: readonly Waiting<Note, Result>[], change: () => T): Promise<T> {
    let results: readonly Result[] = [];
    try {
      const outcome = await engine.write(() => {
        results = record(taken.map(({ note }) => note));
        return change();
      });
      taken.forEach(({ done }, i) => done.resolve(results[i] as Result));
      return outcome;
    } catch (error) {
      for (const { done } of taken) done.reject(error);
      throw error;
    }
  }

  function take(count: number): readonly Waiting<Note, Result>[] {
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return taken;
  }

  async function writeAll(): Promise<void> {
    running = true;
    for (let several = false; waiting.length > 0;) {
      if (several) await sleep(gatherMs);
      const taken = take(most);
      // Somebody else took them along.
      if (taken.length === 0) break;
      several = taken.length > 1;
      // Each of them is told.
      await writeWith(taken, () => undefined).catch(() => undefined);
    }
    running = false;
  }

  return {
    add(note) {
      const done = Promise.withResolvers<Result>();
      waiting.push({ note, done });
      if (!running) void writeAll();
      return done.promise;
    },
    write: (change) => writeWith(take(Infinity), change),
    async flush() {
      if (waiting.length > 0) await writeWith(take(Infinity), () => undefined);
    },
  };
}
