/** keys.md: key entries, domain records, user records, verified and made. */
import type { Bytes, Fields } from './cbor.ts';
import {
  asFields,
  bytesAt,
  decodeFields,
  listAt,
  numberAt,
  refuse,
  same,
  textAt,
  unbase64url,
} from './cbor.ts';
import { context, readSigned, sha256, suiteNumber } from './primitives.ts';

export const use = {
  domainIdentity: 1,
  domainSigning: 2,
  notification: 3,
  envelope: 4,
  poll: 5,
  gateway: 6,
  recovery: 7,
  bridge: 9,
  userIdentity: 16,
  addressing: 17,
  sealing: 18,
  device: 19,
} as const;

export const suiteOfUse = new Map<number, number>([
  [use.domainSigning, suiteNumber.ed25519],
  [use.notification, suiteNumber.x25519],
  [use.envelope, suiteNumber.xwing],
  [use.poll, suiteNumber.x25519],
  [use.gateway, suiteNumber.x25519],
  [use.addressing, suiteNumber.x25519],
  [use.sealing, suiteNumber.xwing],
]);

export const active = 1;
const retired = 2;
const revoked = 3;
const slack = 3600;

export interface Key {
  readonly id: Bytes;
  readonly use: number;
  readonly key: Bytes;
  readonly status: number;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt: number;
}

export const keyId = (domain: string, number: number, key: Uint8Array): Bytes =>
  sha256(context('key id', domain, number, key)).slice(0, 8);
export const addressHash = (address: string): Bytes => sha256(context('address', address));
export const identityFingerprint = (identityKey: Uint8Array): Bytes =>
  sha256(context('identity', identityKey));
export const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

function readKeys(domain: string, list: readonly unknown[], uses: readonly number[]): Key[] {
  return list.flatMap((item) => {
    let fields: Fields;
    try {
      fields = asFields(item);
    } catch {
      return [];
    }
    const key: Key = {
      id: bytesAt(fields, 1, 8),
      use: numberAt(fields, 2),
      key: bytesAt(fields, 4),
      status: numberAt(fields, 5),
      notBefore: numberAt(fields, 6),
      notAfter: numberAt(fields, 7),
      revokedAt: fields.has(8) ? numberAt(fields, 8) : 0,
    };
    const good =
      uses.includes(key.use) &&
      suiteOfUse.get(key.use) === numberAt(fields, 3) &&
      key.status <= 3 &&
      same(key.id, keyId(domain, key.use, key.key));
    return good ? [key] : [];
  });
}

const isActive = (key: Key, now: number): boolean =>
  key.status === active && key.notBefore - slack <= now && now <= key.notAfter + slack;

/** Whether what was made at a time may be verified: active, retired, or revoked later. */
const stood = (key: Key, madeAt: number): boolean =>
  (key.status === active || key.status === retired || (key.status === revoked && madeAt < key.revokedAt)) &&
  key.notBefore - slack <= madeAt &&
  madeAt <= key.notAfter + slack;

export function newestActive(keys: readonly Key[], number: number, now: number): Key {
  const [key] = keys
    .filter((one) => one.use === number && isActive(one, now))
    .sort((a, b) => b.notBefore - a.notBefore);
  if (!key) throw new Error('record_invalid');
  return key;
}

function checkTimes(fields: Fields, created: number, expires: number, validity: number, now: number): void {
  const [from, until] = [numberAt(fields, created), numberAt(fields, expires)];
  refuse(from > now + slack || from > until || until - from > validity, 'record_invalid');
  refuse(until + slack < now, 'record_expired');
}

/** The user that writes what came by mail. */
export interface Bridge {
  readonly local: string;
  readonly fingerprint: Bytes;
}

function readBridge(record: Fields): Bridge | undefined {
  const capabilities = record.get(10);
  const named: unknown = capabilities instanceof Map ? capabilities.get('mail') : undefined;
  if (named === undefined) return undefined;
  const fields = asFields(named);
  return { local: textAt(fields, 1), fingerprint: bytesAt(fields, 2, 32) };
}

export interface DomainRecord {
  readonly domain: string;
  readonly serial: number;
  readonly signingKeys: readonly Key[];
  readonly keys: readonly Key[];
  readonly bucketBits: number;
  /** bridges.md section 2. */
  readonly bridge: Bridge | undefined;
  /** Of an object that the domain signed now or, where it says so, at another time. */
  verified(signed: Uint8Array, purpose: string, bound: string, madeAt?: number): Bytes;
}

