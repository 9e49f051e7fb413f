/** Sleeping until mail is due. */
import { sleepUnlessWoken } from '../clock.ts';
import type { MailQueueStore } from '../store/api/mail-queue.ts';

/** Longest sleep, so that a clock that jumped is noticed, in seconds. */
const longest = 30;
const shortest = 0.05;

/** So many seconds (undefined: until something new comes), or until new mail is queued, or the signal aborts. */
export async function sleepUntil(
  seconds: number | undefined,
  queue: Pick<MailQueueStore, 'subscribe'>,
  signal: AbortSignal,
): Promise<void> {
  const ms = Math.min(Math.max(seconds ?? longest, shortest), longest) * 1000;
  await sleepUnlessWoken(ms, (wake) => queue.subscribe(wake), signal);
}
