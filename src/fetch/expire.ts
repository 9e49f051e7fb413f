/**
 * Upkeep: what is past its time goes, in small steps that never hold the others up. Called by a schedule; a step that is
 * cut off is taken up by the next call.
 */
import type { Clock } from '../clock.ts';
import type { Store } from '../store/api/store.ts';
import type { Swept } from '../store/api/terms.ts';

/** Rows that go in one step: a few milliseconds of work. */
const stepRows = 256;
/**
 * Steps of one call through a table without an index of ages, where little is old: each looks at 4,096 rows. Ten million are gone round in 40
 * calls, and a call costs about a second of the processor.
 */
const mostLooks = 64;

export interface Upkeep {
  /**
   * Ends and removes everything that is due now. Calls do not overlap: a second one joins the first. Throws what the first
   * failing table threw, after all had their turn.
   */
  run(): Promise<void>;
}

/** How many rows it ended; or, of a table that is gone round, whether that was its end. */
type Step = (now: number, limit: number) => Promise<number | Swept>;

export function createUpkeep(store: Store, clock: Clock, signal: AbortSignal): Upkeep {
  const steps: readonly Step[] = [
    async (now, limit) => await expireMessages(store, now, limit),
    async (now, limit) => await store.uploads.expire(now, limit),
    async (now, limit) => await store.pulls.expire(now, limit),
    async (now, limit) => await store.copies.expire(now, limit),
    async (now, limit) => await store.kept.expire(now, limit),
    async (now, limit) => await store.cards.expire(now, limit),
    async (now, limit) => await store.deliveries.expire(now, limit),
    async (now, limit) => await store.mailQueue.expire(now, limit),
    async (now, limit) => await store.gateways.expire(now, limit),
    async (now, limit) => await store.pending.expire(now, limit),
    async (now, limit) => await store.preferences.expire(now, limit),
    async (now, limit) => await store.feed.expire(now, limit),
    async (now, limit) => await store.events.expire(now, limit),
    async (_now, limit) => await store.blobs.sweep(limit),
  ];
  let running: Promise<void> | undefined;

  /** A table that fails must not keep the others from their upkeep. */
  async function runAll(): Promise<void> {
    const now = clock.seconds();
    const errors: unknown[] = [];
    for (const step of steps) await exhaust(step, now, signal).catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }

  return {
    async run() {
      running ??= runAll().finally(() => (running = undefined));
      await running;
    },
  };
}

async function exhaust(step: Step, now: number, signal: AbortSignal): Promise<void> {
  for (let looks = 1; !signal.aborted; looks++) {
    const done = await step(now, stepRows);
    const { removed, ended } = typeof done === 'number' ? { removed: done, ended: done < stepRows } : done;
    if (ended || (removed < stepRows && looks >= mostLooks)) return;
    await new Promise((resume) => setImmediate(resume));
  }
}

async function expireMessages(store: Store, now: number, limit: number): Promise<number> {
  const { expired, seen } = await store.transit.expire(now, limit);
  const events = expired.map(({ traceHandle, destination }) => ({
    handle: traceHandle,
    time: now,
    kind: 'expired',
    counterpart: destination,
  }));
  if (events.length > 0) await store.events.add(events);
  return seen;
}
