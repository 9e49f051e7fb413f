/** Mandates: which signing keys a domain's identity key appoints, wire-spec/keys.md section 2. */
import { sha256 } from '../crypto/kdf.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { assertEd25519Public } from '../crypto/sign.ts';
import { BeckonError } from '../errors.ts';
import { mandate, type Mandate } from '../wire/keys.ts';
import { times } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { domainFingerprint, keyId } from './fingerprints.ts';
import type { KeyPair } from './key-pair.ts';
import { entryOf, publishKey, readKeyEntries, type PublishedKey } from './published-key.ts';
import { checkSerial, nextSerial } from './serial.ts';
import { expectKeyId, signObject, verifyObject } from './sign1.ts';

export interface MandateContent {
  readonly domain: string;
  readonly identity: KeyPair;
  readonly signingKeys: readonly KeyPair[];
  readonly recoveryHash: Uint8Array;
  /** Key ids that must not be believed any more. */
  readonly revoked?: readonly Uint8Array[];
  /** Entries of revoked signing keys, whose ids are among `revoked`. */
  readonly withdrawn?: readonly PublishedKey[];
  /** Whether the domain holds its users' keys. */
  readonly escrow?: boolean;
  /** Serial of the mandate before, absent in the first. */
  readonly previousSerial?: number | undefined;
  readonly now: number;
}

/** A signed mandate. Throws `record_invalid` where its serial would run ahead of the clock by more than a day. */
export function signMandate(content: MandateContent): Uint8Array {
  const { domain, identity, now } = content;
  const payload = encode(mandate, {
    domain,
    serial: nextSerial(content.previousSerial, now),
    identityKey: identity.publicKey,
    signingKeys: [...content.signingKeys.map(publishKey), ...(content.withdrawn ?? []).map(entryOf)],
    revoked: content.revoked ?? [],
    recoveryHash: content.recoveryHash,
    escrow: content.escrow === true ? 1 : 0,
    created: now,
  });
  return signObject('mandate', domain, identity.id, identity.secret, payload);
}

/** What an own mandate says, its signature not looked at. Throws `cbor_*`. */
export function readMandate(signed: Uint8Array): Mandate {
  return decode(mandate, decodeSign1(signed).payload);
}

export interface VerifiedMandate {
  readonly domain: string;
  readonly serial: number;
  /** SHA-256 of the signed bytes: what "the same serial with other bytes" is measured by. */
  readonly hash: Uint8Array;
  readonly identityKey: Uint8Array;
  readonly fingerprint: Uint8Array;
  readonly signingKeys: readonly PublishedKey[];
  readonly revoked: readonly Uint8Array[];
  readonly recoveryHash: Uint8Array;
  readonly escrow: boolean;
}

/**
 * Verifies a signed mandate against the fingerprints that TXT or a pin gives. Throws `cbor_*`, `key_invalid`,
 * `fingerprint_mismatch`, `key_unknown`, `signature_invalid`, `record_mismatch` or `record_invalid`.
 */
export function verifyMandate(
  signed: Uint8Array,
  expected: {
    readonly domain: string;
    readonly fingerprints: readonly Uint8Array[];
    readonly now: number;
  },
): VerifiedMandate {
  const object = decodeSign1(signed);
  const content = decode(mandate, object.payload);
  assertEd25519Public(content.identityKey);
  const fingerprint = domainFingerprint(content.identityKey);
  if (!expected.fingerprints.some((known) => constantTimeEqual(known, fingerprint)))
    throw new BeckonError(
      'fingerprint_mismatch',
      'the domain identity key is not the one published or pinned',
    );
  expectKeyId(object, keyId(content.domain, 'domainIdentity', content.identityKey));
  verifyObject('mandate', content.domain, content.identityKey, object);
  if (content.domain !== expected.domain)
    throw new BeckonError('record_mismatch', 'the mandate is for another domain');
  checkSerial(content.serial, expected.now);
  if (content.created > expected.now + times.clockSlack)
    throw new BeckonError('record_invalid', 'the mandate was made in the future');
  return {
    domain: content.domain,
    serial: content.serial,
    hash: sha256(signed),
    identityKey: content.identityKey,
    fingerprint,
    signingKeys: readSigningKeys(content),
    revoked: content.revoked,
    recoveryHash: content.recoveryHash,
    escrow: content.escrow !== 0,
  };
}

/** No appointment outlives the mandate's 400 days, whatever its entry says. */
function readSigningKeys(content: Mandate): readonly PublishedKey[] {
  const latest = content.created + times.mandateValidity;
  return readKeyEntries(content.signingKeys, content.domain, ['domainSigning']).map((key) => ({
    ...key,
    notAfter: Math.min(key.notAfter, latest),
  }));
}

/** Whether the mandate withdraws a key. */
export function isRevoked(mandated: { readonly revoked: readonly Uint8Array[] }, id: Uint8Array): boolean {
  return mandated.revoked.some((revoked) => constantTimeEqual(revoked, id));
}
