/**
 * The receiving pipeline, wire-spec/notification.md section 4. Every failure is silent: counted, never answered.
 *
 * 1. admit    size, version, key id, rate and budget: no cryptography yet
 * 2. open     the seal, with the notification key that the datagram names
 * 3. known?   the sender's record: an unknown sender's notification waits while it is looked up
 * 4. verify   signature and time, under that record
 * 5. refs     those that expired, that would stay for longer than any message waits, or that their recipient ignores, are left out
 * 6. store    one write to the pending table
 */
import type { Clock } from '../clock.ts';
import { BeckonError, codeOf, reasonOf, type ErrorCode } from '../errors.ts';
import type { VerifiedDomain } from '../keys/domain-record.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import type { Log } from '../log.ts';
import { openNotification, verifyNotification, type OpenedNotification } from '../message/notification.ts';
import type { Metrics } from '../metrics.ts';
import type { EventStore } from '../store/api/events.ts';
import type { PendingStore } from '../store/api/pending.ts';
import type { PreferenceStore } from '../store/api/preferences.ts';
import { createAdmission, defaultAdmissionLimits, type AdmissionLimits } from './admit.ts';
import { createAdmitRefs } from './admit-refs.ts';
import { createWaiting, defaultWaitingLimits, type WaitingLimits } from './waiting.ts';

/** A notification key of one of our domains, active or retired. */
export interface ReceivingKey {
  readonly domain: string;
  readonly pair: KeyPair;
}

/** The records of sending domains. */
export interface SenderRecords {
  /** What is known now and valid still, though it may be due to be read again; without asking anyone. */
  known(sender: string): Promise<VerifiedDomain | undefined>;
  /** Looks the record up, anew where the known one has a lower serial; undefined where that fails. Must not throw. */
  learn(sender: string, atLeastSerial: number): Promise<VerifiedDomain | undefined>;
  /** Reads the record of a sender that proved genuine again, where it is due. Must not throw. */
  renew(sender: string): Promise<void>;
}

export interface ReceiveParts {
  /** Undefined where no domain here has it. Throws `key_not_active`. */
  readonly findKey: (keyId: Uint8Array) => ReceivingKey | undefined;
  readonly records: SenderRecords;
  readonly pending: PendingStore;
  readonly preferences: Pick<PreferenceStore, 'wanted'>;
  readonly events: EventStore;
  /** Introductions an hour that a domain of ours takes of this sender. */
  readonly introductionsPerHour: (domain: string, sender: string) => Promise<number>;
  /** Refs that one registrable domain may have waiting here. */
  readonly refQuota: number;
  readonly admission?: AdmissionLimits;
  readonly waiting?: WaitingLimits;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface Receive {
  /** Takes a datagram, from the socket or the door. Never throws, never answers. */
  receive(datagram: Uint8Array, source: string): void;
  /** Resolves once what was taken so far is stored or dropped, unknown senders' apart. */
  settled(): Promise<void>;
}

interface Opened {
  readonly receiver: string;
  readonly source: string;
  readonly notification: OpenedNotification;
}

export function createReceive(parts: ReceiveParts): Receive {
  const { records, clock, metrics, log } = parts;
  const admit = createAdmitRefs(parts);
  const admission = createAdmission(parts.findKey, parts.admission ?? defaultAdmissionLimits, clock);
  const underWay = new Set<Promise<void>>();
  const waiting = createWaiting<Opened>({
    // What is learnt is known afterwards: the item is taken up with it.
    lookUp: async (sender) => (await records.learn(sender, 0)) !== undefined,
    resume: (opened) => track(finish(opened)),
    limits: parts.waiting ?? defaultWaitingLimits,
    clock,
  });

  function drop(code: ErrorCode): void {
    metrics.datagrams.inc({ outcome: code });
  }

  function track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => {
      const code = codeOf(error);
      drop(code);
      if (code === 'internal' || code === 'storage_failed')
        log.error('receive failed', { reason: reasonOf(error) });
    });
    underWay.add(tracked);
    void tracked.finally(() => underWay.delete(tracked));
  }

  function open(datagram: Uint8Array, source: string): Opened | undefined {
    const admitted = admission.admit(datagram, source);
    if (typeof admitted === 'string') {
      drop(admitted);
      return undefined;
    }
    const { domain: receiver, pair } = admitted.key;
    try {
      return { receiver, source, notification: openNotification(admitted.datagram, pair, receiver) };
    } catch (error) {
      if (!(error instanceof BeckonError)) throw error;
      drop(error.code);
      return undefined;
    }
  }

  async function begin(opened: Opened): Promise<void> {
    const { sender, serial } = opened.notification;
    const known = await records.known(sender);
    if (known === undefined) {
      if (!waiting.offer(sender, opened)) drop('rate_limited');
      return;
    }
    // A rotation: the record is read again before a key that it does not hold yet is called unknown.
    if (serial > known.serial && !holdsKey(known, opened)) await records.learn(sender, serial);
    await finish(opened);
  }

  async function finish({ receiver, source, notification }: Opened): Promise<void> {
    const record = await records.known(notification.sender);
    if (record === undefined) throw new BeckonError('discovery_later', 'the sender has no record now');
    const now = clock.seconds();
    verifyNotification(notification, record, receiver, now);
    admission.prove(source);
    // Only now, and on no budget that strangers share: forgers could use it up, and known senders would not be heard any more.
    void records.renew(notification.sender);
    const { sender } = notification;
    const outcome = await admit(receiver, sender, notification.refs);
    if (outcome === 'refused') throw new BeckonError('ref_invalid', 'no ref is within its time');
    metrics.datagrams.inc({ outcome: 'stored' });
  }

  return {
    receive(datagram, source) {
      const opened = open(datagram, source);
      if (opened !== undefined) track(begin(opened));
    },
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}

function holdsKey(record: VerifiedDomain, { notification }: Opened): boolean {
  const wanted = notification.signed.keyId;
  return record.signingKeys.some((key) => key.id.every((byte, i) => byte === wanted[i]));
}
