/**
 * The blind store. A copy has the key of its pending ref, which says until when it is here: one is never without the other. Payloads come in as
 * uploads, counted apart from what users have themselves.
 */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { hash, length, time } from '../wire/items.ts';
import { maxMessageObject } from '../wire/message.ts';
import { bytes, field, record, type ValueOf } from '../wire/schema.ts';
import type { CopyLimits, CopyStore } from './api/copies.ts';
import type { QueuedPull } from './api/pulls.ts';
import type { Owner } from './api/terms.ts';
import type { UsageLimits } from './api/transit.ts';
import { blobId, type BlobRefs } from './blobs.ts';
import { equal } from './digest.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { behind, joined, name, ordered, ownerKey } from './keys.ts';
import type { PendingTables } from './pending.ts';
import { domainOf, refKey, type PullQueueTables } from './pull-queue.ts';
import type { UploadTables } from './uploads.ts';
import type { UsageCounts } from './usage.ts';

const hashSize = 32;
const timeSize = 6;
/** All that a user can have by far: those of one user go in one write. */
const maxOfOwner = 1_000_000;
const part = bytes(1, maxMessageObject);

export const blindRow = record('blind', {
  user: field(1, hash),
  header: field(2, part),
  envelope: field(3, part),
  blob: field(4, blobId),
  size: field(5, length),
  hash: field(6, hash),
  expires: field(7, time),
});
export type BlindRow = ValueOf<typeof blindRow>;
export const blindCodec = schemaCodec(blindRow, 2 * maxMessageObject);

/** Its place in the index by end, and in its owner's list. */
export const blindEndKey = (key: Uint8Array, { expires }: BlindRow): Uint8Array =>
  joined(ordered(expires), key);
export const blindOwnerKey = (key: Uint8Array, { user }: BlindRow): Uint8Array =>
  joined(ownerKey({ domain: domainOf(key), user }), key.subarray(-2 * hashSize));

/** What counts besides the payload. */
export const sealedSize = ({ header, envelope }: Pick<BlindRow, 'header' | 'envelope'>): number =>
  header.length + envelope.length;

export interface CopyTables {
  readonly store: CopyStore;
  has(key: Uint8Array): boolean;
  /** Inside a write: the copy under a row's key goes; its ref is the caller's. */
  drop(key: Uint8Array): void;
  /** Inside a write: they go with their user. */
  removeAll(owner: Owner): void;
  count(): number;
}

export interface CopyParts {
  readonly engine: Engine;
  readonly blobs: BlobRefs;
  readonly uploads: UploadTables;
  readonly usage: UsageCounts;
  readonly pending: Pick<PendingTables, 'waiting' | 'markBlind'>;
  readonly queue: Pick<PullQueueTables, 'finish'>;
  readonly clock: Clock;
}

export function createCopies(parts: CopyParts): CopyTables {
  const { engine, blobs, uploads, usage, pending, queue, clock } = parts;
  const copies = engine.table('blind', blindCodec);
  const byOwner = engine.table('blind_by_owner', emptyCodec);
  const byEnd = engine.table('blind_by_end', emptyCodec);

  function drop(key: Uint8Array): void {
    const row = copies.get(key);
    if (row === undefined) return;
    copies.remove(key);
    byOwner.remove(blindOwnerKey(key, row));
    byEnd.remove(blindEndKey(key, row));
    blobs.release(row.blob);
    usage.change({ domain: domainOf(key), user: row.user }, { bytes: -sealedSize(row) });
  }

  function end(key: Uint8Array): void {
    drop(key);
    pending.markBlind(key, undefined);
  }

  /** Inside a write. */
  function put(key: Uint8Array, row: BlindRow, owner: Owner, limits: CopyLimits): void {
    usage.change(owner, { bytes: sealedSize(row) }, usageLimits(limits));
    copies.put(key, row);
    byOwner.put(blindOwnerKey(key, row), undefined);
    byEnd.put(blindEndKey(key, row), undefined);
    pending.markBlind(key, row.expires);
  }

  function isWanted(key: Uint8Array, owner: Owner, upload: Uint8Array): boolean {
    if (queue.finish(key) && pending.waiting(key) !== undefined && !copies.has(key)) return true;
    uploads.giveUp(owner, upload);
    return false;
  }

  const store: CopyStore = {
    async open(pull, size, limits) {
      const { received } = await uploads.openPulled(ownerOf(pull), pull.upload, size, usageLimits(limits));
      return received;
    },
    count: (pull, bytes, limits) => uploads.count(ownerOf(pull), pull.upload, bytes, usageLimits(limits)),
    rest: (pull) => uploads.rest(ownerOf(pull), pull.upload),
    async keep(pull, { header, envelope, hash: wanted, expires }, limits) {
      const owner = ownerOf(pull);
      const { key, upload } = pull;
      const complete = await uploads.complete(owner, upload);
      if (complete === undefined || !equal(complete.hash, wanted)) {
        await engine.write(() => uploads.giveUp(owner, upload));
        throw new BeckonError('payload_mismatch', 'what was pulled is not what was announced');
      }
      return await engine.write(() => {
        if (!isWanted(key, owner, upload)) return false;
        const { blob, size } = complete;
        if (!uploads.consume(owner, upload, blob))
          throw new BeckonError('conflict', 'the upload was given up meanwhile');
        blobs.count(blob, size, usageLimits(limits));
        const row = { user: owner.user, header, envelope, blob, size, hash: wanted, expires };
        put(key, row, owner, limits);
        return true;
      });
    },
    async get(ref) {
      const row = copies.get(refKey(ref));
      if (row === undefined || row.expires <= clock.seconds()) return undefined;
      const { header, envelope, blob: id, size, hash: sha256, expires } = row;
      return { header, envelope, payload: { id, size, hash: sha256 }, expires };
    },
    used: async ({ domain, user }) => usage.of(domain, user).bytes,
    expire: (now, limit) =>
      engine.write(() => {
        const due = byEnd.keys({ to: ordered(now + 1), limit });
        for (const key of due) end(key.slice(timeSize));
        return due.length;
      }),
  };

  return {
    store,
    has: (key) => copies.has(key),
    drop,
    removeAll(owner) {
      const prefix = ownerKey(owner);
      const keys = byOwner.keys({ from: prefix, to: behind(prefix), limit: maxOfOwner });
      for (const key of keys) end(joined(name(owner.domain), key.subarray(prefix.length)));
    },
    count: () => copies.count(),
  };
}

function ownerOf({ domain, user }: QueuedPull): Owner {
  return { domain, user };
}

function usageLimits({ userBytes, domainBytes }: CopyLimits): UsageLimits {
  return { userBytes, domainBytes };
}
