/**
 * Chunked encryption of whole texts, in memory and as streams of any size in flat memory; the chunks themselves are
 * `chunked-cipher.ts`, the layout `chunked-format.ts`.
 *
 *   1. cut      the source's pieces, of any sizes, into chunks, copying only what straddles two pieces
 *   2. cipher   each chunk straight into an output piece
 *   3. yield    each output piece once it is full: a new buffer, so that the consumer may keep it
 */
import { uninitialised } from '#primitives';
import { BeckonError } from '../errors.ts';
import { createDecryptor, createEncryptor } from './chunked-cipher.ts';
import type { Decryptor } from './chunked-cipher.ts';
import {
  CHUNK,
  CHUNKED_HEADER,
  CHUNK_TAG,
  SEALED_CHUNK,
  ciphertextLength,
  plaintextLength,
} from './chunked-format.ts';
import type { Random } from './random.ts';

export { createDecryptor, createEncryptor } from './chunked-cipher.ts';
export type { Decryptor, Encryptor } from './chunked-cipher.ts';
export * from './chunked-format.ts';

/** Chunks in an output piece: 256 KiB. */
const BATCH = 16;

/**
 * Encrypts a stream under a key (32 bytes) and a context; `random(24)` is the salt. Yields the ciphertext, header first, in
 * pieces of about 256 KiB. Throws `key_invalid`.
 */
export async function* encryptStream(
  key: Uint8Array,
  context: Uint8Array,
  source: AsyncIterable<Uint8Array>,
  random: Random,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encryptor = createEncryptor(key, context, random);
  const cutter = createCutter(CHUNK);
  let out = uninitialised(CHUNKED_HEADER + BATCH * SEALED_CHUNK);
  out.set(encryptor.header);
  let used = CHUNKED_HEADER;
  let index = 0;
  for await (const piece of source) {
    for (const chunk of cutter.cut(piece)) {
      used += encryptor.sealInto(index++, chunk, out, used);
      if (out.length - used < SEALED_CHUNK) {
        yield out.subarray(0, used);
        out = uninitialised(BATCH * SEALED_CHUNK);
        used = 0;
      }
    }
  }
  used += encryptor.sealInto(index, cutter.rest(), out, used);
  yield out.subarray(0, used);
}

export interface DecryptOptions {
  /** The message's first 56 bytes, if the source starts behind them. */
  header?: Uint8Array | undefined;
  /** The number of the source's first chunk, with `header` given: to go on where an earlier attempt ended. */
  fromChunk?: number | undefined;
}

/**
 * Decrypts a stream; yields the plaintext in pieces of 256 KiB. Each yielded byte is authentic, but that the text is complete is
 * known only when the stream has ended without an error. Before an error, be it the source's, all that was opened is yielded.
 * Throws `key_invalid`, `commitment_mismatch`, `open_failed`, `payload_truncated`.
 */
export async function* decryptStream(
  key: Uint8Array,
  context: Uint8Array,
  source: AsyncIterable<Uint8Array>,
  options: DecryptOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { header, fromChunk = 0 } = options;
  let decryptor = header === undefined ? undefined : createDecryptor(key, context, header);
  const cutter = createCutter(SEALED_CHUNK, decryptor === undefined ? CHUNKED_HEADER : SEALED_CHUNK);
  let out = uninitialised(BATCH * CHUNK);
  let used = 0;
  let index = fromChunk;
  try {
    for await (const piece of source) {
      for (const chunk of cutter.cut(piece)) {
        if (decryptor === undefined) {
          decryptor = createDecryptor(key, context, chunk);
          continue;
        }
        used += decryptor.openInto(index++, chunk, out, used);
        if (used === out.length) {
          const full = out;
          out = uninitialised(BATCH * CHUNK);
          used = 0;
          yield full;
        }
      }
    }
    used += openLast(decryptor, index, cutter.rest(), out, used);
  } catch (error) {
    if (used > 0) yield out.subarray(0, used);
    throw error;
  }
  if (used > 0) yield out.subarray(0, used);
}

function openLast(
  decryptor: Decryptor | undefined,
  index: number,
  rest: Uint8Array,
  out: Uint8Array,
  offset: number,
): number {
  if (decryptor === undefined || rest.length < CHUNK_TAG)
    throw new BeckonError('payload_truncated', 'the ciphertext ends too early');
  return decryptor.openInto(index, rest, out, offset);
}

/** Encrypts a text that fits into memory. As `encryptStream`. */
export function encryptBytes(
  key: Uint8Array,
  context: Uint8Array,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array {
  const encryptor = createEncryptor(key, context, random);
  const ciphertext = new Uint8Array(ciphertextLength(plaintext.length));
  ciphertext.set(encryptor.header);
  let used = CHUNKED_HEADER;
  for (let index = 0; index * CHUNK <= plaintext.length; index++) {
    const chunk = plaintext.subarray(index * CHUNK, (index + 1) * CHUNK);
    used += encryptor.sealInto(index, chunk, ciphertext, used);
  }
  return ciphertext;
}

/** Decrypts a text that fits into memory: all of it or nothing. Errors as `decryptStream`. */
export function decryptBytes(key: Uint8Array, context: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const decryptor = createDecryptor(key, context, ciphertext.subarray(0, CHUNKED_HEADER));
  const plaintext = new Uint8Array(plaintextLength(ciphertext.length));
  let used = 0;
  for (let index = 0, at = CHUNKED_HEADER; at < ciphertext.length; index++, at += SEALED_CHUNK) {
    used += decryptor.openInto(index, ciphertext.subarray(at, at + SEALED_CHUNK), plaintext, used);
  }
  return plaintext;
}

interface Cutter {
  /** The chunks that a piece completes: views that hold until the next is asked for. */
  cut(piece: Uint8Array): Generator<Uint8Array, void, undefined>;
  /** What is left once the source has ended. */
  rest(): Uint8Array;
}

/** Cuts pieces into chunks of `size` bytes, the first one of `first`. */
function createCutter(size: number, first = size): Cutter {
  const carry = new Uint8Array(Math.max(size, first));
  let held = 0;
  let want = first;
  return {
    *cut(piece) {
      let at = 0;
      while (held + piece.length - at >= want) {
        const part = piece.subarray(at, at + want - held);
        at += part.length;
        if (held > 0) carry.set(part, held);
        const chunk = held > 0 ? carry.subarray(0, want) : part;
        held = 0;
        want = size;
        yield chunk;
      }
      carry.set(piece.subarray(at), held);
      held += piece.length - at;
    },
    rest: () => carry.subarray(0, held),
  };
}
