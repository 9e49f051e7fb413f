/** What a domain says about an address: a listing or "by mail". wire-spec/keys.md sections 6 and 7. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import type { Attachments } from '../wire/keys.ts';
import { times, userStatuses } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { byMail, userAnswer, userListing } from '../wire/users.ts';
import type { DomainKeys } from './domain-keys.ts';
import { verifyByDomain, type VerifiedDomain } from './domain-record.ts';
import { addressHash } from './fingerprints.ts';
import { selectKey } from './key-pair.ts';
import { checkProgress } from './serial.ts';
import { signObject } from './sign1.ts';
import { verifyInnerRecord, type VerifiedRecord } from './user-record.ts';
import { checkValidity } from './validity.ts';

export type UserStatus = keyof typeof userStatuses;

/**
 * A signed listing of a user's inner record, valid for 7 days from `created`, which is now unless told. Throws `key_not_active`
 * without a signing key that is active now.
 */
export function signListing(content: {
  readonly keys: DomainKeys;
  readonly addressHash: Uint8Array;
  readonly inner: Uint8Array;
  readonly status?: UserStatus;
  readonly escrow?: boolean;
  readonly created?: number;
  readonly now: number;
}): Uint8Array {
  const { keys, now, created = now } = content;
  const payload = encode(userListing, {
    domain: keys.domain,
    addressHash: content.addressHash,
    inner: content.inner,
    status: userStatuses[content.status ?? 'active'],
    created,
    expires: created + times.recordValidity,
    escrow: content.escrow ?? false,
  });
  return signByDomain('user listing', keys, payload, now);
}

/** The domain's signed word that an address takes mail over SMTP, for 7 days from `created`. Throws as `signListing`. */
export function signByMail(content: {
  readonly keys: DomainKeys;
  readonly addressHash: Uint8Array;
  readonly created?: number;
  readonly now: number;
}): Uint8Array {
  const { keys, now, created = now } = content;
  const payload = encode(byMail, {
    domain: keys.domain,
    addressHash: content.addressHash,
    created,
    expires: created + times.byMailValidity,
  });
  return signByDomain('by mail', keys, payload, now);
}

function signByDomain(
  purpose: 'user listing' | 'by mail',
  keys: DomainKeys,
  payload: Uint8Array,
  now: number,
): Uint8Array {
  const signing = selectKey(keys.keys, 'domainSigning', now);
  return signObject(purpose, keys.domain, signing.id, signing.secret, payload);
}

/** What `GET users/{domain}/{address hash}` serves: exactly one of a listing and a "by mail". */
export function encodeUserAnswer(
  signed: { readonly listing: Uint8Array } | { readonly byMail: Uint8Array },
  attachments: Attachments = [],
): Uint8Array {
  return encode(userAnswer, { ...signed, attachments });
}

export interface VerifiedUser extends VerifiedRecord {
  /** Canonical `local@domain`: the one asked for. */
  readonly address: string;
  readonly status: UserStatus | 'unknown';
  /** Whether the domain holds this user's keys. */
  readonly escrow: boolean;
  /** End of the listing; `expires` is that of the user's own record. */
  readonly listedUntil: number;
}

export type VerifiedUserAnswer =
  | ({ readonly kind: 'user' } & VerifiedUser)
  | { readonly kind: 'by_mail'; readonly created: number; readonly expires: number };

/** What was seen of a user before. A `VerifiedUser` will do. */
export interface SeenUser {
  readonly serial: number;
  readonly recordFingerprint: Uint8Array;
  readonly created: number;
}

/**
 * Verifies the answer for an address (canonical text) against the domain's verified record. Whether a new identity key is
 * believed is not decided here. Throws `cbor_*`, `record_invalid`, `record_mismatch`, `key_unknown`, `key_not_active`, `key_invalid`,
 * `signature_invalid`, `record_expired`, `record_rollback` or `trust_changed`.
 */
export function verifyUserAnswer(
  answer: Uint8Array,
  domain: VerifiedDomain,
  address: string,
  now: number,
  previous?: SeenUser,
): VerifiedUserAnswer {
  const { listing, byMail: mail } = decode(userAnswer, answer);
  if (listing !== undefined && mail === undefined)
    return { kind: 'user', ...verifyListing(listing, domain, address, now, previous) };
  if (mail !== undefined && listing === undefined) return verifyByMail(mail, domain, address, now, previous);
  throw new BeckonError('record_invalid', 'a user answer is either a listing or "by mail"');
}

/** As `verifyUserAnswer`, for a signed listing alone. */
export function verifyListing(
  signed: Uint8Array,
  domain: VerifiedDomain,
  address: string,
  now: number,
  previous?: SeenUser,
): VerifiedUser {
  const content = decode(userListing, verifyByDomain('user listing', domain, signed, now));
  const hash = addressHash(address);
  expectAbout(content, domain.domain, hash);
  checkValidity(content, now, times.recordValidity);
  const record = verifyInnerRecord(content.inner, { domain: domain.domain, addressHash: hash, now });
  if (previous !== undefined)
    checkProgress(record.serial, record.recordFingerprint, {
      serial: previous.serial,
      hash: previous.recordFingerprint,
    });
  return {
    ...record,
    address,
    status: statusOf(content.status),
    escrow: content.escrow,
    listedUntil: content.expires,
  };
}

/**
 * The user's record in an answer that was verified once, by the user's own signature alone: what the domain said of it may be past. undefined
 * where it holds none, or one that is past.
 */
export function readListedUser(answer: Uint8Array, address: string, now: number): VerifiedUser | undefined {
  const { listing } = decode(userAnswer, answer);
  if (listing === undefined) return undefined;
  const content = decode(userListing, decodeSign1(listing).payload);
  const about = { domain: content.domain, addressHash: addressHash(address), now };
  try {
    const record = verifyInnerRecord(content.inner, about);
    const { escrow, expires: listedUntil } = content;
    return { ...record, address, status: statusOf(content.status), escrow, listedUntil };
  } catch (error) {
    if (error instanceof BeckonError) return undefined;
    throw error;
  }
}

function verifyByMail(
  signed: Uint8Array,
  domain: VerifiedDomain,
  address: string,
  now: number,
  previous: SeenUser | undefined,
): VerifiedUserAnswer {
  const content = decode(byMail, verifyByDomain('by mail', domain, signed, now));
  expectAbout(content, domain.domain, addressHash(address));
  checkValidity(content, now, times.byMailValidity);
  if (previous !== undefined && content.created < previous.created)
    throw new BeckonError('record_rollback', '"by mail" is older than the user record seen before');
  return { kind: 'by_mail', created: content.created, expires: content.expires };
}

function expectAbout(
  content: { readonly domain: string; readonly addressHash: Uint8Array },
  domain: string,
  hash: Uint8Array,
): void {
  if (content.domain !== domain || !constantTimeEqual(content.addressHash, hash))
    throw new BeckonError('record_mismatch', 'the answer is about another address');
}

function statusOf(value: number): UserStatus | 'unknown' {
  const names = Object.keys(userStatuses) as UserStatus[];
  return names.find((name) => userStatuses[name] === value) ?? 'unknown';
}
