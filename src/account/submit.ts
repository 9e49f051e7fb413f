/**
 * A user of ours sends, wire-spec/account.md sections 4 and 5.
 *
 * 1. reserve message ids: made here, random, kept for a day
 * 2. take the payload in parts, each on disk before it is answered; a small one comes with its commit
 * 3. commit: check every message against its own envelope and the limits, then store all of them or none; a commit that is
 *    repeated finds itself done
 * 4. the outbox wakes the sending pipeline: nothing is called from here
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { BeckonError } from '../errors.ts';
import { traceHandleBytes, traceHandleText } from '../keys/fingerprints.ts';
import type { Metrics } from '../metrics.ts';
import type { EventStore } from '../store/api/events.ts';
import type { Owner } from '../store/api/terms.ts';
import type { NewMessage, SentMessage, TransitStore, UsageLimits } from '../store/api/transit.ts';
import type { UploadStatus, UploadStore } from '../store/api/uploads.ts';
import { checkDomain } from '../wire/domain-name.ts';
import { sealedEnvelope } from '../wire/message.ts';
import { sizeClass } from '../wire/padding.ts';
import { sizes, times } from '../wire/registry.ts';
import { decode } from '../wire/schema.ts';
import type { Submission, SubmittedMessage } from '../wire/submission.ts';
import type { AccountUser } from './user.ts';

/** How long reserved ids are kept, seconds. */
export const reservationLife = 86_400;
/** Most messages of one commit, and ids of one reservation. */
export const maxBatch = 64;

export interface Part {
  readonly offset: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface Submit {
  reserve(
    user: AccountUser,
    count: number,
  ): Promise<{ readonly ids: readonly Uint8Array[]; readonly expires: number }>;
  /** Opens or finds an upload. Throws `quota_exceeded`, `storage_full`, `conflict` (also for a domain that leaves, as `reserve`). */
  openUpload(user: AccountUser, upload: Uint8Array, size: number): Promise<UploadStatus>;
  /** Throws `not_found`. */
  uploadProgress(user: AccountUser, upload: Uint8Array): Promise<UploadStatus>;
  /** Its bytes count no more. Throws `conflict` while a part of it is being written. */
  abandonUpload(user: AccountUser, upload: Uint8Array): Promise<void>;
  /** Throws `not_found`, `conflict`, `too_large`, `storage_full`. */
  writePart(user: AccountUser, upload: Uint8Array, part: Part): Promise<UploadStatus>;
  /** The trace handles in order. Throws `request_invalid`, `payload_mismatch`, `conflict`, `quota_exceeded`, `storage_full`. */
  commit(user: AccountUser, submission: Submission): Promise<readonly string[]>;
}

export interface SubmitParts {
  readonly transit: TransitStore;
  readonly uploads: UploadStore;
  readonly events: EventStore;
  /** Whether a domain leaves: then nothing new is sent from it. */
  readonly isLeaving?: (domain: string) => boolean;
  /** What users of a domain may keep waiting. */
  readonly limitsOf: (domain: string) => Promise<UsageLimits>;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
}

export function createSubmit(parts: SubmitParts): Submit {
  const { transit, uploads, events, isLeaving, limitsOf, clock, random, metrics } = parts;

  function expectStaying({ domain }: Owner): void {
    if (isLeaving?.(domain) === true)
      throw new BeckonError('conflict', 'your domain leaves: nothing new is sent from it');
  }

  /** Of a commit that is repeated, the first message: its upload is gone, so the size is known from here alone. */
  async function committedBefore(owner: Owner, { messages }: Submission): Promise<SentMessage | undefined> {
    const [first] = messages;
    return first && (await transit.find(owner, traceHandleBytes(first.id)));
  }

  /** Of the payload. Throws `request_invalid`, `conflict`. */
  async function newSize(owner: Owner, submission: Submission): Promise<number> {
    if ('upload' in submission) return (await uploads.status(owner, submission.upload))?.size ?? 0;
    expectStaying(owner);
    const { length } = submission.payload;
    if (length < sizes.payloadFloor || length > sizes.payloadInCommit)
      throw new BeckonError('request_invalid', 'a payload within its commit has 4096 to 32768 bytes');
    return length;
  }

  async function noteStored(messages: readonly NewMessage[], time: number): Promise<void> {
    metrics.submissions.inc(messages.length);
    const kind = 'stored';
    await events.add(
      messages.map(({ traceHandle: handle, destination: counterpart }) => ({
        handle,
        time,
        kind,
        counterpart,
      })),
    );
  }

  return {
    async reserve({ owner }, count) {
      expectStaying(owner);
      const ids = Array.from({ length: Math.min(count, maxBatch) }, () => random(sizes.messageId));
      const expires = clock.seconds() + reservationLife;
      await transit.reserve(owner, ids, expires);
      return { ids, expires };
    },

    async openUpload({ owner }, upload, size) {
      expectStaying(owner);
      return await uploads.open(owner, upload, size, await limitsOf(owner.domain));
    },

    async uploadProgress({ owner }, upload) {
      const status = await uploads.status(owner, upload);
      if (status === undefined) throw new BeckonError('not_found', 'no such upload');
      return status;
    },

    async abandonUpload({ owner }, upload) {
      await uploads.abandon(owner, upload);
    },

    async writePart({ owner }, upload, { offset, bytes }) {
      return await uploads.write(owner, upload, offset, bytes);
    },

    async commit({ owner }, submission) {
      const { payloadHash: hash } = submission;
      const before = await committedBefore(owner, submission);
      const size = before?.size ?? (await newSize(owner, submission));
      const now = before?.created ?? clock.seconds();
      const messages = submission.messages.map((message) => checked(message, size, now));
      const source = 'upload' in submission ? { upload: submission.upload } : { payload: submission.payload };
      await transit.commit(owner, { ...source, hash, messages }, await limitsOf(owner.domain));
      if (before === undefined) await noteStored(messages, now);
      return messages.map((message) => traceHandleText(message.traceHandle));
    },
  };
}

/** What can be checked without the keys. Throws `request_invalid`, `domain_invalid` or a `cbor_*` code. */
function checked(message: SubmittedMessage, size: number, now: number): NewMessage {
  checkDomain(message.destination);
  const envelope = decode(sealedEnvelope, message.envelope);
  if (envelope.destination !== message.destination)
    throw new BeckonError('request_invalid', 'the envelope is for another domain');
  const units = message.header.length / sizes.privateHeaderUnit;
  if (!Number.isInteger(units) || units < 1 || units > sizes.privateHeaderMaxUnits)
    throw new BeckonError('request_invalid', 'a private header has n x 4096 bytes');
  const transit = message.expires - now;
  // The slack is as long as the shortest transit: what would end at once is refused all the same.
  if (transit <= times.transitMin - times.clockSlack || transit > times.transitMax + times.clockSlack)
    throw new BeckonError('request_invalid', 'transit takes from 1 hour to 90 days');
  return { ...message, sizeClass: sizeClass(size), traceHandle: traceHandleBytes(message.id) };
}
