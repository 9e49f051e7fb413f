/** Keys of rows: parts one after the other, compared bytewise. */
import { BeckonError } from '../errors.ts';
import { createOutput, finish, writeArrayHead, writeBytes, writeText } from '../wire/cbor.ts';
import type { Owner } from './api/terms.ts';
import { sha256 } from './digest.ts';

const utf8 = new TextEncoder();

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const key = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    key.set(part, at);
    at += part.length;
  }
  return key;
}

/** A text and a zero byte, which no name contains: so that no name is the beginning of another. */
export function name(text: string): Uint8Array {
  const encoded = utf8.encode(text);
  const key = new Uint8Array(encoded.length + 1);
  key.set(encoded);
  return key;
}

/** An integer below 2^48 in 6 bytes, so that keys sort by it. */
export function ordered(value: number): Uint8Array {
  const key = new Uint8Array(6);
  new DataView(key.buffer).setUint32(2, value >>> 0);
  new DataView(key.buffer).setUint16(0, Math.floor(value / 2 ** 32));
  return key;
}

export function readOrdered(key: Uint8Array, at = 0): number {
  const view = new DataView(key.buffer, key.byteOffset + at, 6);
  return view.getUint16(0) * 2 ** 32 + view.getUint32(2);
}

/** Sorts the newest first. */
export function newestFirst(time: number): Uint8Array {
  return ordered(2 ** 48 - 1 - time);
}

/** The first key behind all that begin with `prefix`. */
export function behind(prefix: Uint8Array): Uint8Array {
  const end = prefix.slice();
  for (let i = end.length - 1; i >= 0; i--) {
    if ((end[i] as number) < 255) {
      end[i] = (end[i] as number) + 1;
      return end.subarray(0, i + 1);
    }
  }
  throw new BeckonError('internal', 'a prefix of a key is all ones');
}

/** The next key: what a page that ended at `key` goes on with. */
export function after(key: Uint8Array): Uint8Array {
  return joined(key, new Uint8Array(1));
}

export function ownerKey(owner: Owner): Uint8Array {
  return joined(name(owner.domain), owner.user);
}

/** What tells refs of one recipient apart: SHA-256 of the deterministic array `[sending domain, message id]`. */
export function refHash(sender: string, messageId: Uint8Array): Uint8Array {
  const output = createOutput(128);
  writeArrayHead(output, 2);
  writeText(output, sender);
  writeBytes(output, messageId);
  return sha256(finish(output));
}

/** The end of a page's keys as the cursor of the next; `size` is what every cursor of this listing has. */
export function checkCursor(cursor: Uint8Array | undefined, size: number): Uint8Array | undefined {
  if (cursor !== undefined && cursor.length !== size)
    throw new BeckonError('request_invalid', 'this is no place of this listing');
  return cursor;
}
