/**
 * Works on the store in the directory given until it is killed, and prints a line for each operation that was
 * acknowledged: `WORD HEX`. What belongs to an id is computed from the id, so that another process can check it.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/clock.ts';
import type { Owner } from '../../src/store/api/terms.ts';
import type { NewMessage } from '../../src/store/api/transit.ts';
import { endProcess } from '../../src/store/end-process.ts';
import { openStore } from '../../src/store/store.ts';
import { collected, filled, pieces, random, sha256 } from './fixture.ts';

export const owner: Owner = { domain: 'alpha.test', user: filled(1) };
const workers = 12;
/** Planted: says that a message is stored before it is. Whoever looks for losses must find these. */
const early = process.env['BECKON_ACKNOWLEDGE'] === 'early';

export function headerOf(idHash: Uint8Array): Uint8Array {
  return filled(idHash[0] ?? 0, 4096 + (idHash[1] ?? 0));
}

export function payloadOf(idHash: Uint8Array): Uint8Array {
  return filled(idHash[2] ?? 0, 4096 + (isWhole(idHash) ? (idHash[3] ?? 0) : (idHash[3] ?? 0) * 3000));
}

/** Whether the payload goes with its commit. */
function isWhole(idHash: Uint8Array): boolean {
  return (idHash[6] ?? 0) % 2 === 0;
}

export function readNumber(state: Uint8Array): number {
  return new DataView(state.buffer, state.byteOffset).getUint32(0);
}

export function tokenOf(idHash: Uint8Array): Uint8Array {
  return sha256(idHash);
}

function messageOf(id: Uint8Array, expires: number): NewMessage {
  const idHash = sha256(id);
  return {
    id,
    destination: 'beta.test',
    recipientHash: filled(3),
    sizeClass: 12,
    header: headerOf(idHash),
    envelope: headerOf(idHash),
    acceptTokenHash: tokenOf(idHash),
    expires,
    traceHandle: idHash.slice(0, 10),
  };
}

/** The n-th state that this user's client writes: it begins with its number. */
export function stateOf(n: number): Uint8Array {
  const state = filled(n % 251, 5000 + (n % 5) * 200_000);
  new DataView(state.buffer).setUint32(0, n);
  return state;
}

/** What is kept under a name. */
export function keptOf(name: Uint8Array): Uint8Array {
  return filled(name[0] ?? 0, 4096 + (name[1] ?? 0) * 2000);
}

function acknowledged(word: string, bytes: Uint8Array): void {
  writeSync(1, `${word} ${Buffer.from(bytes).toString('hex')}\n`);
}

async function work(dir: string): Promise<void> {
  const store = await openStore({ dir, clock: systemClock, onFailure: endProcess });

  async function send(): Promise<Uint8Array> {
    const now = systemClock.seconds();
    const id = random(32);
    const idHash = sha256(id);
    const upload = random(16);
    const payload = payloadOf(idHash);
    if (early) acknowledged('stored', idHash);
    await store.transit.reserve(owner, [id], now + 3600);
    const whole = isWhole(idHash);
    if (!whole) {
      await store.uploads.open(owner, upload, payload.length);
      await store.uploads.write(owner, upload, 0, pieces(payload));
    }
    await store.transit.commit(owner, {
      ...(whole ? { payload } : { upload }),
      hash: sha256(payload),
      messages: [messageOf(id, now + 86_400)],
    });
    acknowledged('stored', idHash);
    return idHash;
  }

  async function receive(): Promise<void> {
    const now = systemClock.seconds();
    const messageId = random(32);
    await store.pending.admit({
      domain: 'alpha.test',
      sender: 'beta.test',
      now,
      quota: { key: 'beta.test', refs: 1e6 },
      introductionsPerHour: 0,
      refs: [{ recipientHash: messageId, messageId, expires: now + 86_400, sizeClass: 1 }],
    });
    acknowledged('admitted', messageId);
    if (messageId[0]! % 2 === 0) return;
    await store.pending.done('alpha.test', messageId, [messageId]);
    acknowledged('done', messageId);
  }

  /** States follow one another: whatever number is there is the last one, or the one that was under way. */
  async function writeStates(): Promise<never> {
    const found = await store.states.get(owner);
    const first = found && (await collected(store.blobs.read(found, 0, 4)));
    for (let n = first === undefined ? 0 : readNumber(first); ; n++) {
      const next = stateOf(n + 1);
      const previous = n === 0 ? undefined : sha256(stateOf(n));
      const content = { size: next.length, hash: sha256(next), bytes: pieces(next), previous };
      await store.states.put(owner, content);
      acknowledged('state', next.slice(0, 4));
    }
  }

  async function keep(): Promise<void> {
    const [name, upload] = [random(32), random(16)];
    const content = keptOf(name);
    await store.uploads.open(owner, upload, content.length);
    await store.uploads.write(owner, upload, 0, pieces(content));
    const expires = systemClock.seconds() + 86_400;
    await store.kept.keep(owner, { name, upload, hash: sha256(content), expires });
    acknowledged('kept', name);
    if (name[2]! % 2 === 0) return;
    acknowledged('dropping', name);
    await store.kept.remove(owner, name);
  }

  async function workOn(): Promise<never> {
    for (;;) {
      const idHash = await send();
      await receive();
      await keep();
      const now = systemClock.seconds();
      if (idHash[4]! % 3 === 0) {
        acknowledged('ending', idHash);
        await store.transit.accept(idHash, tokenOf(idHash), now);
        acknowledged('accepted', idHash);
      } else if (idHash[4]! % 3 === 1) {
        acknowledged('ending', idHash);
        await store.transit.retract(owner, idHash, now);
        acknowledged('withdrawn', idHash);
      }
      if (idHash[5]! % 4 === 0) await store.blobs.sweep(10);
    }
  }

  writeSync(1, 'ready -\n');
  await Promise.all([writeStates(), ...Array.from({ length: workers }, workOn)]);
}

const [dir] = process.argv.slice(2);
if (import.meta.main && dir !== undefined) await work(dir);
