/**
 * Pulling for users of ours: what waits for them elsewhere comes here, sealed as it is, wire-spec/account.md section 12.
 *
 * 1. listen   a ref that was verified and stored, for a drop that somebody has pulled, is queued; so is what waited before, and what is delegated
 * 2. wait     a while that is drawn, so that nobody sees when users look
 * 3. take     what is due, by registrable sending domain: one message at a time of each, so many domains at once
 * 4. pull     one message (`pull-one.ts`); nobody is asked again in this round who did not answer
 * 5. note     pulled, given up, or when it is tried next: gaps double
 */
import { sleepUnlessWoken, type Clock } from '../clock.ts';
import { codeOf, reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { EventStore } from '../store/api/events.ts';
import type { PendingRef, PendingStore } from '../store/api/pending.ts';
import type { PullAmount, PullStore, QueuedPull } from '../store/api/pulls.ts';
import { traceHandleBytes } from '../keys/fingerprints.ts';
import { createPullOne, type PullOneParts, type PullOutcome } from './pull-one.ts';

export interface PullLimits {
  /** Of one registrable sending domain, in a day. */
  readonly messages: number;
  readonly bytes: number;
  /** Sending domains at a time. */
  readonly parallel: number;
  /** Longest delay before the first attempt, seconds. */
  readonly spread: number;
}

export interface PullParts extends Omit<PullOneParts, 'mayPull'> {
  readonly pending: Pick<PendingStore, 'poll' | 'subscribe'>;
  readonly pulls: PullStore;
  readonly events: EventStore;
  /** Whom limits are counted against. */
  readonly registrable: (domain: string) => string;
  /** By which turns come up. */
  readonly steady: Clock;
  /** Uniform in [0, 1). */
  readonly draw: () => number;
  readonly limits?: PullLimits;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface Pulling {
  /** Where drops of these domains of ours are pulled: listens from now on, and queues what came while nobody listened. */
  listen(domains: readonly string[]): Promise<void>;
  /** Listens for a drop that is pulled for the user from now on, and queues what waits for it. */
  collect(domain: string, recipientHash: Uint8Array, user: Uint8Array): Promise<void>;
  /** When a message that is queued now comes up. */
  firstDue(): number;
  /** Runs until the signal aborts; resolves when nothing is under way any more. */
  run(signal: AbortSignal): Promise<void>;
  /** Takes everything that is due now; resolves when none is left. */
  turn(): Promise<void>;
}

const defaultLimits: PullLimits = { messages: 5000, bytes: 20e9, parallel: 8, spread: 900 };
/** Refs looked at, and taken from the queue, at once. */
const batch = 512;
/** Of one domain in a round: its others wait for the next. */
const mostOfDomain = 64;
const firstGap = 300;
const longestGap = 43_200;
const jitter = 0.2;
/** In milliseconds, so that a clock that jumped is noticed. */
const longestSleep = 30_000;
const shortestSleep = 50;

export function createPulling(parts: PullParts): Pulling {
  const { pending, pulls, events, registrable, clock, expiry, steady, draw, metrics, log } = parts;
  const limits = parts.limits ?? defaultLimits;
  const take = (group: string, cost: Partial<PullAmount>): Promise<boolean> =>
    pulls.take(group, { messages: 0, bytes: 0, ...cost }, limits, steady.seconds());
  const pullOne = createPullOne({
    ...parts,
    mayPull: (sender, bytes) => take(registrable(sender), { bytes }),
  });
  const listening = new Set<string>();
  const underWay = new Map<string, Promise<void>>();
  const stopped = new AbortController();

  const firstDue = (): number => steady.seconds() + Math.floor(draw() * limits.spread);

  async function queue(
    domain: string,
    recipientHash: Uint8Array,
    user: Uint8Array,
    { sender, messageId, labels, blind }: PendingRef,
  ): Promise<void> {
    if (labels?.retraction === true || blind !== undefined) return;
    await pulls.ask({ domain, user }, { recipientHash, sender, messageId }, firstDue());
  }

  function onRef(domain: string, recipientHash: Uint8Array, read: () => PendingRef | undefined): void {
    const user = pulls.userOf(domain, recipientHash, expiry.seconds());
    const ref = user && read();
    if (user === undefined || ref === undefined) return;
    queue(domain, recipientHash, user, ref).catch((error: unknown) =>
      log.warn('pull.not_queued', { code: codeOf(error) }),
    );
  }

  /** False where the user has as many queued as may be: the others wait at their senders' domains, as ever. */
  async function queueAll(
    domain: string,
    recipientHash: Uint8Array,
    user: Uint8Array,
    refs: readonly PendingRef[],
  ): Promise<boolean> {
    try {
      for (const ref of refs) await queue(domain, recipientHash, user, ref);
      return true;
    } catch (error) {
      if (codeOf(error) === 'quota_exceeded') return false;
      throw error;
    }
  }

  async function collect(domain: string, recipientHash: Uint8Array, user: Uint8Array): Promise<void> {
    if (!listening.has(domain))
      pending.subscribe(domain, undefined, (hash, read) => onRef(domain, hash, read));
    listening.add(domain);
    let after: Uint8Array | undefined;
    do {
      const page = await pending.poll(domain, recipientHash, { after, limit: batch, now: expiry.seconds() });
      if (!(await queueAll(domain, recipientHash, user, page.items))) return;
      after = page.next;
    } while (after !== undefined);
  }

  /** One connection at a time for each registrable domain: whoever has many names has one. */
  async function takeDue(): Promise<number> {
    const due = await pulls.due(steady.seconds(), batch);
    const groups = Map.groupBy(due, ({ sender }) => registrable(sender));
    const free = [...groups].filter(([group]) => !underWay.has(group));
    const started = free.slice(0, Math.max(0, limits.parallel - underWay.size));
    for (const [group, members] of started) start(group, members.slice(0, mostOfDomain));
    // Whose turn it is already must not fill the batch, and hide the others.
    if (due.length === batch) await putOff(due.filter(({ sender }) => underWay.has(registrable(sender))));
    return started.length;
  }

  async function putOff(some: readonly QueuedPull[]): Promise<void> {
    const due = steady.seconds() + 60;
    await pulls.postpone(some.slice(mostOfDomain).map(({ key, attempt }) => ({ key, attempt, due })));
  }

  function start(group: string, members: readonly QueuedPull[]): void {
    const work = pullGroup(group, members)
      .catch((error: unknown) => {
        log.error('pull.failed', { code: codeOf(error), reason: reasonOf(error) });
      })
      .finally(() => underWay.delete(group));
    underWay.set(group, work);
  }

  async function pullGroup(group: string, members: readonly QueuedPull[]): Promise<void> {
    let silent = false;
    for (const pull of members) {
      if (stopped.signal.aborted) return;
      const outcome: PullOutcome =
        silent || !(await take(group, { messages: 1 }))
          ? { kind: 'later', reason: 'rate_limited', silent }
          : await pullOne(pull, stopped.signal);
      if (stopped.signal.aborted && outcome.kind === 'later') return;
      metrics.pulls.inc({ outcome: outcome.kind });
      await note(pull, outcome);
      silent ||= outcome.kind === 'later' && outcome.silent;
    }
  }

  async function note(pull: QueuedPull, outcome: PullOutcome): Promise<void> {
    const { key, attempt, messageId, sender: counterpart } = pull;
    const time = clock.seconds();
    if (outcome.kind === 'later')
      return await pulls.postpone([{ key, attempt: attempt + 1, due: steady.seconds() + gapAfter(attempt) }]);
    if (outcome.kind !== 'pulled') await pulls.giveUp(pull);
    const kind = outcome.kind === 'refused' ? `not pulled: ${outcome.code}` : outcome.kind;
    if (kind !== 'ended')
      await events.add([{ handle: traceHandleBytes(messageId), time, kind, counterpart }]);
  }

  function gapAfter(attempt: number): number {
    const gap = Math.min(firstGap * 2 ** Math.min(attempt, 16), longestGap);
    return Math.round(gap * (1 + jitter * (2 * draw() - 1)));
  }

  async function sleep(signal: AbortSignal): Promise<void> {
    const next = await pulls.nextDue();
    const ms = next === undefined ? longestSleep : (next - steady.seconds()) * 1000;
    const wait = Math.min(Math.max(ms, underWay.size > 0 ? 1000 : shortestSleep), longestSleep);
    await sleepUnlessWoken(wait, (wake) => pulls.subscribe(wake), signal);
  }

  return {
    async listen(ours) {
      for (const domain of ours)
        for (const { recipientHash, user } of await pulls.standing(domain, expiry.seconds()))
          await collect(domain, recipientHash, user);
    },
    collect,
    firstDue,
    async turn() {
      while ((await takeDue()) > 0 || underWay.size > 0) await Promise.race(underWay.values());
    },
    async run(signal) {
      signal.addEventListener('abort', () => stopped.abort(), { once: true });
      while (!signal.aborted) {
        await takeDue().catch((error: unknown) => log.error('pull.failed', { code: codeOf(error) }));
        await sleep(signal);
      }
      await Promise.all(underWay.values());
    },
  };
}
