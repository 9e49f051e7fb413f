/** Domain records, wire-spec/keys.md sections 3 and 4. */
import { sha256 } from '../crypto/kdf.ts';
import { BeckonError } from '../errors.ts';
import {
  domainAnswer,
  domainRecord,
  noCapabilities,
  type Attachments,
  type DomainRecord,
  type KeyEntry,
} from '../wire/keys.ts';
import { counts, times } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import type { DomainKeys } from './domain-keys.ts';
import { selectKey } from './key-pair.ts';
import { isRevoked, verifyMandate, type VerifiedMandate } from './mandate.ts';
import {
  entryOf,
  expectActive,
  namedKey,
  publishKey,
  readKeyEntries,
  type PublishedKey,
} from './published-key.ts';
import { checkProgress, checkSerial } from './serial.ts';
import { signObject, verifyObject } from './sign1.ts';
import { checkValidity } from './validity.ts';

export interface DomainRecordContent {
  readonly keys: DomainKeys;
  /** From `nextSerial`. */
  readonly serial: number;
  /** Where abuse is reported: a mail address or URL. */
  readonly contact: string;
  readonly limits?: { readonly introductionsPerHour?: number; readonly payload?: number };
  /** 0 to 12, default 0. */
  readonly bucketBits?: number;
  readonly capabilities?: ReadonlyMap<string, Uint8Array>;
  readonly now: number;
}

/**
 * A signed domain record, valid for 7 days from `now`. Throws `key_not_active` without an active signing key, `record_invalid` for
 * a serial over a day ahead.
 */
export function signDomainRecord(content: DomainRecordContent): Uint8Array {
  const { keys, now } = content;
  checkSerial(content.serial, now);
  const signing = selectKey(keys.keys, 'domainSigning', now);
  const payload = encode(domainRecord, {
    domain: keys.domain,
    serial: content.serial,
    mandate: keys.mandate,
    keys: publishedEntries(keys),
    created: now,
    expires: now + times.recordValidity,
    contact: content.contact,
    limits: content.limits ?? {},
    bucketBits: content.bucketBits ?? 0,
    capabilities: content.capabilities ?? noCapabilities,
  });
  return signObject('domain record', keys.domain, signing.id, signing.secret, payload);
}

/** All keys but those of the mandate; of revoked ones the newest, as far as there is room. */
function publishedEntries({ keys, revoked }: DomainKeys): readonly KeyEntry[] {
  const own = keys.filter((key) => key.use !== 'domainSigning').map(publishKey);
  const withdrawn = revoked.filter((key) => key.use !== 'domainSigning').map(entryOf);
  return [...own, ...withdrawn].slice(0, counts.keyEntries);
}

/** What `GET domains/{domain}` serves. */
export function encodeDomainAnswer(record: Uint8Array, attachments: Attachments = []): Uint8Array {
  return encode(domainAnswer, { record, attachments });
}

export interface VerifiedDomain {
  readonly domain: string;
  readonly identityKey: Uint8Array;
  /** SHA-256 of the identity key. */
  readonly fingerprint: Uint8Array;
  readonly serial: number;
  readonly mandateSerial: number;
  /** SHA-256 of the signed record and of the signed mandate. */
  readonly recordHash: Uint8Array;
  readonly mandateHash: Uint8Array;
  readonly signingKeys: readonly PublishedKey[];
  /** Ids of signing keys that the mandate withdraws. */
  readonly revoked: readonly Uint8Array[];
  /** Notification, envelope, poll, gateway and bridge keys. */
  readonly keys: readonly PublishedKey[];
  readonly contact: string;
  readonly limits: { readonly introductionsPerHour?: number; readonly payload?: number };
  readonly bucketBits: number;
  readonly capabilities: ReadonlyMap<string, Uint8Array>;
  readonly recoveryHash: Uint8Array;
  readonly escrow: boolean;
  readonly created: number;
  readonly expires: number;
  /** The signed record as received. */
  readonly bytes: Uint8Array;
}

