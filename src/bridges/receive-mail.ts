/**
 * The bytes of one mail, from DATA to its end, into memory.
 *
 *  1. each piece counts against the size of a mail and against the room for all of them before it is kept
 *  2. its line ends are checked
 *  3. what is too much or wrong is let go at once, and what still comes is counted only
 */
import type { Readable } from 'node:stream';
import { createLineCheck } from './mail-lines.ts';
import type { MailRoom } from './mail-room.ts';

export type Received =
  | { readonly outcome: 'mail'; readonly bytes: Uint8Array; release(): void }
  | { readonly outcome: 'too_large' | 'no_room' | 'bare_line_end' };

export interface ReceiveLimits {
  readonly maxSize: number;
  readonly room: MailRoom;
  /** Told of every piece. */
  readonly onBytes: (length: number) => void;
}

/**
 * When data has to be here in full, once so many bytes more came: later by as long as they may take, and never further ahead than at its
 * beginning. Who sends fast at first earns no time to hold the room of others. Milliseconds.
 */
export function dueAfter(
  due: number,
  now: number,
  bytes: number,
  { dataMs, bytesPerSecond }: { readonly dataMs: number; readonly bytesPerSecond: number },
): number {
  return Math.min(now + dataMs, due + (bytes / bytesPerSecond) * 1000);
}

/** Reads to the end of the data. Throws where the client goes before. */
export async function receiveMail(
  data: Readable,
  { maxSize, room, onBytes }: ReceiveLimits,
): Promise<Received> {
  const isSound = createLineCheck();
  const pieces: Uint8Array[] = [];
  let length = 0;
  let taken = 0;
  let trouble: Exclude<Received['outcome'], 'mail'> | undefined;
  const release = (): void => {
    room.give(taken);
    taken = 0;
    pieces.length = 0;
  };
  try {
    for await (const piece of data as AsyncIterable<Uint8Array>) {
      onBytes(piece.length);
      length += piece.length;
      if (trouble !== undefined) continue;
      if (length > maxSize) trouble = 'too_large';
      else if (!isSound(piece)) trouble = 'bare_line_end';
      else if (!room.take(piece.length)) trouble = 'no_room';
      else {
        taken += piece.length;
        pieces.push(piece);
      }
      if (trouble !== undefined) release();
    }
  } catch (error) {
    release();
    throw error;
  }
  if (trouble !== undefined) return { outcome: trouble };
  const [only] = pieces;
  const bytes = pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
  pieces.length = 0;
  return { outcome: 'mail', bytes, release };
}
