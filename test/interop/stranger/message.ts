/** message.md: payload, private header, letter, envelope; sealed and opened. */
import type { Bytes, Fields } from './cbor.ts';
import {
  asFields,
  bytesAt,
  decodeFields,
  encodeFields,
  listAt,
  numberAt,
  plain,
  refuse,
  same,
  textAt,
} from './cbor.ts';
import type { UserRecord } from './keys.ts';
import type { Signer } from './primitives.ts';
import {
  context,
  decryptChunked,
  encryptChunked,
  hmac,
  open,
  pad,
  random,
  readSigned,
  seal,
  sha256,
  sign,
  suiteNumber,
  unpad,
} from './primitives.ts';

/** Section 2: the size of the plaintext with its zeros. */
export function paddedSize(length: number): number {
  if (length <= 4096) return 4096;
  const e = Math.floor(Math.log2(length));
  const step = 2 ** (e - (Math.floor(Math.log2(e)) + 1));
  return Math.ceil(length / step) * step;
}

export function sealPayload(plaintext: Uint8Array, contentKey: Uint8Array, salt?: Bytes): Bytes {
  const padded = new Uint8Array(paddedSize(plaintext.length));
  padded.set(plaintext);
  return encryptChunked(contentKey, context('payload'), padded, salt);
}

/** Section 2: the length of the payload of a plaintext. */
export function payloadSize(length: number): number {
  const padded = paddedSize(length);
  return 56 + padded + 16 * (Math.floor(padded / 16384) + 1);
}

/** Section 5, at the destination domain: the signed envelope, by the domain's envelope key. */
export async function openEnvelopeAsDomain(
  bytes: Uint8Array,
  domain: string,
  secret: Uint8Array,
): Promise<Bytes> {
  const sealed = decodeFields(bytes);
  const info = context('envelope key', domain, bytesAt(sealed, 2, 8));
  const key = await open('xwing', secret, info, new Uint8Array(), bytesAt(sealed, 3, 1168));
  return unpad(decryptChunked(key, context('envelope body', domain), bytesAt(sealed, 4)));
}

export interface Author {
  readonly address: string;
  readonly domain: string;
  readonly fingerprint: Uint8Array;
  readonly signer: Signer;
}

export interface Target {
  readonly record: UserRecord;
  readonly domain: string;
  readonly envelopeKey: { readonly id: Uint8Array; readonly key: Uint8Array };
  readonly pollHash: Uint8Array;
  readonly sealingKey: Uint8Array;
}

export interface ReplyDrop {
  readonly domain?: string | undefined;
  readonly pollKey: Bytes;
  readonly sealingKey: Bytes;
}

export interface SealedMessage {
  readonly header: Bytes;
  readonly envelope: Bytes;
  readonly payload: Bytes;
  readonly acceptToken: Bytes;
  readonly expires: number;
}

export interface Kind {
  readonly mediaType?: string;
  /** A cover is going to list it. */
  readonly part?: boolean;
}

/** A message of one payload to one recipient. */
export async function sealMessage(
  author: Author,
  target: Target,
  id: Uint8Array,
  plaintext: Uint8Array,
  replyDrop: ReplyDrop | null,
  now: number,
  what: Kind = {},
): Promise<SealedMessage> {
  const contentKey = random(32);
  const envelopeKey = random(32);
  const bindingKey = random(32);
  const acceptToken = random(32);
  const payload = sealPayload(plaintext, contentKey);
  const expires = now + 86400;
  const letter = encodeFields({
    1: author.address,
    2: author.fingerprint,
    3: random(16),
    6: now,
    7: sha256(plaintext),
    8: plaintext.length,
    9: what.mediaType ?? 'message/rfc822',
  });
  const content = encodeFields({
    1: contentKey,
    2: envelopeKey,
    3: bindingKey,
    4: acceptToken,
    5: replyDrop ? dropFields(replyDrop, now) : undefined,
    7: target.record.recordFingerprint,
    8: sign(author.signer, 'letter', author.domain, letter),
    9: what.part ? 1 : undefined,
  });
  const ref = { recipientDomain: target.domain, recipientHash: target.pollHash, id };
  const header = await sealHeader(content, target.sealingKey, ref);
  const envelope = encodeFields({
    1: target.domain,
    2: author.address,
    3: target.pollHash,
    4: id,
    5: what.mediaType ?? 'message/rfc822',
    6: payload.length,
    7: sha256(payload),
    8: now,
    9: expires,
    10: 0,
    11: sha256(header),
    12: hmac(bindingKey, context('to', target.record.identityFingerprint, target.record.address)),
  });
  const signed = sign(author.signer, 'envelope', target.domain, envelope);
  return {
    header,
    envelope: await sealEnvelope(target, signed, envelopeKey),
    payload,
    acceptToken,
    expires,
  };
}

