/** Signed objects: COSE_Sign1 bound to a purpose and a domain, wire-spec/README.md section 5. */
import { constantTimeEqual, type Secret } from '../crypto/secret.ts';
import { ed25519Sign, ed25519Verify } from '../crypto/sign.ts';
import { BeckonError } from '../errors.ts';
import type { Purpose } from '../wire/registry.ts';
import { decodeSign1, encodeProtected, encodeSign1, toBeSigned, type Sign1 } from '../wire/sign1.ts';

/**
 * The encoded COSE_Sign1 of an encoded payload. `domain` is the one that the object is bound to, `keyId` the id of the key
 * whose Ed25519 seed is given.
 */
export function signObject(
  purpose: Purpose,
  domain: string,
  keyId: Uint8Array,
  seed: Secret,
  payload: Uint8Array,
): Uint8Array {
  const header = encodeProtected(keyId);
  const signature = ed25519Sign(seed.expose(), toBeSigned(header, purpose, domain, payload));
  return encodeSign1({ protected: header, payload, signature });
}

/**
 * The payload of a signed object whose signature holds over the bytes as received. Says nothing about the key: that its id is the
 * object's and that it may sign is the caller's to check (`expectKeyId`). Throws `signature_invalid`; `cbor_*` or
 * `algorithm_unsupported` for encoded input that is no signed object.
 */
export function verifyObject(
  purpose: Purpose,
  domain: string,
  publicKey: Uint8Array,
  signed: Uint8Array | Sign1,
): Uint8Array {
  const object = signed instanceof Uint8Array ? decodeSign1(signed) : signed;
  const message = toBeSigned(object.protected, purpose, domain, object.payload);
  if (!ed25519Verify(publicKey, message, object.signature))
    throw new BeckonError('signature_invalid', 'the signature does not hold');
  return object.payload;
}

/** Throws `key_unknown` unless the signed object names the key with this id. */
export function expectKeyId(signed: Sign1, keyId: Uint8Array): void {
  if (!constantTimeEqual(signed.keyId, keyId))
    throw new BeckonError('key_unknown', 'the object names another key than the one expected');
}
