/** Messages that ended in every way there is, for silence.ts. */
import type { Clock } from '../../src/clock.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { createUpkeep } from '../../src/fetch/expire.ts';
import { textOf } from '../../src/http/gather.ts';
import { payloadSize } from '../../src/message/payload.ts';
import type { Store } from '../../src/store/api/store.ts';
import { sizes } from '../../src/wire/registry.ts';

const day = 86_400;
const perKind = 256;
const owner = { domain: 'alpha.test', user: systemRandom(32) };

/** Paths by kind; all are dead once `forward` moved the clock, by two days. */
export async function endedMessages(
  store: Store,
  clock: Clock,
  forward: () => void,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const then = clock.seconds();
  const expired = await commit(store, then, then + day);
  const retracted = await commit(store, then, then + 10 * day);
  const accepted = await commit(store, then, then + 10 * day);
  await commit(store, then, then + 10 * day);
  const unswept = await commit(store, then, then + 1.5 * day);
  for (const { id } of retracted) await store.transit.retract(owner, sha256(id), then);
  for (const { id, token } of accepted) await store.transit.accept(sha256(id), sha256(token), then);
  const upkeep = createUpkeep(
    store,
    { ...clock, seconds: () => then + 1.2 * day },
    new AbortController().signal,
  );
  await upkeep.run();
  forward();
  const pathsOf = (messages: readonly { readonly id: Uint8Array }[]) =>
    messages.map(({ id }) => `m/${textOf(id)}`);
  const never = Array.from({ length: perKind }, () => `m/${textOf(systemRandom(32))}`);
  return {
    never,
    expired: pathsOf(expired),
    expired_just_now: pathsOf(unswept),
    retracted: pathsOf(retracted),
    accepted: pathsOf(accepted),
    // As long as the others, and no base64url of 32 bytes.
    malformed: never.map((path) => `${path.slice(0, -1)}!`),
  };
}

async function commit(
  store: Store,
  now: number,
  expires: number,
): Promise<readonly { readonly id: Uint8Array; readonly token: Uint8Array }[]> {
  const payload = systemRandom(payloadSize(sizes.payloadFloor));
  const all = Array.from({ length: perKind }, () => ({ id: systemRandom(32), token: systemRandom(32) }));
  for (let at = 0; at < all.length; at += 64) {
    const some = all.slice(at, at + 64);
    const upload = systemRandom(16);
    await store.transit.reserve(
      owner,
      some.map(({ id }) => id),
      now + day,
    );
    await store.uploads.open(owner, upload, payload.length);
    await store.uploads.write(owner, upload, 0, piece(payload));
    await store.transit.commit(owner, {
      upload,
      hash: sha256(payload),
      messages: some.map(({ id, token }) => ({
        id,
        destination: 'beta.test',
        recipientHash: systemRandom(32),
        sizeClass: 12,
        header: systemRandom(4096),
        envelope: systemRandom(2200),
        acceptTokenHash: sha256(token),
        expires,
        traceHandle: systemRandom(10),
      })),
    });
  }
  return all;
}

async function* piece(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
