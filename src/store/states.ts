/**
 * States of clients. A new one comes in as an upload of its own, so that one that is cut off goes as uploads go; the row,
 * the new blob's reference and the end of the old blob are one write. The old one is not kept: it could open more than the new.
 */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { hash, length, time } from '../wire/items.ts';
import { field, record, type ValueOf } from '../wire/schema.ts';
import type { NewState, StateStore, StoredState } from './api/states.ts';
import type { Owner } from './api/terms.ts';
import type { Aside } from './aside.ts';
import { blobId, type BlobRefs } from './blobs.ts';
import { equal, randomId } from './digest.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { joined, ownerKey } from './keys.ts';
import { uploadIdSize, type UploadTables } from './uploads.ts';

export const stateRow = record('state', {
  blob: field(1, blobId),
  size: field(2, length),
  hash: field(3, hash),
  changed: field(4, time),
});
type StateRow = ValueOf<typeof stateRow>;

export interface StateParts {
  readonly engine: Engine;
  readonly blobs: BlobRefs;
  readonly uploads: UploadTables;
  readonly aside: Aside;
  readonly clock: Clock;
}

export interface StateTables {
  readonly store: StateStore;
  /** Inside a write: the state goes with its user. */
  remove(owner: Owner): void;
}

export function createStates({ engine, blobs, uploads, aside, clock }: StateParts): StateTables {
  const states = engine.table('states', schemaCodec(stateRow));
  /** Keys whose state is on its way in: it counts before it is there, so each has one at a time. */
  const busy = new Set<string>();

  /** False where there is nothing left to do. */
  function isWanted(row: StateRow | undefined, { hash: next, previous }: NewState): boolean {
    if (row !== undefined && equal(row.hash, next)) return false;
    const expected = previous === undefined ? row === undefined : row && equal(row.hash, previous);
    if (expected !== true)
      throw new BeckonError('precondition_failed', 'the state was changed by another device: read it first');
    return true;
  }

  async function replace(owner: Owner, id: Uint8Array, state: NewState): Promise<void> {
    await uploads.store.write(owner, id, 0, state.bytes);
    const complete = await uploads.complete(owner, id);
    if (complete === undefined || !equal(complete.hash, state.hash))
      throw new BeckonError('payload_mismatch', 'the state has another hash');
    await engine.write(() => {
      const row = states.get(ownerKey(owner));
      if (!isWanted(row, state)) return;
      if (!uploads.consume(owner, id, complete.blob))
        throw new BeckonError('conflict', 'the state was given up meanwhile');
      if (row !== undefined) blobs.release(row.blob);
      aside.change(complete.size - (row?.size ?? 0));
      const { blob, size, hash: sha256 } = complete;
      states.put(ownerKey(owner), { blob, size, hash: sha256, changed: clock.seconds() });
    });
  }

  const store: StateStore = {
    async get(owner) {
      const row = states.get(ownerKey(owner));
      return row && storedOf(row);
    },
    async put(owner, state, limits) {
      if (!isWanted(states.get(ownerKey(owner)), state)) return;
      const name = Buffer.from(joined(ownerKey(owner), state.by ?? new Uint8Array())).toString('latin1');
      if (busy.has(name)) throw new BeckonError('conflict', 'another state is being written from here');
      busy.add(name);
      const id = randomId(uploadIdSize);
      try {
        await uploads.store.open(owner, id, state.size, limits);
        await replace(owner, id, state);
      } finally {
        busy.delete(name);
        await uploads.store.abandon(owner, id);
      }
    },
  };
  return {
    store,
    remove(owner) {
      const row = states.get(ownerKey(owner));
      if (row === undefined) return;
      states.remove(ownerKey(owner));
      aside.change(-row.size);
      blobs.release(row.blob);
    },
  };
}

function storedOf({ blob: id, size, hash: sha256, changed }: StateRow): StoredState {
  return { id, size, hash: sha256, changed };
}
