/** When `beckon inbox --watch` looks again: told by the domain where it tells, and now and then anyway. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Watching } from '../client/api.ts';
import { BeckonError } from '../errors.ts';
import type { Home } from './home.ts';

/** Milliseconds between two looks: where nobody tells, and, doubled while nothing is new, where the domain does: a domain may tell of messages, and not of introductions. */
const looks = { untold: 3000, most: 30_000 };
/** Before another watch where the domain refused one, or ended it before its first ping. */
const pauses = { first: 30_000, most: 600_000, early: 25_000 };
/** How often other commands' changes are looked for, and the least between two looks. */
const second = 1000;

/** What stands while the client sleeps. */
export interface Stand {
  readonly watching: Watching | undefined;
  /** Changes when another command saves: it may have handed out drops. */
  saved(): Promise<number>;
  readonly savedAt: number;
}

export interface NextLook {
  /** At the end of a look, with the state still locked. */
  prepare(client: Client, home: Home): Promise<Stand>;
  /** Until it is time; `fresh`: whether the last look found something. */
  wait(stand: Stand, fresh: boolean, stop: AbortSignal): Promise<void>;
}

export function createNextLook(now: () => number = () => performance.now()): NextLook {
  let notBefore = 0;
  let pause = pauses.first;
  let gap = looks.untold;

  function backOff(): void {
    notBefore = now() + pause;
    pause = Math.min(pause * 2, pauses.most);
  }

  /** Whatever stands against it, polling goes on. */
  async function begin(client: Client): Promise<Watching | undefined> {
    if (now() < notBefore) return undefined;
    try {
      return await client.watch();
    } catch (error) {
      if (!(error instanceof BeckonError)) throw error;
      backOff();
      return undefined;
    }
  }

  return {
    async prepare(client, home) {
      const file = join(home.directory, 'state.json');
      const saved = async (): Promise<number> => (await stat(file)).mtimeMs;
      return { watching: await begin(client), saved, savedAt: await saved() };
    },

    async wait({ watching, saved, savedAt }, fresh, stop) {
      gap = fresh || watching === undefined ? looks.untold : Math.min(gap * 2, looks.most);
      const since = now();
      const over = new AbortController();
      const signal = AbortSignal.any([stop, over.signal]);
      try {
        const outcome = await Promise.race([
          sleep(gap, 'time' as const, { signal }),
          ...(watching === undefined ? [] : [watching.outcome, otherSaves(saved, savedAt, signal)]),
        ]);
        if (outcome === 'over' && now() - since < pauses.early) backOff();
        else if (watching !== undefined) pause = pauses.first;
        if (outcome !== 'time') await sleep(Math.max(0, second - (now() - since)), undefined, { signal });
      } catch (error) {
        if (!stop.aborted) throw error;
      } finally {
        over.abort();
        watching?.close();
      }
    },
  };
}

async function otherSaves(
  saved: () => Promise<number>,
  savedAt: number,
  signal: AbortSignal,
): Promise<'saved'> {
  do await sleep(second, undefined, { signal });
  while ((await saved()) === savedAt);
  return 'saved';
}
