/**
 * The sending pipeline, wire-spec/timing.md sections 2 and 3. Nothing waits for an answer: the outbox drains by accept,
 * retraction and expiry alone.
 *
 * 1. wait     for the next due ref, or for a commit
 * 2. take     what is due, grouped by sending domain and destination
 *    local    what is for a domain that is served here goes into the pending table at once, and rests: no datagram to oneself
 * 3. find     the destination's record; where it cannot be had now, the turn counts as taken
 * 4. seal     refs packed into datagrams, signed and sealed
 * 5. send     by UDP while the turn and the credit allow it, else through the HTTPS door
 * 6. note     when each ref comes up again
 */
import { setImmediate } from 'node:timers/promises';
import { sleepUnlessWoken, type Clock } from '../clock.ts';
import { codeOf, reasonOf } from '../errors.ts';
import type { VerifiedDomain } from '../keys/domain-record.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { usableKey } from '../keys/published-key.ts';
import type { Log } from '../log.ts';
import { packRefs, sealNotification } from '../message/notification.ts';
import type { Metrics } from '../metrics.ts';
import type { Outbox, OutboxEntry, OutboxGroup, Rescheduled } from '../store/api/outbox.ts';
import type { Random } from '../crypto/random.ts';
import type { Ref } from '../wire/notification.ts';
import type { Credit } from './credit.ts';
import type { AdmitRefs } from './admit-refs.ts';
import { channelOf, gapAfter, type Channel } from './schedule.ts';

/** A destination that may be notified now. */
export interface Destination {
  readonly record: VerifiedDomain;
  /** False where it offers the HTTPS door only. */
  readonly hasUdp: boolean;
  /** False where the datagram could not even leave. */
  sendUdp(datagram: Uint8Array): Promise<boolean>;
  sendDoor(datagram: Uint8Array): Promise<boolean>;
}

export interface LocalDomains {
  serves(domain: string): boolean;
  readonly admit: AdmitRefs;
}

