/**
 * The transit store. Each operation reads the row, asks life.ts for the step, and applies what it says to all tables in
 * one write: row, copy, payload reference, outbox ref, counts and indexes go together or not at all.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import type { Owner } from './api/terms.ts';
import type {
  Commit,
  Expired,
  FetchOutcome,
  RetractOutcome,
  TransitStore,
  UsageLimits,
} from './api/transit.ts';
import type { TakedownReason } from '../wire/registry.ts';
import { createBatches } from './batches.ts';
import type { BlobRefs } from './blobs.ts';
import { equal, sha256 } from './digest.ts';
import type { Engine } from './engine.ts';
import { createFetchNotes } from './fetch-notes.ts';
import { isLive, type Outcome } from './life.ts';
import type { OutboxTables } from './outbox.ts';
import {
  contentOf,
  copySize,
  digestOf,
  lifeOf,
  livePayload,
  ownerOf,
  sentMessage,
  type TransitRow,
} from './transit-rows.ts';
import { createTransitTables, isOf, type Waiting } from './transit-tables.ts';
import type { CompleteUpload, UploadTables } from './uploads.ts';
import type { UsageCounts } from './usage.ts';

/** Most header fetches of one write. */
const mostTogether = 1024;

/** A payload that is all there: as an upload, or as it came. */
export type Arrived = CompleteUpload | SmallPayload;

export interface SmallPayload {
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly hash: Uint8Array;
}

interface Fetched {
  readonly idHash: Uint8Array;
  readonly what: 'header' | 'payload';
  readonly at: number;
}

export interface TransitParts {
  readonly engine: Engine;
  readonly blobs: BlobRefs;
  readonly uploads: UploadTables;
  readonly outbox: OutboxTables;
  readonly usage: UsageCounts;
  /** What bridges brought, by recipient. */
  readonly received: UsageCounts;
  readonly clock: Clock;
  readonly hasRoom: (bytes: number) => boolean;
}

export interface Transit {
  readonly store: TransitStore;
  /** The payload of a commit, undefined for an upload that is unknown or not complete. Before a write. */
  arrived(owner: Owner, commit: Commit): Promise<Arrived | undefined>;
  /** Inside a write: stores messages whose ids nobody reserved. Throws as `TransitStore.commit`. */
  commitNew(owner: Owner, commit: Commit, payload: Arrived | undefined, limits?: UsageLimits): void;
  waiting(): Waiting;
  /** Writes the fetches that are not noted yet. Throws `storage_failed`. */
  flush(): Promise<void>;
}