/** Section 3. */
export function verifyDomainRecord(
  signed: Uint8Array,
  domain: string,
  fingerprints: readonly Uint8Array[],
  now: number,
): DomainRecord {
  const record = decodeFields(readSigned(signed).payload);
  const { mandate, signingKeys } = verifyMandate(bytesAt(record, 3), domain, fingerprints, now);
  const unlisted = listAt(mandate, 5) as Uint8Array[];
  const verified = (bytes: Uint8Array, purpose: string, bound: string, madeAt?: number): Bytes => {
    const one = readSigned(bytes);
    const key = signingKeys.find((each) => same(each.id, one.keyId));
    if (!key) throw new Error('key_unknown');
    const stands = madeAt === undefined ? isActive(key, now) : stood(key, madeAt);
    refuse(!stands || unlisted.some((id) => same(id, key.id)), 'key_not_active');
    return one.verified(key.key, key.id, purpose, bound);
  };
  verified(signed, 'domain record', domain);
  refuse(textAt(record, 1) !== domain, 'record_mismatch');
  refuse(numberAt(record, 2) > now + 86400, 'record_invalid');
  checkTimes(record, 5, 6, 604800, now);
  return {
    domain,
    serial: numberAt(record, 2),
    signingKeys,
    keys: readKeys(domain, listAt(record, 4), [use.notification, use.envelope, use.poll, use.gateway]),
    bucketBits: numberAt(record, 9),
    bridge: readBridge(record),
    verified,
  };
}

function verifyMandate(signed: Uint8Array, domain: string, fingerprints: readonly Uint8Array[], now: number) {
  const one = readSigned(signed);
  const mandate = decodeFields(one.payload);
  const identity = bytesAt(mandate, 3, 32);
  refuse(!fingerprints.some((fingerprint) => same(fingerprint, sha256(identity))), 'fingerprint_mismatch');
  one.verified(identity, keyId(domain, use.domainIdentity, identity), 'mandate', domain);
  refuse(textAt(mandate, 1) !== domain, 'record_mismatch');
  refuse(numberAt(mandate, 2) > now + 86400 || numberAt(mandate, 8) > now + slack, 'record_invalid');
  return { mandate, signingKeys: readKeys(domain, listAt(mandate, 4), [use.domainSigning]) };
}

export interface UserRecord {
  readonly address: string;
  readonly identityKey: Bytes;
  readonly identityKeyId: Bytes;
  readonly identityFingerprint: Bytes;
  readonly recordFingerprint: Bytes;
  readonly keys: readonly Key[];
}

/** Section 5. */
export function verifyUserRecord(inner: Uint8Array, address: string, now: number): UserRecord {
  const domain = domainOf(address);
  const one = readSigned(inner);
  const record = decodeFields(one.payload);
  refuse(
    textAt(record, 1) !== domain || !same(bytesAt(record, 2, 32), addressHash(address)),
    'record_mismatch',
  );
  const identityKey = bytesAt(record, 3, 32);
  const identityKeyId = keyId(domain, use.userIdentity, identityKey);
  one.verified(identityKey, identityKeyId, 'user record', domain);
  checkTimes(record, 5, 6, 34560000, now);
  return {
    address,
    identityKey,
    identityKeyId,
    identityFingerprint: identityFingerprint(identityKey),
    recordFingerprint: sha256(inner),
    keys: readKeys(domain, listAt(record, 4), [use.addressing, use.sealing]),
  };
}

/** Sections 6 and 7; null where the address is reached by mail. */
export function verifyUserAnswer(
  answer: Uint8Array,
  record: DomainRecord,
  address: string,
  now: number,
): UserRecord | null {
  const fields = decodeFields(answer);
  refuse(fields.has(1) === fields.has(2), 'record_invalid');
  const signed = bytesAt(fields, fields.has(1) ? 1 : 2);
  const purpose = fields.has(1) ? 'user listing' : 'by mail';
  const listing = decodeFields(record.verified(signed, purpose, record.domain));
  refuse(textAt(listing, 1) !== record.domain, 'record_mismatch');
  refuse(!same(bytesAt(listing, 2, 32), addressHash(address)), 'record_mismatch');
  if (!fields.has(1)) {
    checkTimes(listing, 3, 4, 604800, now);
    return null;
  }
  checkTimes(listing, 5, 6, 604800, now);
  return verifyUserRecord(bytesAt(listing, 3), address, now);
}

/** account.md section 2. */
export function readInvitation(given: string) {
  const word = given.trim();
  const prefix = 'beckon-invitation:';
  refuse(!word.startsWith(prefix), 'invitation_invalid');
  const fields = decodeFields(unbase64url(word.slice(prefix.length)));
  return {
    domain: textAt(fields, 1),
    local: textAt(fields, 2),
    token: bytesAt(fields, 3, 16),
    fingerprint: bytesAt(fields, 4, 32),
  };
}
