/**
 * Payloads of any size in flat memory, wire-spec/message.md section 2.
 *
 *   encrypt   1. hash the plaintext   2. zeros up to its Padme size   3. chunked encryption   4. hash the ciphertext
 *   decrypt   the same backwards; what was yielded is provisional until the stream ends without an error
 */
import {
  CHUNK,
  CHUNKED_HEADER,
  CHUNKED_SALT,
  SEALED_CHUNK,
  ciphertextLength,
  decryptStream,
  encryptBytes,
  encryptStream,
} from '../crypto/chunked.ts';
import { createSha256, sha256, type IncrementalHash } from '../crypto/kdf.ts';
import type { Random } from '../crypto/random.ts';
import { constantTimeEqual, type Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { context } from '../wire/context.ts';
import { padmeLength } from '../wire/padding.ts';
import { sizes } from '../wire/registry.ts';

const zeros = new Uint8Array(256 * 1024);
/** What is no longer is encrypted in one piece, of its own size: buffers for streams are larger than most messages. */
const onePiece = 256 * 1024;
const payloadContext = context('payload');

/** The exact size in bytes of the payload of `plaintextLength` bytes. */
export function payloadSize(plaintextLength: number): number {
  return ciphertextLength(paddedLength(plaintextLength));
}

function paddedLength(plaintextLength: number): number {
  return padmeLength(plaintextLength, sizes.payloadFloor);
}

export interface PayloadSummary {
  readonly plaintextLength: number;
  readonly plaintextHash: Uint8Array;
  readonly payloadSize: number;
  readonly payloadHash: Uint8Array;
}

export interface PayloadEncryption {
  /** The payload, in pieces of about 256 KiB. It fails with `payload_mismatch` where the source has another length than announced. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** SHA-256 of what the stream yielded until now. */
  soFar(): Uint8Array;
  /** Lengths and hashes, once the stream has ended. */
  result(): PayloadSummary;
}

/**
 * Encrypts `plaintextLength` bytes from a source under a content key of 32 fresh random bytes; `random(24)` is the salt.
 * The same key and salt must never meet another plaintext.
 */
export function encryptPayload(
  contentKey: Secret,
  source: AsyncIterable<Uint8Array>,
  plaintextLength: number,
  random: Random,
): PayloadEncryption {
  const plaintextHash = createSha256();
  const payloadHash = createSha256();
  let summary: PayloadSummary | undefined;

  async function* stream(): AsyncGenerator<Uint8Array, void, undefined> {
    if (plaintextLength <= onePiece) {
      const whole = encryptWhole(contentKey, await gathered(source, plaintextLength), random);
      ({ summary } = whole);
      yield whole.payload;
      return;
    }
    const padded = hashedAndPadded(source, plaintextLength, plaintextHash);
    for await (const piece of encryptStream(contentKey.expose(), payloadContext, padded, random)) {
      payloadHash.update(piece);
      yield piece;
    }
    summary = {
      plaintextLength,
      plaintextHash: plaintextHash.digest(),
      payloadSize: payloadSize(plaintextLength),
      payloadHash: payloadHash.digest(),
    };
  }

  return {
    stream: stream(),
    soFar: () => summary?.payloadHash ?? payloadHash.soFar(),
    result() {
      if (summary === undefined) throw new BeckonError('internal', 'the payload is not encrypted yet');
      return summary;
    },
  };
}

/** A payload that is encrypted in memory at once. */
export interface WholePayload {
  readonly payload: Uint8Array;
  readonly summary: PayloadSummary;
}

/** As `encryptPayload`, of content that is there in full. */
export function encryptWhole(
  contentKey: Secret,
  pieces: readonly Uint8Array[],
  random: Random,
): WholePayload {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const padded = new Uint8Array(paddedLength(length));
  let at = 0;
  for (const piece of pieces) {
    padded.set(piece, at);
    at += piece.length;
  }
  const payload = encryptBytes(contentKey.expose(), payloadContext, padded, random);
  const summary = {
    plaintextLength: length,
    plaintextHash: sha256(padded.subarray(0, length)),
    payloadSize: payload.length,
    payloadHash: sha256(payload),
  };
  padded.fill(0);
  return { payload, summary };
}

/** Throws `payload_mismatch` unless the pieces are `length` bytes. Copies: a source may use its buffer again. */
async function gathered(source: AsyncIterable<Uint8Array>, length: number): Promise<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  let got = 0;
  for await (const piece of source) {
    got += piece.length;
    if (got > length) throw mismatch('the content is longer than announced');
    pieces.push(piece.slice());
  }
  if (got < length) throw mismatch('the content is shorter than announced');
  return pieces;
}