export interface ExpectedDomain {
  readonly domain: string;
  /** Accepted fingerprints of the identity key: those in TXT, or the pinned one. */
  readonly fingerprints: readonly Uint8Array[];
  readonly now: number;
  /** What was seen before, if anything. A `VerifiedDomain` will do. */
  readonly previous?: SeenDomain | undefined;
}

export interface SeenDomain {
  readonly serial: number;
  readonly recordHash: Uint8Array;
  readonly mandateSerial: number;
  readonly mandateHash?: Uint8Array | undefined;
}

/** As `verifyDomainRecord`, for the answer that carries the record, with its unsigned attachments. */
export function verifyDomainAnswer(
  answer: Uint8Array,
  expected: ExpectedDomain,
): VerifiedDomain & { readonly attachments: Attachments } {
  const { record, attachments } = decode(domainAnswer, answer);
  return { ...verifyDomainRecord(record, expected), attachments };
}

/**
 * Verifies a signed domain record in the order of wire-spec/keys.md section 3. Throws `cbor_*`, `key_invalid`,
 * `fingerprint_mismatch`, `signature_invalid`, `record_mismatch`, `key_unknown`, `key_not_active`, `record_invalid`,
 * `record_expired`, `record_rollback` or `trust_changed`.
 */
export function verifyDomainRecord(signed: Uint8Array, expected: ExpectedDomain): VerifiedDomain {
  const { now } = expected;
  const object = decodeSign1(signed);
  const content = decode(domainRecord, object.payload);
  const mandated = verifyMandate(content.mandate, expected);
  verifyByDomain('domain record', mandated, signed, now);
  if (content.domain !== mandated.domain)
    throw new BeckonError('record_mismatch', 'record and mandate name different domains');
  checkValidity(content, now, times.recordValidity);
  checkSerial(content.serial, now);
  const recordHash = sha256(signed);
  if (expected.previous !== undefined) checkSeen(mandated, content.serial, recordHash, expected.previous);
  return verified(content, mandated, recordHash, signed);
}

/**
 * The payload of an object that an active signing key of the domain signed, bound to the domain. Throws `key_unknown`,
 * `key_not_active`, `signature_invalid`, `cbor_*`.
 */
export function verifyByDomain(
  purpose: 'domain record' | 'user listing' | 'by mail',
  domain: Pick<VerifiedDomain, 'domain' | 'signingKeys' | 'revoked'>,
  signed: Uint8Array,
  now: number,
): Uint8Array {
  const object = decodeSign1(signed);
  const key = namedKey(domain.signingKeys, object.keyId);
  if (isRevoked(domain, key.id)) throw new BeckonError('key_not_active', 'the key named is revoked');
  expectActive(key, now);
  return verifyObject(purpose, domain.domain, key.key, object);
}

function checkSeen(
  mandated: VerifiedMandate,
  serial: number,
  recordHash: Uint8Array,
  seen: SeenDomain,
): void {
  checkProgress(mandated.serial, mandated.hash, { serial: seen.mandateSerial, hash: seen.mandateHash });
  checkProgress(serial, recordHash, { serial: seen.serial, hash: seen.recordHash });
}

function verified(
  content: DomainRecord,
  mandated: VerifiedMandate,
  recordHash: Uint8Array,
  bytes: Uint8Array,
): VerifiedDomain {
  return {
    domain: mandated.domain,
    identityKey: mandated.identityKey,
    fingerprint: mandated.fingerprint,
    serial: content.serial,
    mandateSerial: mandated.serial,
    recordHash,
    mandateHash: mandated.hash,
    signingKeys: mandated.signingKeys,
    revoked: mandated.revoked,
    keys: readKeyEntries(content.keys, mandated.domain, [
      'notification',
      'envelope',
      'poll',
      'gateway',
      'bridge',
    ]),
    contact: content.contact,
    limits: content.limits,
    bucketBits: content.bucketBits,
    capabilities: content.capabilities,
    recoveryHash: mandated.recoveryHash,
    escrow: mandated.escrow,
    created: content.created,
    expires: content.expires,
    bytes,
  };
}
