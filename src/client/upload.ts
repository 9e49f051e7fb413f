/**
 * A payload on its way to the own domain.
 *
 *  1. the upload is opened: too much is refused here, before anything is encrypted
 *  2. parts are filled from the stream: one fills while the one before is under way, in two buffers
 *  3. a part that failed goes on from what the domain has of it
 */
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import type { OwnDomain } from './own-domain.ts';

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

/** Uploads a payload. Throws `quota_exceeded`, `storage_full`, `too_large`, network codes, and what the stream throws. */
export async function uploadPayload(own: Uploads, upload: Upload): Promise<void> {
  const { id, size, stream, partBytes = defaultPartBytes } = upload;
  await own.openUpload(id, size);
  const length = Math.min(partBytes, size);
  let filling = new Uint8Array(length);
  let spare = new Uint8Array(length);
  let filled = 0;
  let sent = 0;
  let underWay: Promise<void> = Promise.resolve();

  async function flush(): Promise<void> {
    await underWay;
    upload.progress?.(sent);
    underWay = sendPart(own, upload, sent, filling.subarray(0, filled));
    // Awaited above or at the end; the stream may fail first.
    underWay.catch(() => undefined);
    sent += filled;
    filled = 0;
    [filling, spare] = [spare, filling];
  }

  try {
    for await (const piece of stream) {
      for (let at = 0; at < piece.length;) {
        const taken = piece.subarray(at, at + filling.length - filled);
        filling.set(taken, filled);
        filled += taken.length;
        at += taken.length;
        if (filled === filling.length) await flush();
      }
    }
    if (filled > 0) await flush();
  } finally {
    await underWay;
  }
  upload.progress?.(sent);
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

/** Sends one part from wherever the domain is in it. */
async function sendPart(own: Uploads, upload: Upload, start: number, part: Uint8Array): Promise<void> {
  const end = start + part.length;
  let received = start;
  for (let failures = 0; received < end;) {
    try {
      received = (await own.writePart(upload.id, received, part.subarray(received - start))).received;
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
