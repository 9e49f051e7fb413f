/**
 * Envelopes: what the sender signs, for recipient and receiving domain. wire-spec/message.md section 5.
 *
 *   seal   1. sign   2. pad to steps of 2048 bytes   3. encrypt under the envelope key   4. seal that key to the domain
 *   open   the same backwards, the envelope key coming from the private header (recipient) or the seal (receiving domain);
 *          the signature is verified once the sender's record is at hand
 */
import { decryptBytes, encryptBytes } from '../crypto/chunked.ts';
import { hpkeOpen, hpkeSealPrepared } from '../crypto/hpke.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { encapsulateWith, type Encapsulate } from '../crypto/xwing.ts';
import { BeckonError } from '../errors.ts';
import { keyId } from '../keys/fingerprints.ts';
import { findKey, type KeyPair } from '../keys/key-pair.ts';
import type { PublishedKey } from '../keys/published-key.ts';
import { expectKeyId, signObject, verifyObject } from '../keys/sign1.ts';
import type { VerifiedUser } from '../keys/user-answer.ts';
import { context } from '../wire/context.ts';
import { envelope, sealedEnvelope, type Envelope, type SealedEnvelope } from '../wire/message.ts';
import { pad, unpad } from '../wire/padding.ts';
import { sizes } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { decodeSign1, type Sign1 } from '../wire/sign1.ts';

const nothing = new Uint8Array(0);
/** The length in front of a padded plaintext. */
const lengthBytes = 2;

/**
 * The encoded sealed-envelope. `identity` is the sender's identity key pair, `envelopeKey` 32 fresh random bytes, `domainKey` an active
 * envelope key of the destination. `random` gives the salt (24), then what `encapsulate` asks for. Throws `key_invalid`, `cbor_*`.
 */
export function sealEnvelope(
  content: Envelope,
  identity: KeyPair,
  envelopeKey: Secret,
  domainKey: PublishedKey,
  random: Random,
  encapsulate: Encapsulate = encapsulateWith(random),
): Uint8Array {
  const { destination } = content;
  const payload = encode(envelope, content);
  const signed = signObject('envelope', destination, identity.id, identity.secret, payload);
  const steps = Math.ceil((signed.length + lengthBytes) / sizes.envelopeStep);
  const plaintext = pad(signed, steps * sizes.envelopeStep);
  const key = envelopeKey.expose();
  const ciphertext = encryptBytes(key, context('envelope body', destination), plaintext, random);
  const info = keyInfo(destination, domainKey.id);
  const sealedKey = hpkeSealPrepared(encapsulate(domainKey.key), info, nothing, key);
  return encode(sealedEnvelope, { destination, keyId: domainKey.id, sealedKey, ciphertext });
}

function keyInfo(destination: string, id: Uint8Array): Uint8Array {
  return context('envelope key', destination, id);
}

/** An envelope that opened; its signature is still to be verified. */
export interface OpenedEnvelope {
  readonly content: Envelope;
  readonly signed: Sign1;
}

/**
 * Opens a sealed-envelope for its recipient, with the envelope key of the private header. Throws `commitment_mismatch`, `open_failed`,
 * `payload_truncated`, `padding_invalid`, `message_mismatch` (the destination inside is another), `cbor_*`.
 */
export function openEnvelopeWithKey(encoded: Uint8Array, envelopeKey: Secret): OpenedEnvelope {
  return openBody(decode(sealedEnvelope, encoded), envelopeKey);
}

/**
 * Opens a sealed-envelope for the receiving domain, with its own key pairs. Throws `message_mismatch` where it is for another domain,
 * `key_unknown`, `key_not_active`, `open_failed` and as `openEnvelopeWithKey`.
 */
export function openEnvelopeAsDomain(
  encoded: Uint8Array,
  domain: string,
  keys: readonly KeyPair[],
  now: number,
): OpenedEnvelope {
  const sealed = decode(sealedEnvelope, encoded);
  if (sealed.destination !== domain)
    throw new BeckonError('message_mismatch', 'the envelope is for another domain');
  const key = findKey(keys, 'envelope', sealed.keyId, now);
  const info = keyInfo(domain, key.id);
  return openBody(
    sealed,
    new Secret(hpkeOpen('xwing', key.secret.expose(), info, nothing, sealed.sealedKey)),
  );
}

function openBody(sealed: SealedEnvelope, envelopeKey: Secret): OpenedEnvelope {
  const info = context('envelope body', sealed.destination);
  const padded = decryptBytes(envelopeKey.expose(), info, sealed.ciphertext);
  const signed = decodeSign1(unpad(padded));
  const content = decode(envelope, signed.payload);
  if (content.destination !== sealed.destination)
    throw new BeckonError('message_mismatch', 'the envelope names another destination inside');
  return { content, signed };
}

/**
 * Verifies an opened envelope under its sender's published identity key. Throws `message_mismatch` where the record is not the
 * sender's, `key_unknown`, `signature_invalid`.
 */
export function verifyEnvelope(opened: OpenedEnvelope, sender: VerifiedUser): Envelope {
  const { content, signed } = opened;
  if (content.sender !== sender.address)
    throw new BeckonError('message_mismatch', 'the record is not that of the sender');
  expectKeyId(signed, keyId(sender.domain, 'userIdentity', sender.identityKey));
  verifyObject('envelope', content.destination, sender.identityKey, signed);
  return content;
}
