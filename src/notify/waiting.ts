/**
 * Notifications of domains whose record is not known yet: a bounded queue in memory while the record is looked up, one
 * look-up at a time for each registrable domain, under a small budget (wire-spec/notification.md section 4). What does not
 * fit is dropped: the sender repeats.
 */
import type { Clock } from '../clock.ts';
import { createRate, type RateLimit } from '../rate.ts';
import { registrableDomain } from './registrable.ts';

export interface WaitingLimits {
  /** Items that wait in all, and of one registrable domain. */
  readonly total: number;
  readonly perRegistrable: number;
  /** Look-ups in all. */
  readonly lookups: RateLimit;
}

export const defaultWaitingLimits: WaitingLimits = {
  total: 2000,
  perRegistrable: 32,
  lookups: { perSecond: 10, burst: 100 },
};

export interface Waiting<Item> {
  /** Queues an item of this sender; false where there is no room or no budget. */
  offer(sender: string, item: Item): boolean;
}

export interface WaitingParts<Item> {
  /** Learns the sender's record; false where it has none now. Must not throw. */
  readonly lookUp: (sender: string) => Promise<boolean>;
  /** Takes an item up again, its sender's record being known. */
  readonly resume: (item: Item) => void;
  readonly limits: WaitingLimits;
  readonly clock: Clock;
}

export function createWaiting<Item>({ lookUp, resume, limits, clock }: WaitingParts<Item>): Waiting<Item> {
  const budget = createRate(limits.lookups, clock, 1);
  /** By registrable domain, then by sender, in order of arrival. */
  const queues = new Map<string, Map<string, Item[]>>();
  let total = 0;

  async function work(registrable: string, queue: Map<string, Item[]>): Promise<void> {
    for (let next = queue.keys().next(); !next.done; next = queue.keys().next()) {
      const known = budget('') && (await lookUp(next.value));
      const items = queue.get(next.value) ?? [];
      queue.delete(next.value);
      total -= items.length;
      if (known) for (const item of items) resume(item);
    }
    queues.delete(registrable);
  }

  function start(registrable: string): Map<string, Item[]> {
    const queue = new Map<string, Item[]>();
    queues.set(registrable, queue);
    // Begins after the first item was put in.
    queueMicrotask(() => void work(registrable, queue));
    return queue;
  }

  return {
    offer(sender, item) {
      if (total >= limits.total) return false;
      const registrable = registrableDomain(sender);
      const queue = queues.get(registrable) ?? start(registrable);
      const held = [...queue.values()].reduce((sum, items) => sum + items.length, 0);
      if (held >= limits.perRegistrable) return false;
      queue.set(sender, [...(queue.get(sender) ?? []), item]);
      total += 1;
      return true;
    },
  };
}