/** Section 3. @param content the encoded private-header */
export async function sealHeader(
  content: Uint8Array,
  sealingKey: Uint8Array,
  ref: Pick<Ref, 'recipientDomain' | 'recipientHash' | 'id'>,
  randomness?: Uint8Array,
): Promise<Bytes> {
  const size = Math.ceil((content.length + 2 + 1136) / 4096) * 4096 - 1136;
  return seal('xwing', sealingKey, headerInfo(ref), new Uint8Array(), pad(content, size), randomness);
}

/** The encoded private-header, with the first of the secrets that opens it. */
export async function openHeader(
  sealed: Uint8Array,
  secrets: readonly Uint8Array[],
  ref: Pick<Ref, 'recipientDomain' | 'recipientHash' | 'id'>,
): Promise<Bytes> {
  refuse(sealed.length % 4096 !== 0, 'open_failed');
  for (const secret of secrets.slice(0, 4)) {
    const padded = await open('xwing', secret, headerInfo(ref), new Uint8Array(), sealed).catch(() => null);
    if (padded) return unpad(padded);
  }
  throw new Error('open_failed');
}

const headerInfo = (ref: Pick<Ref, 'recipientDomain' | 'recipientHash' | 'id'>): Bytes =>
  context('private header', ref.recipientDomain, suiteNumber.xwing, ref.recipientHash, ref.id);

function dropFields(drop: ReplyDrop, now: number): Map<number, unknown> {
  return new Map<number, unknown>([
    [2, drop.pollKey],
    [3, suiteNumber.xwing],
    [4, drop.sealingKey],
    [5, now],
    [6, now + 7776000],
  ]);
}

async function sealEnvelope(target: Target, signed: Uint8Array, key: Uint8Array): Promise<Bytes> {
  const { domain, envelopeKey } = target;
  const padded = pad(signed, Math.ceil((signed.length + 2) / 2048) * 2048);
  const info = context('envelope key', domain, envelopeKey.id);
  return encodeFields({
    1: domain,
    2: envelopeKey.id,
    3: await seal('xwing', envelopeKey.key, info, new Uint8Array(), key),
    4: encryptChunked(key, context('envelope body', domain), padded),
  });
}

export interface Ref {
  readonly id: Uint8Array;
  readonly senderDomain: string;
  readonly recipientDomain: string;
  readonly recipientHash: Uint8Array;
}

export interface OpenedMessage {
  readonly header: Fields;
  readonly envelope: Fields;
  readonly letter: Fields;
  readonly sender: string;
  readonly acceptToken: Bytes;
  readonly replyDrop: ReplyDrop | null;
  /** Section 6: it is nothing without a cover that lists it. */
  readonly part: boolean;
  /** Checks both signatures and the addressee, with the records of the sender (its own author) and of oneself. */
  verify(sender: UserRecord, own: UserRecord): void;
  /** The content of the fetched payload. */
  content(payload: Uint8Array): Bytes;
}