export function createTransit(parts: TransitParts): Transit {
  const { engine, blobs, uploads, outbox, usage, clock, hasRoom } = parts;
  const messages = createTransitTables({ ...parts, refs: outbox.refs });

  /** True when all of it was committed before, exactly so. */
  function isRepeated(owner: Owner, commit: Commit): boolean {
    return commit.messages.every((message) => {
      const row = messages.get(sha256(message.id));
      if (row?.content === undefined || !isOf(row, owner)) return false;
      return equal(row.content.digest, digestOf(message, commit.hash));
    });
  }

  async function arrived(owner: Owner, commit: Commit): Promise<Arrived | undefined> {
    if ('upload' in commit) return await uploads.complete(owner, commit.upload);
    return { bytes: commit.payload, size: commit.payload.length, hash: sha256(commit.payload) };
  }

  /** The payload's blob, with one reference, and the bytes that count from now on. */
  function takePayload(owner: Owner, commit: Commit, payload: Arrived): { blob: Uint8Array; bytes: number } {
    if ('bytes' in payload) {
      if (!hasRoom(payload.size))
        throw new BeckonError('storage_full', 'the disk is full but for its reserve');
      return { blob: blobs.createSmall(owner, payload.bytes), bytes: payload.size };
    }
    if (!('upload' in commit) || !uploads.consume(owner, commit.upload, payload.blob))
      throw new BeckonError('conflict', 'the upload was used by another commit');
    return { blob: payload.blob, bytes: 0 };
  }

  /** Throws `conflict`, `payload_mismatch`. */
  function expectWhole(commit: Commit, payload: Arrived | undefined): Arrived {
    if (payload === undefined) throw new BeckonError('conflict', 'the upload is not complete');
    if (!equal(payload.hash, commit.hash))
      throw new BeckonError('payload_mismatch', 'the payload has another hash');
    return payload;
  }

  /** `ids`: whether they were reserved, or are new. */
  function commitAll(
    owner: Owner,
    commit: Commit,
    payload: Arrived | undefined,
    ids: 'reserved' | 'new',
    limits?: UsageLimits,
  ): void {
    const whole = expectWhole(commit, payload);
    const count = commit.messages.length;
    const { blob, bytes } = takePayload(owner, commit, whole);
    if (count > 1) blobs.refer(blob, count - 1);
    const { size, hash } = whole;
    for (const message of commit.messages) messages.store(owner, message, { blob, size, hash }, ids);
    const copies = commit.messages.reduce((sum, message) => sum + copySize(message), 0);
    usage.change(
      owner,
      { messages: count, bytes: bytes + copies, reserved: ids === 'new' ? 0 : -count },
      limits,
    );
  }

  function record({ idHash, what, at }: Fetched): FetchOutcome | undefined {
    const row = messages.get(idHash);
    if (row === undefined) return undefined;
    const before = knownBefore(row, what);
    return messages.step(idHash, row, { type: 'fetch', what, at }).outcome === 'fetched' ? before : undefined;
  }

  const recordHeader = createBatches(
    (fetched: readonly Fetched[]) => engine.write(() => fetched.map(record)),
    mostTogether,
  );
  const notes = createFetchNotes(engine, (fetched: readonly Fetched[]) => fetched.map(record));

  function expireOne(idHash: Uint8Array, now: number): readonly Expired[] {
    const row = messages.get(idHash);
    if (row === undefined) return [];
    const change = messages.step(idHash, row, { type: 'expire', at: now });
    if (change.outcome !== 'expired') return [];
    const { traceHandle, destination } = contentOf(row);
    return [{ owner: ownerOf(row), traceHandle, destination, fetched: row.firstFetch !== undefined }];
  }

  /** The trace handle of what ended by it. */
  function takeDown(idHash: Uint8Array, reason: TakedownReason, at: number): readonly Uint8Array[] {
    const row = messages.get(idHash);
    if (row === undefined || !isLive(lifeOf(row), at)) return [];
    messages.step(idHash, row, { type: 'takedown', reason, at });
    return [contentOf(row).traceHandle];
  }

  /** No message joins them meanwhile: an upload serves one commit. */
  async function sharing(owner: Owner, blob: Uint8Array): Promise<readonly Uint8Array[]> {
    const all: Uint8Array[] = [];
    let from: Uint8Array | undefined;
    do {
      const part = messages.sharing(owner, blob, from);
      all.push(...part.found);
      from = part.next;
      await setImmediate();
    } while (from !== undefined);
    return all;
  }

  /** One look more or less would tell ids that are dead from those that never were. */
  function liveRow(idHash: Uint8Array): TransitRow | undefined {
    const row = messages.getAlike(idHash);
    return row !== undefined && isLive(lifeOf(row), clock.seconds()) ? row : undefined;
  }

  const store: TransitStore = {
    reserve: (owner, ids, expires) =>
      engine.write(() => {
        for (const id of ids) messages.reserve(owner, id, expires);
        usage.change(owner, { reserved: ids.length });
      }),

    async commit(owner, commit, limits) {
      if (commit.messages.length === 0)
        throw new BeckonError('request_invalid', 'a commit without a message');
      const payload = await arrived(owner, commit);
      const stored = await engine.write(() => {
        if (isRepeated(owner, commit)) return false;
        commitAll(owner, commit, payload, 'reserved', limits);
        return true;
      });
      if (stored) outbox.wake();
    },

    async read(idHash) {
      const row = liveRow(idHash);
      const copy = row && messages.copyOf(idHash);
      return copy && { ...livePayload(row, contentOf(row)), header: copy.header, envelope: copy.envelope };
    },

    async readPayload(idHash) {
      const row = liveRow(idHash);
      return row && livePayload(row, contentOf(row));
    },

    async recordFetch(idHash, what, at) {
      const row = messages.get(idHash);
      if (row === undefined || !isLive(lifeOf(row), at)) return undefined;
      if (knownBefore(row, what) === 'again') return 'again';
      return await (what === 'payload' ? notes.add : recordHeader)({ idHash, what, at });
    },

    accept: (idHash, acceptTokenHash, at) =>
      notes.write(() => {
        const row = messages.get(idHash);
        if (row?.content === undefined) return 'gone';
        const rightToken = equal(row.content.acceptTokenHash, acceptTokenHash);
        const { outcome } = messages.step(idHash, row, { type: 'accept', rightToken, at });
        return outcome === 'accepted' ? outcome : 'gone';
      }),

    async retract(owner, handleOrIdHash, at) {
      const outcome = await notes.write(() => {
        const found = messages.find(owner, handleOrIdHash);
        return found === undefined ? 'gone' : messages.step(...found, { type: 'retract', at }).outcome;
      });
      if (outcome === 'withdrawn' || outcome === 'withdrawn_maybe_read') outbox.wake();
      return retracted(outcome);
    },

    async takedown(traceHandle, reason, at) {
      const [, named] = messages.byHandle(traceHandle) ?? [];
      if (named?.content === undefined) return undefined;
      const owner = ownerOf(named);
      const together = await sharing(owner, named.content.blob);
      const ended = await notes.write(() => together.flatMap((idHash) => takeDown(idHash, reason, at)));
      if (ended.length > 0) outbox.wake();
      const [, row = named] = messages.byHandle(traceHandle) ?? [];
      const done = ended.length > 0 || row.takedown !== undefined;
      return { owner, outcome: done ? 'taken_down' : 'gone', ended };
    },

    async find(owner, handleOrIdHash) {
      const [idHash, row] = messages.find(owner, handleOrIdHash) ?? [];
      return idHash && row?.content && sentMessage(idHash, row, row.content);
    },

    list: async (owner, page) => messages.sent(owner, page),

    expire: (now, limit) =>
      engine.write(() => {
        const due = messages.due(now, limit);
        return { expired: due.flatMap((idHash) => expireOne(idHash, now)), seen: due.length };
      }),

    usage: async (domain, user) => usage.of(domain, user),
  };
  return {
    store,
    arrived,
    commitNew: (owner, commit, payload, limits) => commitAll(owner, commit, payload, 'new', limits),
    waiting: messages.waiting,
    flush: notes.flush,
  };
}

/** Whether a fetch of this kind was noted of the row. */
function knownBefore({ firstFetch, fetched }: TransitRow, what: Fetched['what']): FetchOutcome {
  const isKnown = what === 'payload' ? fetched > 0 : firstFetch !== undefined;
  return isKnown ? 'again' : 'first';
}

function retracted(outcome: Outcome): RetractOutcome {
  if (outcome === 'withdrawn' || outcome === 'withdrawn_maybe_read') return outcome;
  return outcome === 'already_accepted' ? outcome : 'gone';
}