export interface SendParts {
  readonly outbox: Outbox;
  /** undefined: not now. Must not throw. */
  readonly find: (destination: string) => Promise<Destination | undefined>;
  /** Domains that are served here, and how refs for them are taken in. */
  readonly local?: LocalDomains;
  /** The sending domain's active signing key and the serial of its published record. Throws where there is none. */
  readonly signer: (sender: string) => Promise<{ readonly signing: KeyPair; readonly serial: number }>;
  readonly credit: Credit;
  readonly clock: Clock;
  /** By which turns come up; `clock` unless told. */
  readonly steady?: Clock;
  readonly random: Random;
  /** Uniform in [0, 1): for jitter. */
  readonly draw: () => number;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Refs taken from the outbox at once. */
const batch = 512;
/** Destinations notified at once. */
const parallel = 16;
/** Longest sleep, so that a clock that jumped is noticed, in milliseconds. */
const longestSleep = 30_000;
const shortestSleep = 50;

export interface Send {
  /** Runs until the signal aborts; resolves when nothing is under way any more. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Takes everything that is due now, after a turn that is under way; how many refs that were. What `run` does each time it
   * wakes.
   */
  turn(): Promise<number>;
}

export function createSend(parts: SendParts): Send {
  const { outbox, clock, steady = clock, log } = parts;
  let last: Promise<unknown> = Promise.resolve();

  /** Two turns at once would send the same refs twice. */
  function turn(): Promise<number> {
    const next = last.then(takeDue, takeDue);
    last = next;
    return next;
  }

  async function takeDue(): Promise<number> {
    const groups = [...(await outbox.due(steady.seconds(), batch))];
    const taken = groups.reduce((sum, group) => sum + group.entries.length, 0);
    const workers = Array.from({ length: Math.min(parallel, groups.length) }, async () => {
      for (let group = groups.shift(); group !== undefined; group = groups.shift())
        await notifyGroup(parts, group);
    });
    await Promise.all(workers);
    return taken;
  }

  async function sleep(signal: AbortSignal): Promise<void> {
    const next = await outbox.nextDue();
    const ms = next === undefined ? longestSleep : (next - steady.seconds()) * 1000;
    await sleepUnlessWoken(
      Math.min(Math.max(ms, shortestSleep), longestSleep),
      (wake) => outbox.subscribe(wake),
      signal,
    );
  }

  return {
    turn,
    async run(signal) {
      // Whoever starts this is ready first: what is due after a long rest may take a while to be read.
      await setImmediate();
      while (!signal.aborted) {
        try {
          const taken = await turn();
          if (taken < batch) await sleep(signal);
        } catch (error) {
          log.error('sending failed', { code: codeOf(error), reason: reasonOf(error) });
          await sleepUnlessWoken(1000, (wake) => outbox.subscribe(wake), signal);
        }
      }
    },
  };
}

async function notifyGroup(parts: SendParts, group: OutboxGroup): Promise<void> {
  const { outbox, log, local } = parts;
  try {
    if (local?.serves(group.destination) === true) {
      if (await handOver(parts, local, group)) return;
    } else {
      const destination = await parts.find(group.destination);
      if (destination !== undefined) await sendGroup(parts, group, destination);
    }
  } catch (error) {
    log.warn('a destination could not be notified', { code: codeOf(error) });
  }
  await outbox.reschedule(group.entries.map((entry) => nextTurn(entry, parts)));
}

/**
 * Refs for a domain of ours are durable there when they are taken, so they rest until their message ends or is withdrawn. False where some
 * were not taken: there is no room now.
 */
async function handOver(
  { outbox, metrics }: SendParts,
  { admit }: LocalDomains,
  { destination, sender, entries }: OutboxGroup,
): Promise<boolean> {
  const outcome = await admit(destination, sender, entries.map(refOf));
  if (outcome === 'partly') return false;
  metrics.notifications.inc({ channel: 'local', outcome: 'sent' });
  await outbox.reschedule(
    entries.map(({ key, attempt, expires }) => ({ key, attempt: attempt + 1, due: expires })),
  );
  return true;
}

function nextTurn(
  { key, attempt, slowed }: OutboxEntry,
  { clock, steady = clock, draw }: SendParts,
): Rescheduled {
  return { key, attempt: attempt + 1, due: steady.seconds() + gapAfter(attempt, slowed, draw) };
}

async function sendGroup(parts: SendParts, group: OutboxGroup, destination: Destination): Promise<void> {
  const { sender, entries } = group;
  const { signing, serial } = await parts.signer(sender);
  const { clock, random } = parts;
  for (const channel of ['udp', 'door'] as const) {
    const turns = entries.filter((entry) => channelOf(entry.attempt) === channel).map(refOf);
    for (const refs of packRefs(turns, sender)) {
      const time = clock.seconds();
      const datagram = sealNotification({
        sender,
        serial,
        time,
        refs,
        signing,
        receiver: destination.record.domain,
        receiverKey: usableKey(destination.record, 'notification', time),
        random,
      });
      await deliver(parts, destination, channel, datagram);
    }
  }
}

function refOf({ recipientHash, messageId, expires, sizeClass, labels }: OutboxEntry): Ref {
  const ref = { recipientHash, messageId, expires, sizeClass };
  return labels === undefined ? ref : { ...ref, labels };
}

async function deliver(
  { credit, metrics }: SendParts,
  destination: Destination,
  wanted: Channel,
  datagram: Uint8Array,
): Promise<void> {
  const byUdp = wanted === 'udp' && destination.hasUdp && credit.spend(destination.record.domain);
  const sent = byUdp && (await destination.sendUdp(datagram));
  const channel: Channel = sent ? 'udp' : 'door';
  const done = sent || (await destination.sendDoor(datagram));
  metrics.notifications.inc({ channel, outcome: done ? 'sent' : 'failed' });
}