/** Section 5: what a recipient checks. */
export async function openMessage(
  object: Uint8Array,
  ref: Ref,
  sealingSecrets: readonly Uint8Array[],
): Promise<OpenedMessage> {
  const fields = decodeFields(object);
  const sealed = bytesAt(fields, 1);
  const header = decodeFields(await openHeader(sealed, sealingSecrets, ref));
  const sealedEnvelope = decodeFields(bytesAt(fields, 2));
  refuse(textAt(sealedEnvelope, 1) !== ref.recipientDomain, 'message_mismatch');
  const about = context('envelope body', ref.recipientDomain);
  const signedEnvelope = readSigned(
    unpad(decryptChunked(bytesAt(header, 2, 32), about, bytesAt(sealedEnvelope, 4))),
  );
  const envelope = decodeFields(signedEnvelope.payload);
  const signedLetter = readSigned(bytesAt(header, 8));
  const letter = decodeFields(signedLetter.payload);
  const sender = textAt(envelope, 2);
  checkEnvelope(envelope, ref, sealed);
  return {
    header,
    envelope,
    letter,
    sender,
    acceptToken: bytesAt(header, 4, 32),
    replyDrop: header.has(5) ? readDrop(asFields(header.get(5))) : null,
    part: header.has(9) && numberAt(header, 9) % 2 === 1,
    verify(from, own) {
      refuse(from.address !== sender || from.address !== textAt(letter, 1), 'message_mismatch');
      refuse(!same(bytesAt(letter, 2, 32), from.identityFingerprint), 'fingerprint_mismatch');
      signedEnvelope.verified(from.identityKey, from.identityKeyId, 'envelope', ref.recipientDomain);
      signedLetter.verified(from.identityKey, from.identityKeyId, 'letter', ref.senderDomain);
      const to = hmac(bytesAt(header, 3, 32), context('to', own.identityFingerprint, own.address));
      refuse(!same(to, bytesAt(envelope, 12)), 'message_misdirected');
      refuse(!same(bytesAt(header, 7), own.recordFingerprint), 'message_misdirected');
    },
    content: (payload) => openPayload(payload, header, envelope, letter),
  };
}

function checkEnvelope(envelope: Fields, ref: Ref, sealedHeader: Uint8Array): void {
  refuse(textAt(envelope, 1) !== ref.recipientDomain, 'message_mismatch');
  refuse(!textAt(envelope, 2).endsWith(`@${ref.senderDomain}`), 'message_mismatch');
  refuse(!same(bytesAt(envelope, 3), ref.recipientHash), 'message_mismatch');
  refuse(!same(bytesAt(envelope, 4), ref.id), 'message_mismatch');
  refuse(!same(bytesAt(envelope, 11), sha256(sealedHeader)), 'message_mismatch');
}

function openPayload(payload: Uint8Array, header: Fields, envelope: Fields, letter: Fields): Bytes {
  refuse(payload.length !== numberAt(envelope, 6), 'payload_mismatch');
  refuse(!same(sha256(payload), bytesAt(envelope, 7)), 'payload_mismatch');
  const padded = decryptChunked(bytesAt(header, 1, 32), context('payload'), payload);
  const length = numberAt(letter, 8);
  refuse(
    padded.length !== paddedSize(length) || padded.subarray(length).some((byte) => byte !== 0),
    'payload_mismatch',
  );
  const content = plain(padded.subarray(0, length));
  refuse(!same(sha256(content), bytesAt(letter, 7)), 'payload_mismatch');
  return content;
}

function readDrop(drop: Fields): ReplyDrop | null {
  if (numberAt(drop, 3) !== suiteNumber.xwing) return null; // the message stands
  return {
    domain: drop.has(1) ? textAt(drop, 1) : undefined,
    pollKey: bytesAt(drop, 2, 32),
    sealingKey: bytesAt(drop, 4, 1216),
  };
}

/** Section 6: what a cover lists. */
export function coverOf(parts: readonly { id: Uint8Array; expires: number; content: Uint8Array }[]): Bytes {
  const listed = parts.map(
    ({ id, expires, content }) =>
      new Map<number, unknown>([
        [1, id],
        [2, expires],
        [3, 'message/rfc822'],
        [4, content.length],
      ]),
  );
  return encodeFields({ 1: listed });
}

/** The ids that a cover lists. */
export function listedBy(cover: Uint8Array): readonly Bytes[] {
  return listAt(decodeFields(cover), 1).map((part) => bytesAt(asFields(part), 1, 32));
}

/** Section 6: when a part whose cover did not come is a message by itself. */
export function partByItself(firstSeen: number, expires: number): number {
  const day = 24 * 60 * 60;
  return firstSeen + Math.min(day, Math.floor((expires - firstSeen) / 2));
}

/** Section 1. */
export function traceHandle(id: Uint8Array): string {
  const bits = [...sha256(context('trace', id)).subarray(0, 10)]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  return (bits.match(/.{5}/gu) ?? [])
    .map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(five, 2)])
    .join('');
}
