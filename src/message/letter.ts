/** Letters: what the author signs, equal for all recipients. wire-spec/message.md section 4. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { keyId } from '../keys/fingerprints.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { expectKeyId, signObject, verifyObject } from '../keys/sign1.ts';
import type { VerifiedUser } from '../keys/user-answer.ts';
import { splitAddress } from '../wire/address.ts';
import { letter, type Letter } from '../wire/message.ts';
import { decode, encode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';

/** The signed letter, bound to the author's domain. `identity` is the author's identity key pair. */
export function signLetter(content: Letter, identity: KeyPair): Uint8Array {
  const { domain } = splitAddress(content.author);
  return signObject('letter', domain, identity.id, identity.secret, encode(letter, content));
}

/** What a signed letter says, before anything of it is believed: whose record is needed to verify it. Throws `cbor_*`. */
export function readLetter(signed: Uint8Array): Letter {
  return decode(letter, decodeSign1(signed).payload);
}

/**
 * The letter under its author's published identity key. Throws `fingerprint_mismatch` where the record is not that of the author the
 * letter names, `key_unknown`, `signature_invalid`, `cbor_*`.
 */
export function verifyLetter(signed: Uint8Array, author: VerifiedUser): Letter {
  const object = decodeSign1(signed);
  const content = decode(letter, object.payload);
  if (
    content.author !== author.address ||
    !constantTimeEqual(content.fingerprint, author.identityFingerprint)
  )
    throw new BeckonError('fingerprint_mismatch', 'the letter names another identity than the published one');
  expectKeyId(object, keyId(author.domain, 'userIdentity', author.identityKey));
  verifyObject('letter', author.domain, author.identityKey, object);
  return content;
}
