/** Messages that wait to be pulled, with an index by when they are tried next. A row has the key of its pending ref. */
import { BeckonError } from '../errors.ts';
import { domainName, hash, messageId, time } from '../wire/items.ts';
import { bytes, field, record, uint, type ValueOf } from '../wire/schema.ts';
import { maxQueued, type PullStore, type QueuedPull } from './api/pulls.ts';
import type { Owner } from './api/terms.ts';
import { randomId } from './digest.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { behind, joined, name, ordered, ownerKey, refHash } from './keys.ts';
import type { PendingTables } from './pending.ts';
import { uploadIdSize, type UploadTables } from './uploads.ts';

const hashSize = 32;
const timeSize = 6;

export const queuedRow = record('queued-pull', {
  sender: field(1, domainName),
  messageId: field(2, messageId),
  user: field(3, hash),
  upload: field(4, bytes(uploadIdSize)),
  attempt: field(5, uint()),
  due: field(6, time),
});
type QueuedRow = ValueOf<typeof queuedRow>;

export interface PullQueueTables {
  readonly store: Pick<PullStore, 'ask' | 'due' | 'nextDue' | 'postpone' | 'giveUp' | 'subscribe'>;
  /** Inside a write: not tried any more, whatever came of it goes. */
  drop(key: Uint8Array): void;
  /** Inside a write: pulled; the upload is the caller's. False where it was dropped meanwhile. */
  finish(key: Uint8Array): boolean;
  removeAll(owner: Owner): void;
}

export interface PullQueueParts {
  readonly engine: Engine;
  readonly pending: Pick<PendingTables, 'waiting'>;
  readonly uploads: Pick<UploadTables, 'giveUp'>;
  readonly hasCopy: (key: Uint8Array) => boolean;
}

/** The row of a ref in the pending table, the queue and the blind store. */
export function refKey(ref: {
  readonly domain: string;
  readonly recipientHash: Uint8Array;
  readonly sender: string;
  readonly messageId: Uint8Array;
}): Uint8Array {
  return joined(name(ref.domain), ref.recipientHash, refHash(ref.sender, ref.messageId));
}

export const dueKey = (key: Uint8Array, { due }: Pick<QueuedRow, 'due'>): Uint8Array =>
  joined(ordered(due), key);
export const queueOwnerKey = (key: Uint8Array, { user }: Pick<QueuedRow, 'user'>): Uint8Array =>
  joined(ownerKey({ domain: domainOf(key), user }), key.subarray(-2 * hashSize));

/** Of a row's key. */
export function domainOf(key: Uint8Array): string {
  return new TextDecoder().decode(key.subarray(0, -2 * hashSize - 1));
}

export function createPullQueue({ engine, pending, uploads, hasCopy }: PullQueueParts): PullQueueTables {
  const queue = engine.table('pull_queue', schemaCodec(queuedRow));
  const byDue = engine.table('pull_due', emptyCodec);
  const byOwner = engine.table('pull_by_owner', emptyCodec);
  const listeners = new Set<() => void>();

  function put(key: Uint8Array, row: QueuedRow): void {
    queue.put(key, row);
    byDue.put(dueKey(key, row), undefined);
    byOwner.put(queueOwnerKey(key, row), undefined);
  }

  function remove(key: Uint8Array): QueuedRow | undefined {
    const row = queue.get(key);
    if (row === undefined) return undefined;
    queue.remove(key);
    byDue.remove(dueKey(key, row));
    byOwner.remove(queueOwnerKey(key, row));
    return row;
  }

  function drop(key: Uint8Array): void {
    const row = remove(key);
    if (row !== undefined) uploads.giveUp({ domain: domainOf(key), user: row.user }, row.upload);
  }

  function expectRoom(owner: Owner): void {
    const prefix = ownerKey(owner);
    if (byOwner.keys({ from: prefix, to: behind(prefix), limit: maxQueued }).length >= maxQueued)
      throw new BeckonError('quota_exceeded', 'as many messages wait to be pulled for this user as may');
  }

  function queuedOf(key: Uint8Array): QueuedPull | undefined {
    const row = queue.get(key);
    const ref = pending.waiting(key);
    if (row === undefined || ref === undefined) return undefined;
    const { expires, sizeClass } = ref;
    const recipientHash = key.slice(-2 * hashSize, -hashSize);
    return { ...row, key, domain: domainOf(key), recipientHash, expires, sizeClass };
  }

  return {
    store: {
      async ask(owner, ref, due) {
        const key = refKey({ ...ref, domain: owner.domain });
        if (pending.waiting(key) === undefined) return 'unknown';
        if (hasCopy(key)) return 'pulled';
        await engine.write(() => {
          if (queue.has(key) || hasCopy(key) || pending.waiting(key) === undefined) return;
          expectRoom(owner);
          const { sender, messageId: id } = ref;
          const upload = randomId(uploadIdSize);
          put(key, { sender, messageId: id, user: owner.user, upload, attempt: 0, due });
        });
        for (const listener of listeners) listener();
        return 'waiting';
      },
      due: async (now, limit) =>
        byDue.keys({ to: ordered(now + 1), limit }).flatMap((key) => queuedOf(key.slice(timeSize)) ?? []),
      async nextDue() {
        const [first] = byDue.keys({ limit: 1 });
        return first === undefined ? undefined : queue.get(first.slice(timeSize))?.due;
      },
      async postpone(pulls) {
        if (pulls.length === 0) return;
        await engine.write(() => {
          for (const { key, attempt, due } of pulls) {
            const row = remove(key);
            if (row !== undefined) put(key, { ...row, attempt, due });
          }
        });
      },
      async giveUp({ key }) {
        await engine.write(() => drop(key));
      },
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    drop,
    finish: (key) => remove(key) !== undefined,
    removeAll(owner) {
      const prefix = ownerKey(owner);
      const keys = byOwner.keys({ from: prefix, to: behind(prefix), limit: maxQueued });
      for (const key of keys) drop(joined(name(owner.domain), key.subarray(prefix.length)));
    },
  };
}
