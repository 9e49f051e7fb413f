/**
 * Contact cards, wire-spec/addressing.md section 5.
 *
 *   sign    by the user's identity, for the user's domain        check   what can be said before anybody is asked
 *   verify  under the user's record: the same identity, its signature
 *   seal    for the own domain, which serves the ciphertext to whoever knows the id        open   with the key of the link
 */
import { decryptBytes, encryptBytes } from '../crypto/chunked.ts';
import type { Random } from '../crypto/random.ts';
import { constantTimeEqual, type Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { keyId } from '../keys/fingerprints.ts';
import { expectKeyId, signObject, verifyObject } from '../keys/sign1.ts';
import type { UserKeys } from '../keys/user-keys.ts';
import type { VerifiedRecord } from '../keys/user-record.ts';
import { splitAddress } from '../wire/address.ts';
import { contactCard, type ContactCard } from '../wire/card.ts';
import { context } from '../wire/context.ts';
import { pad, unpad } from '../wire/padding.ts';
import { sizes, times } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { checkHandedOver } from './drops.ts';

/** The signed card (bytes). Its drop has no domain: it is at that of the address. */
export function signCard(card: ContactCard, keys: Pick<UserKeys, 'domain' | 'identity'>): Uint8Array {
  const { domain, identity } = keys;
  return signObject('contact card', domain, identity.id, identity.secret, encode(contactCard, card));
}

/** A card that nobody has vouched for yet: its signature is for the user's record to prove. */
export interface ReadCard extends ContactCard {
  readonly domain: string;
  /** As received. */
  readonly signed: Uint8Array;
}

/**
 * What a signed card says. Throws `cbor_*`, `algorithm_unsupported`, `message_mismatch` (its drop is at another domain than its address),
 * `drop_expired` (past its time, or claims too long a one), `key_invalid`, `unsupported`.
 */
export function readCard(signed: Uint8Array, now: number): ReadCard {
  const card = decode(contactCard, decodeSign1(signed, sizes.cardPadded).payload);
  const { domain } = splitAddress(card.address);
  if (card.created > now + times.clockSlack)
    throw new BeckonError('drop_expired', 'the contact card comes from the future');
  checkHandedOver(card.drop, domain, now);
  return { ...card, domain, signed };
}

/**
 * Throws unless the card is by the identity of a verified record, and still good: `fingerprint_mismatch`, `key_unknown`, `signature_invalid`, or
 * `drop_expired` where the user withdrew the drops of that time.
 */
export function verifyCard(
  card: ReadCard,
  user: Pick<VerifiedRecord, 'identityFingerprint' | 'identityKey'>,
  dropsSince = 0,
): void {
  if (!constantTimeEqual(card.fingerprint, user.identityFingerprint))
    throw new BeckonError('fingerprint_mismatch', 'the contact card names another identity than the domain');
  const object = decodeSign1(card.signed, sizes.cardPadded);
  expectKeyId(object, keyId(card.domain, 'userIdentity', user.identityKey));
  verifyObject('contact card', card.domain, user.identityKey, object);
  if (card.drop.created < dropsSince)
    throw new BeckonError('drop_expired', 'its owner withdrew the contact card');
}

/** Where a sealed card lies. */
export interface CardPlace {
  readonly domain: string;
  /** 16 bytes. */
  readonly id: Uint8Array;
}

/** The ciphertext of a signed card, of one size for all (`sizes.cardSealed`). `random` is asked for the salt (24). */
export function sealCard(key: Secret, place: CardPlace, signed: Uint8Array, random: Random): Uint8Array {
  return encryptBytes(key.expose(), contextOf(place), pad(signed, sizes.cardPadded), random);
}

/** The signed card in a ciphertext. Throws `commitment_mismatch`, `open_failed`, `payload_truncated`, `padding_invalid`. */
export function openCard(key: Secret, place: CardPlace, sealed: Uint8Array): Uint8Array {
  if (sealed.length !== sizes.cardSealed)
    throw new BeckonError('payload_truncated', 'a sealed contact card has another size');
  return unpad(decryptBytes(key.expose(), contextOf(place), sealed));
}

function contextOf({ domain, id }: CardPlace): Uint8Array {
  return context('contact card seal', domain, id);
}
