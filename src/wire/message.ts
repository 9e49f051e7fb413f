/** What a message is made of: drop, letter, private header, envelope, cover, wire-spec/message.md and addressing.md. */
import { maxTagLength } from './address.ts';
import {
  addressText,
  domainName,
  hash,
  keyId,
  length,
  letterId,
  mediaType,
  messageId,
  suite,
  time,
} from './items.ts';
import { counts, sizes } from './registry.ts';
import { anything, bytes, field, list, optional, record, text, uint, type ValueOf } from './schema.ts';
import { signedBytes } from './sign1.ts';

const secret = bytes(32);

/** Where one correspondent may write to one recipient; a reply drop omits its domain: the sender's. */
export const drop = record('drop', {
  domain: optional(1, domainName),
  pollKey: field(2, bytes(sizes.x25519Public)),
  suite: field(3, suite),
  sealingKey: field(4, bytes(32, 4096)),
  created: field(5, time),
  notAfter: field(6, time),
});
export type Drop = ValueOf<typeof drop>;

/** What the author signs; equal for all recipients. */
export const letter = record('letter', {
  author: field(1, addressText),
  fingerprint: field(2, hash),
  id: field(3, letterId),
  parents: optional(4, list(letterId, { max: counts.parents, min: 1 })),
  retracts: optional(5, letterId),
  created: field(6, time),
  plaintextHash: field(7, hash),
  plaintextLength: field(8, length),
  mediaType: field(9, mediaType),
  fileName: optional(10, text(255)),
  audience: optional(11, addressText),
  extensions: optional(12, anything(1024)),
});
export type Letter = ValueOf<typeof letter>;

export const privateHeader = record('private-header', {
  contentKey: field(1, secret),
  envelopeKey: field(2, secret),
  bindingKey: field(3, secret),
  acceptToken: field(4, bytes(sizes.acceptToken)),
  replyDrop: optional(5, drop),
  tag: optional(6, text(maxTagLength)),
  recordFingerprint: field(7, hash),
  letter: field(8, signedBytes(8 * 1024)),
  flags: optional(9, uint(0xffff)),
});
export type PrivateHeader = ValueOf<typeof privateHeader>;

/** What the sender signs, for the recipient and the receiving domain. */
export const envelope = record('envelope', {
  destination: field(1, domainName),
  sender: field(2, addressText),
  recipientHash: field(3, hash),
  messageId: field(4, messageId),
  mediaType: field(5, mediaType),
  payloadSize: field(6, length),
  payloadHash: field(7, hash),
  created: field(8, time),
  expires: field(9, time),
  flags: field(10, uint(0xffff)),
  headerHash: field(11, hash),
  to: field(12, hash),
});
export type Envelope = ValueOf<typeof envelope>;

/** The envelope as it travels: only the destination and its key id are in the clear. */
export const sealedEnvelope = record('sealed-envelope', {
  destination: field(1, domainName),
  keyId: field(2, keyId),
  sealedKey: field(3, bytes(sizes.xwingEnc + 32 + 16)),
  ciphertext: field(4, bytes(1, 16 * 1024)),
});
export type SealedEnvelope = ValueOf<typeof sealedEnvelope>;

/** The most bytes of a message object. */
export const maxMessageObject = sizes.privateHeaderUnit * sizes.privateHeaderMaxUnits + 20 * 1024;

/** What `GET m/{id}` serves: the sealed private header and the sealed envelope. */
export const messageObject = record('message-object', {
  header: field(1, bytes(sizes.privateHeaderUnit, sizes.privateHeaderUnit * sizes.privateHeaderMaxUnits)),
  envelope: field(2, bytes(1, 20 * 1024)),
});
export type MessageObject = ValueOf<typeof messageObject>;

export const coverPart = record('cover-part', {
  id: field(1, messageId),
  expires: field(2, time),
  mediaType: field(3, mediaType),
  length: field(4, length),
  fileName: optional(5, text(255)),
});
export type CoverPart = ValueOf<typeof coverPart>;

/** The payload of a cover message: the messages that belong together. */
export const cover = record('cover', {
  parts: field(1, list(coverPart, { max: counts.coverParts, min: 1, tolerant: true })),
});
export type Cover = ValueOf<typeof cover>;

/** The body of `POST m/{id}/accept`. */
export const acceptRequest = record('accept-request', {
  id: field(1, messageId),
  acceptToken: field(2, bytes(sizes.acceptToken)),
});
export type AcceptRequest = ValueOf<typeof acceptRequest>;
