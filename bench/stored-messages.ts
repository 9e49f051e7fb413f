/** Messages that wait in a store, of the sizes that small messages have, without a client that seals them. */
import { systemClock } from '../src/clock.ts';
import { sha256 } from '../src/crypto/kdf.ts';
import { systemRandom } from '../src/crypto/random.ts';
import type { Store } from '../src/store/api/store.ts';
import type { Owner } from '../src/store/api/terms.ts';
import type { NewMessage } from '../src/store/api/transit.ts';
import { sizeClass } from '../src/wire/padding.ts';
import { sizes } from '../src/wire/registry.ts';

/** Bytes of the smallest private header, sealed, and of a sealed envelope. */
export const headerSize = 4096;
export const envelopeSize = 2200;

/** Part of an upload: at most 32 MiB. */
const partSize = 32 * 1024 * 1024;
const life = 7 * 86_400;

export function newOwner(domain: string): Owner {
  return { domain, user: systemRandom(32) };
}

/** A message with this id, to nobody at `beta.test`. `size` is that of its payload. */
export function newMessage(id: Uint8Array, size: number): NewMessage {
  return {
    id,
    destination: 'beta.test',
    sizeClass: sizeClass(size),
    expires: systemClock.seconds() + life,
    recipientHash: systemRandom(32),
    header: systemRandom(headerSize),
    envelope: systemRandom(envelopeSize),
    acceptTokenHash: systemRandom(32),
    traceHandle: systemRandom(sizes.traceHandle),
  };
}

/** Stores so many messages that share `payload`. Gives their ids. */
export async function storeMessages(
  store: Store,
  owner: Owner,
  payload: Uint8Array,
  count: number,
): Promise<readonly Uint8Array[]> {
  const ids = Array.from({ length: count }, () => systemRandom(sizes.messageId));
  await store.transit.reserve(owner, ids, systemClock.seconds() + life);
  const upload = systemRandom(16);
  await store.uploads.open(owner, upload, payload.length);
  for (let at = 0; at < payload.length; at += partSize)
    await store.uploads.write(owner, upload, at, piece(payload.subarray(at, at + partSize)));
  const messages = ids.map((id) => newMessage(id, payload.length));
  await store.transit.commit(owner, { upload, hash: sha256(payload), messages });
  return ids;
}

/** Stores a message for each payload, which comes with its commit. Gives their ids. */
export async function storeEach(
  store: Store,
  owner: Owner,
  payloads: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  const ids = payloads.map(() => systemRandom(sizes.messageId));
  await store.transit.reserve(owner, ids, systemClock.seconds() + life);
  await Promise.all(
    payloads.map(async (payload, n) => {
      const messages = [newMessage(ids[n] as Uint8Array, payload.length)];
      await store.transit.commit(owner, { payload, hash: sha256(payload), messages });
    }),
  );
  return ids;
}

export async function* piece(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