async function* hashedAndPadded(
  source: AsyncIterable<Uint8Array>,
  plaintextLength: number,
  hash: IncrementalHash,
): AsyncGenerator<Uint8Array, void, undefined> {
  let length = 0;
  for await (const piece of source) {
    length += piece.length;
    if (length > plaintextLength) throw mismatch('the content is longer than announced');
    hash.update(piece);
    yield piece;
  }
  if (length < plaintextLength) throw mismatch('the content is shorter than announced');
  for (let rest = paddedLength(plaintextLength) - length; rest > 0; rest -= zeros.length)
    yield zeros.subarray(0, rest);
}

/** What letter and envelope say about a payload. */
export interface ExpectedPayload {
  readonly plaintextLength: number;
  readonly plaintextHash: Uint8Array;
  readonly payloadHash: Uint8Array;
}

/** Where a payload is taken up again. */
export interface ResumePoint {
  readonly chunk: number;
  /** The first `plaintextOffset` bytes of the plaintext are kept, the payload is read from byte `payloadOffset` on. */
  readonly plaintextOffset: number;
  readonly payloadOffset: number;
}

/** The last whole chunk of `saved` bytes of plaintext: what is behind it is fetched again. */
export function resumePoint(saved: number): ResumePoint {
  const chunk = Math.floor(saved / CHUNK);
  return { chunk, plaintextOffset: chunk * CHUNK, payloadOffset: CHUNKED_HEADER + chunk * SEALED_CHUNK };
}

export interface Resumption {
  readonly point: ResumePoint;
  /** The first 56 bytes of the payload. */
  readonly header: Uint8Array;
  /** The `plaintextOffset` bytes that were decrypted before. */
  readonly saved: AsyncIterable<Uint8Array>;
}

/**
 * Decrypts a payload; yields its plaintext without padding, from `resume.point` on where given. The saved part is hashed again, so that
 * the end of the stream without an error says that all of it is right. Throws `commitment_mismatch`, `open_failed`,
 * `payload_truncated`, `payload_mismatch`.
 */
export async function* decryptPayload(
  contentKey: Secret,
  source: AsyncIterable<Uint8Array>,
  expected: ExpectedPayload,
  resume?: Resumption,
): AsyncGenerator<Uint8Array, void, undefined> {
  const key = contentKey.expose();
  const plaintextHash = createSha256();
  const payloadHash = createSha256();
  let at = 0;
  if (resume !== undefined) {
    await hashSaved(key, resume, plaintextHash, payloadHash);
    at = resume.point.plaintextOffset;
  }
  const options = resume === undefined ? {} : { header: resume.header, fromChunk: resume.point.chunk };
  const padded = paddedLength(expected.plaintextLength);
  for await (const piece of decryptStream(key, payloadContext, hashing(source, payloadHash), options)) {
    const content = piece.subarray(0, Math.max(0, expected.plaintextLength - at));
    at += piece.length;
    if (at > padded || !allZero(piece, content.length)) throw mismatch('the padding is not what it must be');
    if (content.length === 0) continue;
    plaintextHash.update(content);
    yield content;
  }
  if (at !== padded) throw mismatch('the payload has another size than announced');
  if (!constantTimeEqual(plaintextHash.digest(), expected.plaintextHash))
    throw mismatch('the content does not have the hash that its author signed');
  if (!constantTimeEqual(payloadHash.digest(), expected.payloadHash))
    throw mismatch('the payload does not have the hash that its sender signed');
}

/** Hashes the saved plaintext, and the payload's part that it came from: encrypted again under its own salt, it is the same. */
async function hashSaved(
  key: Uint8Array,
  resume: Resumption,
  plaintextHash: IncrementalHash,
  payloadHash: IncrementalHash,
): Promise<void> {
  const { header, point } = resume;
  const salt = (): Uint8Array => header.slice(0, CHUNKED_SALT);
  let length = 0;
  let rest = point.payloadOffset;
  const counted = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of resume.saved) {
      length += piece.length;
      plaintextHash.update(piece);
      yield piece;
    }
  };
  for await (const piece of encryptStream(key, payloadContext, counted(), salt)) {
    payloadHash.update(piece.subarray(0, rest));
    rest = Math.max(0, rest - piece.length);
  }
  if (length !== point.plaintextOffset) throw mismatch('what was saved is not as long as it was');
}

async function* hashing(
  source: AsyncIterable<Uint8Array>,
  hash: IncrementalHash,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of source) {
    hash.update(piece);
    yield piece;
  }
}

function allZero(bytes: Uint8Array, from: number): boolean {
  let any = 0;
  for (let i = from; i < bytes.length; i++) any |= bytes[i] as number;
  return any === 0;
}

function mismatch(reason: string): BeckonError {
  return new BeckonError('payload_mismatch', reason);
}
