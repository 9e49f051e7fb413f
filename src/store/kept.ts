/** Ciphertexts kept for users, with an index by their end. An upload's reference to its blob goes over to the row, as in a commit. */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { hash, length, time } from '../wire/items.ts';
import { field, record, type ValueOf } from '../wire/schema.ts';
import { minKept, type Kept, type KeptStore, type NewKept } from './api/kept.ts';
import type { Owner } from './api/terms.ts';
import type { Aside } from './aside.ts';
import { blobId, type BlobRefs } from './blobs.ts';
import { equal } from './digest.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { after, behind, checkCursor, joined, ordered, ownerKey } from './keys.ts';
import type { CompleteUpload, UploadTables } from './uploads.ts';

const nameSize = 32;
const timeSize = 6;
/** All that a user can have by far: those of one user go in one write. */
const maxOfOwner = 1_000_000;

export const keptRow = record('kept', {
  blob: field(1, blobId),
  size: field(2, length),
  hash: field(3, hash),
  created: field(4, time),
  expires: field(5, time),
});
type KeptRow = ValueOf<typeof keptRow>;

export interface KeptTables {
  readonly store: KeptStore;
  /** Inside a write: they go with their user. */
  removeAll(owner: Owner): void;
  count(): number;
}

export interface KeptParts {
  readonly engine: Engine;
  readonly blobs: BlobRefs;
  readonly uploads: UploadTables;
  readonly aside: Aside;
  readonly clock: Clock;
}

export function createKept({ engine, blobs, uploads, aside, clock }: KeptParts): KeptTables {
  const kept = engine.table('kept', schemaCodec(keptRow));
  const byEnd = engine.table('kept_by_end', emptyCodec);
  const endKey = (key: Uint8Array, { expires }: KeptRow) => joined(ordered(expires), key);

  function keyOf(owner: Owner, name: Uint8Array): Uint8Array {
    if (name.length !== nameSize) throw new BeckonError('request_invalid', 'a name has 32 bytes');
    return joined(ownerKey(owner), name);
  }

  function put(key: Uint8Array, before: KeptRow | undefined, row: KeptRow): void {
    if (before !== undefined) byEnd.remove(endKey(key, before));
    kept.put(key, row);
    byEnd.put(endKey(key, row), undefined);
  }

  function removeRow(key: Uint8Array, row: KeptRow): void {
    kept.remove(key);
    byEnd.remove(endKey(key, row));
    aside.change(-row.size);
    blobs.release(row.blob);
  }

  function removeKey(key: Uint8Array): void {
    const row = kept.get(key);
    if (row !== undefined) removeRow(key, row);
  }

  /** What expired and was not swept yet makes room. */
  function standing(key: Uint8Array): KeptRow | undefined {
    const row = kept.get(key);
    return row === undefined || row.expires <= clock.seconds() ? undefined : row;
  }

  function add(owner: Owner, upload: CompleteUpload | undefined, wanted: NewKept): KeptRow {
    if (upload === undefined) throw new BeckonError('conflict', 'the upload is not complete');
    if (!equal(upload.hash, wanted.hash))
      throw new BeckonError('payload_mismatch', 'the upload has another hash');
    if (upload.size < minKept)
      throw new BeckonError('request_invalid', `what is kept has at least ${minKept} bytes`);
    if (!uploads.consume(owner, wanted.upload, upload.blob))
      throw new BeckonError('conflict', 'the upload was used meanwhile');
    const { blob, size } = upload;
    aside.change(size);
    return { blob, size, hash: wanted.hash, created: clock.seconds(), expires: wanted.expires };
  }

  /** An upload of what is kept already. */
  function giveUp(owner: Owner, upload: CompleteUpload | undefined, wanted: NewKept): void {
    if (upload !== undefined && uploads.consume(owner, wanted.upload, upload.blob))
      blobs.release(upload.blob);
  }

  const store: KeptStore = {
    async keep(owner, wanted) {
      const key = keyOf(owner, wanted.name);
      const upload = await uploads.complete(owner, wanted.upload);
      const row = await engine.write(() => {
        const before = standing(key);
        if (before !== undefined && !equal(before.hash, wanted.hash))
          throw new BeckonError('conflict', 'something else is kept under this name');
        if (before === undefined) removeKey(key);
        else giveUp(owner, upload, wanted);
        const next =
          before === undefined
            ? add(owner, upload, wanted)
            : { ...before, expires: Math.max(before.expires, wanted.expires) };
        put(key, before, next);
        return next;
      });
      return keptOf(wanted.name, row);
    },
    async get(owner, name) {
      const row = standing(keyOf(owner, name));
      return row && keptOf(name, row);
    },
    async list(owner, { after: cursor, limit }) {
      const prefix = ownerKey(owner);
      const place = checkCursor(cursor, nameSize);
      const from = place === undefined ? prefix : after(joined(prefix, place));
      const rows = kept.range({ from, to: behind(prefix), limit });
      const now = clock.seconds();
      const items = rows
        .filter(({ value }) => value.expires > now)
        .map(({ key, value }) => keptOf(key.slice(prefix.length), value));
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return last === undefined ? { items } : { items, next: last.key.slice(prefix.length) };
    },
    async remove(owner, name) {
      const key = keyOf(owner, name);
      await engine.write(() => removeKey(key));
    },
    expire: (now, limit) =>
      engine.write(() => {
        const due = byEnd.keys({ to: ordered(now + 1), limit });
        for (const key of due) removeKey(key.slice(timeSize));
        return due.length;
      }),
  };

  return {
    store,
    removeAll(owner) {
      const prefix = ownerKey(owner);
      for (const { key, value } of kept.range({ from: prefix, to: behind(prefix), limit: maxOfOwner }))
        removeRow(key, value);
    },
    count: () => kept.count(),
  };
}

function keptOf(name: Uint8Array, { blob: id, size, hash: sha256, created, expires }: KeptRow): Kept {
  return { id, size, hash: sha256, name, created, expires };
}
