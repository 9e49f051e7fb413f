/** Notifications: refs, signed by the sending domain and sealed to the receiving one. wire-spec/notification.md. */
import { hpkeOpen, hpkeOverhead, hpkeSeal } from '../crypto/hpke.ts';
import type { Random } from '../crypto/random.ts';
import { BeckonError } from '../errors.ts';
import type { VerifiedDomain } from '../keys/domain-record.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { isRevoked } from '../keys/mandate.ts';
import { expectVerifying, namedKey, type PublishedKey } from '../keys/published-key.ts';
import { signObject, verifyObject } from '../keys/sign1.ts';
import { concat } from '../crypto/kdf.ts';
import { context } from '../wire/context.ts';
import {
  datagramHeader,
  datagramHeaderSize,
  notification,
  ref as refSchema,
  type Datagram,
  type Notification,
  type Ref,
} from '../wire/notification.ts';
import { pad, paddedCapacity, unpad } from '../wire/padding.ts';
import { counts, datagramSizes, sizes, times } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { decodeSign1, encodeProtected, encodeSign1, type Sign1 } from '../wire/sign1.ts';

export type DatagramSize = (typeof datagramSizes)[number];

const [smallDatagram, largeDatagram] = datagramSizes;

/** Bytes of signed object that a datagram holds. */
function capacity(size: DatagramSize): number {
  return paddedCapacity(size - datagramHeaderSize - hpkeOverhead('x25519'));
}

export interface NotificationToSeal extends Notification {
  /** The sending domain's signing key. */
  readonly signing: KeyPair;
  readonly receiver: string;
  /** An active notification key of the receiver. */
  readonly receiverKey: PublishedKey;
  readonly random: Random;
}

/**
 * The datagram: 512 bytes where the refs fit, else 1200. Throws `cbor_too_large` where they do not fit at all (`packRefs` makes
 * groups that do), `key_invalid`.
 */
export function sealNotification(content: NotificationToSeal): Uint8Array {
  const { signing, receiver, receiverKey, random, ...fields } = content;
  const payload = encode(notification, fields);
  const signed = signObject('notification', receiver, signing.id, signing.secret, payload);
  const size = signed.length <= capacity(smallDatagram) ? smallDatagram : largeDatagram;
  const header = datagramHeader(receiverKey.id);
  const plaintext = pad(signed, capacityWithLength(size));
  return concat(header, hpkeSeal('x25519', receiverKey.key, sealInfo(receiver), header, plaintext, random));
}

function capacityWithLength(size: DatagramSize): number {
  return size - datagramHeaderSize - hpkeOverhead('x25519');
}

function sealInfo(receiver: string): Uint8Array {
  return context('notification seal', receiver);
}

/**
 * Groups refs, in their order, so that each group fits into one datagram of at most `size` bytes from this sender.
 * Throws `cbor_too_large` for a single ref that fits into none.
 */
export function packRefs<T extends Ref>(
  refs: readonly T[],
  sender: string,
  size: DatagramSize = largeDatagram,
): readonly (readonly T[])[] {
  const room = capacity(size) - overheadOf(sender);
  const groups: T[][] = [];
  let used = Infinity;
  for (const ref of refs) {
    const length = encode(refSchema, ref).length;
    if (length > room) throw new BeckonError('cbor_too_large', 'a ref does not fit into a datagram');
    const last = groups.at(-1);
    if (last === undefined || used + length > room || last.length === counts.refs) {
      groups.push([ref]);
      used = length;
    } else {
      last.push(ref);
      used += length;
    }
  }
  return groups;
}

/** The size of a signed notification around its refs, with every number at its longest. */
function overheadOf(sender: string): number {
  const latest = 2 ** 40 - 1;
  const smallest: Ref = {
    recipientHash: new Uint8Array(sizes.hash),
    messageId: new Uint8Array(sizes.messageId),
    expires: 0,
    sizeClass: 0,
  };
  const payload = encode(notification, { sender, serial: latest, time: latest, refs: [smallest] });
  // Longer payloads may need one more byte for their length.
  const signed = encodeSign1({
    protected: encodeProtected(new Uint8Array(sizes.keyId)),
    payload: new Uint8Array(Math.max(payload.length, 256)),
    signature: new Uint8Array(sizes.signature),
  });
  return signed.length - Math.max(payload.length, 256) + payload.length - encode(refSchema, smallest).length;
}

/** A notification that opened; its signature is still to be verified. */
export interface OpenedNotification extends Notification {
  readonly signed: Sign1;
}

/**
 * Opens a datagram with the own notification key that it names. Throws `open_failed`, `padding_invalid`, `cbor_*`,
 * `algorithm_unsupported`. wire-spec/notification.md section 4.
 */
export function openNotification(datagram: Datagram, key: KeyPair, receiver: string): OpenedNotification {
  const { header, sealed } = datagram;
  const info = sealInfo(receiver);
  const plaintext = hpkeOpen('x25519', key.secret.expose(), info, header, sealed, key.publicKey);
  const signed = decodeSign1(unpad(plaintext));
  return { ...decode(notification, signed.payload), signed };
}

/**
 * Verifies an opened notification under the sending domain's record. Throws `record_mismatch` where the record is another domain's,
 * `key_unknown`, `key_not_active`, `signature_invalid`, `datagram_stale` for a time more than a day off.
 */
export function verifyNotification(
  opened: OpenedNotification,
  sender: Pick<VerifiedDomain, 'domain' | 'signingKeys' | 'revoked'>,
  receiver: string,
  now: number,
): void {
  if (opened.sender !== sender.domain)
    throw new BeckonError('record_mismatch', 'the record is not that of the sending domain');
  const key = namedKey(sender.signingKeys, opened.signed.keyId);
  if (isRevoked(sender, key.id)) throw new BeckonError('key_not_active', 'the key named is revoked');
  expectVerifying(key, opened.time, now);
  verifyObject('notification', receiver, key.key, opened.signed);
  if (Math.abs(now - opened.time) > times.datagramSlack)
    throw new BeckonError('datagram_stale', 'the notification was made more than a day ago or ahead');
}
