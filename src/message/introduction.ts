/** Introductions: what a ref carries at first contact. wire-spec/addressing.md section 3. */
import { assertX25519Public } from '../crypto/dh.ts';
import { hpkeOpen, hpkeSeal } from '../crypto/hpke.ts';
import type { Random } from '../crypto/random.ts';
import { constantTimeEqual, type Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import type { PublishedKey } from '../keys/published-key.ts';
import type { VerifiedUser } from '../keys/user-answer.ts';
import { checkAddress, formatAddress } from '../wire/address.ts';
import { context } from '../wire/context.ts';
import {
  decodeIntroduction,
  encodeIntroduction,
  joinIntroduction,
  splitIntroduction,
} from '../wire/notification.ts';
import { introductionTypes } from '../wire/registry.ts';

export interface IntroductionToSeal {
  /** The sender's addressing key A and identity fingerprint, 32 bytes each. */
  readonly senderKey: Uint8Array;
  readonly senderFingerprint: Uint8Array;
  /** Canonical local part and domain of the sender. */
  readonly senderLocal: string;
  readonly senderDomain: string;
  /** The recipient's addressing key B. */
  readonly recipientKey: Uint8Array;
  readonly recipientDomain: string;
  /** The field of `bucketOf`. */
  readonly bucketField: number;
  readonly random: Random;
}

/** The 178 bytes. Throws `key_invalid` for a bad B. */
export function sealIntroduction(content: IntroductionToSeal): Uint8Array {
  const plain = encodeIntroduction({
    addressingKey: content.senderKey,
    identityFingerprint: content.senderFingerprint,
    local: content.senderLocal,
  });
  const bucketField = bucketBytes(introductionTypes.personal, content.bucketField);
  const info = context('introduction seal', content.senderDomain, content.recipientDomain);
  const sealed = hpkeSeal('x25519', content.recipientKey, info, bucketField, plain, content.random);
  return joinIntroduction({ type: introductionTypes.personal, bucket: content.bucketField, sealed });
}

export interface OpenedIntroduction {
  /** Canonical address of the sender, as the introduction claims. */
  readonly senderAddress: string;
  readonly senderKey: Uint8Array;
  readonly senderFingerprint: Uint8Array;
}

/**
 * Opens an introduction with the recipient's addressing key pair. `senderDomain` is that of the feed entry. Throws `unsupported` for
 * another type, `open_failed`, `padding_invalid`, `cbor_utf8`, `address_invalid` or `key_invalid`.
 */
export function openIntroduction(
  introduction: Uint8Array,
  addressing: { readonly secret: Secret; readonly publicKey: Uint8Array },
  domains: { readonly senderDomain: string; readonly recipientDomain: string },
): OpenedIntroduction {
  const { type, bucket, sealed } = splitIntroduction(introduction);
  if (type !== introductionTypes.personal)
    throw new BeckonError('unsupported', 'an introduction of another type');
  const info = context('introduction seal', domains.senderDomain, domains.recipientDomain);
  const aad = bucketBytes(type, bucket);
  const opened = hpkeOpen('x25519', addressing.secret.expose(), info, aad, sealed, addressing.publicKey);
  const plain = decodeIntroduction(opened);
  const senderAddress = formatAddress({ local: plain.local, domain: domains.senderDomain });
  checkAddress(senderAddress);
  assertX25519Public(plain.addressingKey);
  return {
    senderAddress,
    senderKey: plain.addressingKey,
    senderFingerprint: plain.identityFingerprint,
  };
}

/**
 * Throws `fingerprint_mismatch` unless the published record is that of whoever introduced themselves: same identity fingerprint, and
 * the addressing key among the published ones, not revoked when the message was made.
 */
export function checkIntroducer(introduction: OpenedIntroduction, sender: VerifiedUser, made: number): void {
  const known =
    introduction.senderAddress === sender.address &&
    constantTimeEqual(introduction.senderFingerprint, sender.identityFingerprint) &&
    sender.keys.some((key) => isIntroducing(key, made) && constantTimeEqual(key.key, introduction.senderKey));
  if (!known)
    throw new BeckonError('fingerprint_mismatch', 'the introduction is not from the published identity');
}

/** Introductions wait long: keys that are retired by now, or revoked after they were made, are as good as active ones. */
function isIntroducing({ use, revokedAt }: PublishedKey, made: number): boolean {
  return use === 'addressing' && (revokedAt === undefined || made < revokedAt);
}

function bucketBytes(type: number, bucket: number): Uint8Array {
  return joinIntroduction({ type, bucket, sealed: new Uint8Array(0) }).slice(0, 2);
}
