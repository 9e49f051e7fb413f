/** Datagrams, notifications, refs and introductions, wire-spec/notification.md and addressing.md section 3. */
import { BeckonError } from '../errors.ts';
import { enterArray, leave, writeArrayHead, type Input, type Output } from './cbor.ts';
import { domainName, hash, messageId, serial, time } from './items.ts';
import { counts, datagramSizes, datagramTypes, sizes } from './registry.ts';
import { bool, bytes, field, list, optional, record, uint, type Schema, type ValueOf } from './schema.ts';

const sizeClassItem = uint(63);

/** The optional map of a ref; passed on as it is by poll and feed. */
export const refLabels = record('ref-labels', {
  introduction: optional(1, bytes(sizes.introduction)),
  retraction: optional(2, bool),
});
export type RefLabels = ValueOf<typeof refLabels>;

/** What a notification carries for each message: a ref. */
export interface Ref {
  readonly recipientHash: Uint8Array;
  readonly messageId: Uint8Array;
  readonly expires: number;
  readonly sizeClass: number;
  readonly labels?: RefLabels;
}

export const ref: Schema<Ref> = { read: readRef, write: writeRef };

function readRef(input: Input): Ref {
  const count = enterArray(input, 4, 5);
  const values = {
    recipientHash: hash.read(input),
    messageId: messageId.read(input),
    expires: time.read(input),
    sizeClass: sizeClassItem.read(input),
  };
  const value = count === 5 ? { ...values, labels: refLabels.read(input) } : values;
  leave(input);
  return value;
}

function writeRef(output: Output, value: Ref): void {
  writeArrayHead(output, value.labels === undefined ? 4 : 5);
  hash.write(output, value.recipientHash);
  messageId.write(output, value.messageId);
  time.write(output, value.expires);
  sizeClassItem.write(output, value.sizeClass);
  if (value.labels !== undefined) refLabels.write(output, value.labels);
}

/** The signed payload of a notification of type 1. */
export const notification = record('notification', {
  sender: field(1, domainName),
  serial: field(2, serial),
  time: field(3, time),
  refs: field(4, list(ref, { max: counts.refs, min: 1, tolerant: true })),
});
export type Notification = ValueOf<typeof notification>;

/** Bytes in front of the seal: type (1) and key id (8); they are its associated data. */
export const datagramHeaderSize = 1 + sizes.keyId;

export interface Datagram {
  readonly keyId: Uint8Array;
  /** The first 9 bytes, associated data of the seal. */
  readonly header: Uint8Array;
  /** HPKE enc and ciphertext. */
  readonly sealed: Uint8Array;
}

/**
 * Splits a datagram of type 1 without copying. Throws `datagram_size` or `datagram_version`, the two tests that come
 * before anything else.
 */
export function splitDatagram(datagram: Uint8Array): Datagram {
  if (!(datagramSizes as readonly number[]).includes(datagram.length))
    throw new BeckonError('datagram_size', 'a datagram has 512 or 1200 bytes');
  if (datagram[0] !== datagramTypes.notification)
    throw new BeckonError('datagram_version', 'a datagram of another version or type');
  return {
    keyId: datagram.subarray(1, datagramHeaderSize),
    header: datagram.subarray(0, datagramHeaderSize),
    sealed: datagram.subarray(datagramHeaderSize),
  };
}

/** The header of a datagram of type 1 for the notification key with this id. */
export function datagramHeader(keyId: Uint8Array): Uint8Array {
  const header = new Uint8Array(datagramHeaderSize);
  header[0] = datagramTypes.notification;
  header.set(keyId, 1);
  return header;
}

/** The 178 bytes of an introduction in a ref: bucket field, then the seal. */
export interface SealedIntroduction {
  /** 0 to 15: `introductionTypes`. */
  readonly type: number;
  /** 12 bits, of which only the domain's k highest may be set. */
  readonly bucket: number;
  readonly sealed: Uint8Array;
}

export function splitIntroduction(introduction: Uint8Array): SealedIntroduction {
  if (introduction.length !== sizes.introduction)
    throw new BeckonError('cbor_range', 'an introduction has 178 bytes');
  const high = introduction[0] as number;
  return {
    type: high >> 4,
    bucket: ((high & 15) << 8) | (introduction[1] as number),
    sealed: introduction.subarray(2),
  };
}

export function joinIntroduction(introduction: SealedIntroduction): Uint8Array {
  const joined = new Uint8Array(sizes.introduction);
  joined[0] = (introduction.type << 4) | (introduction.bucket >> 8);
  joined[1] = introduction.bucket & 0xff;
  joined.set(introduction.sealed, 2);
  return joined;
}

/** The plaintext of an introduction: 128 plain bytes, no CBOR. */
export interface IntroductionPlain {
  readonly addressingKey: Uint8Array;
  readonly identityFingerprint: Uint8Array;
  /** Canonical local part of the sender. */
  readonly local: string;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws `cbor_range` for a wrong length, `cbor_utf8` for a local part that is none, `padding_invalid` for its zeros. */
export function decodeIntroduction(plain: Uint8Array): IntroductionPlain {
  if (plain.length !== 64 + sizes.introductionLocal)
    throw new BeckonError('cbor_range', 'an introduction has 128 bytes');
  const padded = plain.subarray(64);
  const end = padded.indexOf(0);
  const local = end < 0 ? padded : padded.subarray(0, end);
  if (local.length === 0 || padded.subarray(local.length).some((byte) => byte !== 0))
    throw new BeckonError('padding_invalid', 'the local part is empty or not padded with zeros');
  return {
    addressingKey: plain.slice(0, 32),
    identityFingerprint: plain.slice(32, 64),
    local: decodeLocal(local),
  };
}

function decodeLocal(local: Uint8Array): string {
  try {
    return utf8.decode(local);
  } catch {
    throw new BeckonError('cbor_utf8', 'the local part is not valid UTF-8');
  }
}

export function encodeIntroduction(plain: IntroductionPlain): Uint8Array {
  const local = new TextEncoder().encode(plain.local);
  if (local.length === 0 || local.length > sizes.introductionLocal)
    throw new BeckonError('cbor_range', 'a local part has 1 to 64 bytes');
  const encoded = new Uint8Array(64 + sizes.introductionLocal);
  encoded.set(plain.addressingKey, 0);
  encoded.set(plain.identityFingerprint, 32);
  encoded.set(local, 64);
  return encoded;
}
