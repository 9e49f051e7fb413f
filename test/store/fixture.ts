/** Stores in throwaway directories, and messages to put into them. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { QueuedMail } from '../../src/store/api/mail-queue.ts';
import type { Store } from '../../src/store/api/store.ts';
import type { Owner } from '../../src/store/api/terms.ts';
import type { NewMessage } from '../../src/store/api/transit.ts';
import { openStore, type StoreOptions } from '../../src/store/store.ts';
import { testClock, type TestClock } from '../support/clock.ts';

export const start = 1_800_000_000;

export interface Opened {
  readonly store: Store;
  readonly clock: TestClock;
  readonly dir: string;
  /** Closes and opens it again. */
  reopen(): Promise<Store>;
}

export function temporaryDir(t: ExecutionContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'beckon-store-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function opened(t: ExecutionContext, options: Partial<StoreOptions> = {}): Promise<Opened> {
  const dir = temporaryDir(t);
  const clock = testClock(start);
  const open = () =>
    openStore({ dir, clock, onFailure: (error) => t.fail(`the disk failed: ${String(error)}`), ...options });
  let store = await open();
  t.teardown(() => store.close());
  return {
    store,
    clock,
    dir,
    async reopen() {
      await store.close();
      store = await open();
      return store;
    },
  };
}

export function random(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

/** `length` bytes that all are `value`. */
export function filled(value: number, length = 32): Uint8Array {
  return new Uint8Array(length).fill(value);
}

export const alice: Owner = { domain: 'alpha.test', user: filled(1) };
export const bob: Owner = { domain: 'alpha.test', user: filled(2) };

/** `bytes` in pieces of `piece`. */
export async function* pieces(bytes: Uint8Array, piece = 60_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
}

export async function collected(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

export function newMessage(changes: Partial<NewMessage> = {}): NewMessage {
  return {
    id: random(32),
    destination: 'beta.test',
    recipientHash: random(32),
    sizeClass: 12,
    header: random(4096),
    envelope: random(2200),
    acceptTokenHash: random(32),
    expires: start + 86_400,
    traceHandle: random(10),
    ...changes,
  };
}

/** Uploads a payload and gives the upload's id. */
export async function uploaded(store: Store, owner: Owner, payload: Uint8Array): Promise<Uint8Array> {
  const id = random(16);
  await store.uploads.open(owner, id, payload.length);
  await store.uploads.write(owner, id, 0, pieces(payload));
  return id;
}

export interface Sent {
  readonly message: NewMessage;
  readonly idHash: Uint8Array;
  readonly payload: Uint8Array;
  readonly upload: Uint8Array;
}

/** Reserves one message and commits it with its payload. */
export async function sentWhole(
  store: Store,
  owner: Owner = alice,
  payload: Uint8Array = random(5000),
): Promise<Omit<Sent, 'upload'>> {
  const message = newMessage();
  await store.transit.reserve(owner, [message.id], start + 3600);
  await store.transit.commit(owner, { payload, hash: sha256(payload), messages: [message] });
  return { message, idHash: sha256(message.id), payload };
}

/** Reserves, uploads and commits one message. */
export async function sent(
  store: Store,
  owner: Owner = alice,
  changes: Partial<NewMessage> = {},
): Promise<Sent> {
  const message = newMessage(changes);
  const payload = random(4096);
  await store.transit.reserve(owner, [message.id], start + 3600);
  const upload = await uploaded(store, owner, payload);
  await store.transit.commit(owner, { upload, hash: sha256(payload), messages: [message] });
  return { message, idHash: sha256(message.id), payload, upload };
}

/** Uploads a payload and queues it as mail for so many recipients. */
export async function queuedMail(
  store: Store,
  options: { readonly owner?: Owner; readonly id?: Uint8Array; readonly recipients?: number } = {},
): Promise<QueuedMail> {
  const { owner = alice, id = random(10), recipients = 1 } = options;
  const payload = random(5000);
  const upload = await uploaded(store, owner, payload);
  const mail = {
    id,
    upload,
    hash: sha256(payload),
    keyId: filled(9, 8),
    sealed: filled(8, 4096),
    recipients,
  };
  return await store.mailQueue.add(owner, mail);
}
