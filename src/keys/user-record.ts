/** User records: the inner layer, signed by the user. wire-spec/keys.md section 5. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { assertEd25519Public } from '../crypto/sign.ts';
import { BeckonError } from '../errors.ts';
import { noCapabilities } from '../wire/keys.ts';
import { times, userFlags } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { userRecord, type UserRecord } from '../wire/users.ts';
import { addressHash, identityFingerprint, keyId, recordFingerprint } from './fingerprints.ts';
import { publishKey, readKeyEntries, usableKey, type PublishedKey } from './published-key.ts';
import { checkSerial } from './serial.ts';
import { expectKeyId, signObject, verifyObject } from './sign1.ts';
import type { UserKeys } from './user-keys.ts';
import { checkValidity } from './validity.ts';

export interface UserRecordContent {
  readonly keys: UserKeys;
  /** Canonical `local@domain`, or its address hash: a decoy has no address. */
  readonly address: string | Uint8Array;
  /** From `nextSerial`. */
  readonly serial: number;
  /** Record fingerprint of the record before, absent in the first. */
  readonly previous?: Uint8Array;
  /** Drops handed out before this time are void. */
  readonly dropsSince?: number;
  readonly capabilities?: ReadonlyMap<string, Uint8Array>;
  readonly bridged?: boolean;
  readonly now: number;
}

/** A signed user record (the inner bytes), valid for 400 days. Throws `record_invalid` for a serial over a day ahead. */
export function signUserRecord(content: UserRecordContent): Uint8Array {
  const { keys, address, now } = content;
  checkSerial(content.serial, now);
  const payload = encode(userRecord, {
    domain: keys.domain,
    addressHash: typeof address === 'string' ? addressHash(address) : address,
    identityKey: keys.identity.publicKey,
    keys: keys.keys.map(publishKey),
    created: now,
    expires: now + times.userRecordValidity,
    serial: content.serial,
    ...(content.previous === undefined ? {} : { previous: content.previous }),
    ...(content.dropsSince === undefined ? {} : { dropsSince: content.dropsSince }),
    capabilities: content.capabilities ?? noCapabilities,
    flags: content.bridged === true ? userFlags.bridged : 0,
  });
  return signObject('user record', keys.domain, keys.identity.id, keys.identity.secret, payload);
}

/** Serial and end of an own record, unverified. Throws `cbor_*`. */
export function readRecordTimes(inner: Uint8Array): { readonly serial: number; readonly expires: number } {
  const { serial, expires } = decode(userRecord, decodeSign1(inner).payload);
  return { serial, expires };
}

/** A user record whose own signature holds; that the domain lists it is another matter (`user-answer.ts`). */
export interface VerifiedRecord {
  readonly domain: string;
  readonly addressHash: Uint8Array;
  readonly identityKey: Uint8Array;
  readonly identityFingerprint: Uint8Array;
  readonly recordFingerprint: Uint8Array;
  /** Addressing and sealing keys. */
  readonly keys: readonly PublishedKey[];
  readonly serial: number;
  readonly previous?: Uint8Array;
  readonly dropsSince?: number;
  readonly created: number;
  readonly expires: number;
  readonly flags: number;
  readonly capabilities: ReadonlyMap<string, Uint8Array>;
  /** [domain, address, inner hash] of where the user went or came from. */
  readonly movedTo?: UserRecord['movedTo'];
  readonly movedFrom?: UserRecord['movedFrom'];
  /** The signed inner bytes as received. */
  readonly inner: Uint8Array;
}

/**
 * Verifies the inner bytes alone, as a domain does at enrolment. Throws `cbor_*`, `record_mismatch` (another domain or address
 * hash), `key_invalid`, `key_unknown`, `signature_invalid`, `record_invalid` or `record_expired`.
 */
export function verifyInnerRecord(
  inner: Uint8Array,
  expected: { readonly domain: string; readonly addressHash: Uint8Array; readonly now: number },
): VerifiedRecord {
  const object = decodeSign1(inner);
  const content = decode(userRecord, object.payload);
  if (content.domain !== expected.domain || !constantTimeEqual(content.addressHash, expected.addressHash))
    throw new BeckonError('record_mismatch', 'the user record is for another address');
  assertEd25519Public(content.identityKey);
  expectKeyId(object, keyId(content.domain, 'userIdentity', content.identityKey));
  verifyObject('user record', content.domain, content.identityKey, object);
  checkValidity(content, expected.now);
  checkSerial(content.serial, expected.now);
  return verified(content, inner);
}

function verified(content: UserRecord, inner: Uint8Array): VerifiedRecord {
  const { unknown: _, ...known } = content;
  return {
    ...known,
    identityFingerprint: identityFingerprint(content.identityKey),
    recordFingerprint: recordFingerprint(inner),
    keys: readKeyEntries(content.keys, content.domain, ['addressing', 'sealing']),
    inner,
  };
}

/** The keys to write to a user by introduction. Throws `record_invalid` where the record lacks an active one of either. */
export function keysToWriteTo(
  record: { readonly keys: readonly PublishedKey[] },
  now: number,
): { readonly addressing: PublishedKey; readonly sealing: PublishedKey } {
  try {
    return { addressing: usableKey(record, 'addressing', now), sealing: usableKey(record, 'sealing', now) };
  } catch (cause) {
    throw new BeckonError('record_invalid', 'the user record has no active addressing and sealing key', {
      cause,
    });
  }
}
