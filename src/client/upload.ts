/**
 * A payload on its way to the own domain.
 *
 *  1. the upload is opened: too much is refused here, before anything is encrypted; one that was begun before is found
 *  2. parts are filled from the stream: one fills while the one before is under way, in two buffers
 *  3. before a part leaves it is noted up to where bytes leave, with the hash of all of them
 *  4. a part that failed goes on from what the domain has of it
 *
 * Key and nonces of a payload must never meet two contents. So a stream that is made again is compared with the note before any of it
 * leaves: what left already has to be the same. What the domain has is never sent again.
 */
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import type { OwnDomain } from './own-domain.ts';

/** Ciphertext that left, or may have: none from behind `to`; `hash` is that of all up to there. The domain has all before `from`. */
export interface Left {
  readonly from: number;
  readonly to: number;
  readonly hash: Uint8Array;
}

export interface Upload {
  /** 16 random bytes. */
  readonly id: Uint8Array;
  /** In bytes. */
  readonly size: number;
  readonly stream: AsyncIterable<Uint8Array>;
  /** Of each part but the last, in bytes; 8 MiB unless told, 32 MiB at most. */
  readonly partBytes?: number;
  readonly progress?: (done: number) => void;
  readonly wait: (ms: number) => Promise<void>;
  /** Makes it last through a crash. */
  readonly notes?: UploadNotes;
}

export interface UploadNotes {
  /** Of an attempt that was cut off. */
  readonly left?: Left;
  /** SHA-256 of what the stream yielded until now. */
  soFar(): Uint8Array;
  /** Durable when it resolves: then these bytes leave. */
  note(left: Left): Promise<void>;
}

const defaultPartBytes = 8 * 1024 * 1024;
/** Tries of one part: it counts at the domain whole or not at all. */
const tries = 4;
const passing: readonly ErrorCode[] = [
  'network_failed',
  'unavailable',
  'rate_limited',
  'conflict',
  'discovery_later',
];

type Uploads = Pick<OwnDomain, 'openUpload' | 'uploadProgress' | 'writePart'>;

/**
 * Uploads a payload. False, nothing having left: it cannot go on where it was cut off, because the content is another or the domain does not
 * have what it had. Throws `quota_exceeded`, `storage_full`, `too_large`, network codes, and what the stream throws.
 */
export async function uploadPayload(own: Uploads, upload: Upload): Promise<boolean> {
  const { size, stream, partBytes = defaultPartBytes, notes } = upload;
  const begun = await found(own, upload);
  if (begun === undefined) return false;
  const has: number = begun;
  upload.progress?.(has);
  let unproven = notes?.left;
  const length = Math.min(partBytes, size);
  let filling = new Uint8Array(length);
  let spare = new Uint8Array(length);
  let filled = 0;
  let sent = 0;
  let yielded = 0;
  let underWay: Promise<void> = Promise.resolve();

  /** False where this part would leave unproven. */
  async function flush(): Promise<boolean> {
    const end = sent + filled;
    if (end > has) {
      if (unproven !== undefined) return false;
      await underWay;
      const from = Math.max(sent, has);
      upload.progress?.(from);
      await notes?.note({ from, to: yielded, hash: notes.soFar() });
      underWay = sendPart(own, upload, { start: sent, bytes: filling.subarray(0, filled) }, from);
      // Awaited above or at the end; the stream may fail first.
      underWay.catch(() => undefined);
    }
    sent = end;
    filled = 0;
    [filling, spare] = [spare, filling];
    return true;
  }

  try {
    for await (const piece of stream) {
      yielded += piece.length;
      if (unproven !== undefined && yielded >= unproven.to) {
        if (!isSame(unproven, yielded, notes)) return false;
        unproven = undefined;
      }
      for (let at = 0; at < piece.length;) {
        const taken = piece.subarray(at, at + filling.length - filled);
        filling.set(taken, filled);
        filled += taken.length;
        at += taken.length;
        if (filled === filling.length && !(await flush())) return false;
      }
    }
    if (unproven !== undefined || (filled > 0 && !(await flush()))) return false;
  } finally {
    await underWay;
  }
  upload.progress?.(sent);
  return true;
}

/** A small payload as a whole, of so many bytes. Throws what the stream throws. */
export async function gatherPayload(stream: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const whole = new Uint8Array(size);
  let filled = 0;
  for await (const piece of stream) {
    whole.set(piece, filled);
    filled += piece.length;
  }
  return whole;
}

/** How much the domain has of it. */
async function found(own: Uploads, { id, size, notes }: Upload): Promise<number | undefined> {
  if (notes?.left === undefined) return (await own.openUpload(id, size)).received;
  try {
    const { received } = await own.uploadProgress(id);
    return received >= notes.left.from && received <= notes.left.to ? received : undefined;
  } catch (error) {
    if (codeOf(error) === 'not_found') return undefined;
    throw error;
  }
}

function isSame({ to, hash }: Left, yielded: number, notes: UploadNotes | undefined): boolean {
  return yielded === to && notes !== undefined && constantTimeEqual(notes.soFar(), hash);
}

interface Part {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** Sends one part from `from` on, then from wherever the domain is in it. */
async function sendPart(own: Uploads, upload: Upload, { start, bytes }: Part, from: number): Promise<void> {
  const end = start + bytes.length;
  let received = from;
  for (let failures = 0; received < end;) {
    try {
      received = (await own.writePart(upload.id, received, bytes.subarray(received - start))).received;
    } catch (error) {
      if (!passing.includes(codeOf(error))) throw error;
      await upload.wait(500 * 2 ** failures);
      const now = (await own.uploadProgress(upload.id)).received;
      failures = now > received ? 0 : failures + 1;
      if (failures === tries) throw error;
      received = now;
    }
    if (received < start || received > end)
      throw new BeckonError('conflict', 'the domain has another part of the upload than was sent');
  }
}
