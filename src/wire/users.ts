/** User records, their listing by the domain, and "by mail" answers, wire-spec/keys.md sections 5 to 7. */
import { addressText, domainName, hash, serial, time } from './items.ts';
import { attachments, capabilities, keyEntries } from './keys.ts';
import { sizes } from './registry.ts';
import { bool, bytes, field, optional, record, tuple, uint, type ValueOf } from './schema.ts';
import { signedBytes } from './sign1.ts';

const move = tuple(domainName, addressText, hash);

/** The inner layer, signed by the user's identity key. */
export const userRecord = record('user-record', {
  domain: field(1, domainName),
  addressHash: field(2, hash),
  identityKey: field(3, bytes(sizes.ed25519Public)),
  keys: field(4, keyEntries),
  created: field(5, time),
  expires: field(6, time),
  serial: field(7, serial),
  previous: optional(8, hash),
  dropsSince: optional(9, time),
  capabilities: field(10, capabilities),
  flags: field(11, uint(0xffff)),
  movedTo: optional(12, move),
  movedFrom: optional(13, move),
});
export type UserRecord = ValueOf<typeof userRecord>;

/** The outer layer, signed by the domain. */
export const userListing = record('user-listing', {
  domain: field(1, domainName),
  addressHash: field(2, hash),
  inner: field(3, signedBytes(24 * 1024)),
  status: field(4, uint(255)),
  created: field(5, time),
  expires: field(6, time),
  escrow: field(7, bool),
});
export type UserListing = ValueOf<typeof userListing>;

/** The domain's signed word that an address takes mail over SMTP. */
export const byMail = record('by-mail', {
  domain: field(1, domainName),
  addressHash: field(2, hash),
  created: field(3, time),
  expires: field(4, time),
});
export type ByMail = ValueOf<typeof byMail>;

/** What `GET users/{domain}/{address hash}` serves: a listing or a "by mail", exactly one of them. */
export const userAnswer = record('user-answer', {
  listing: optional(1, signedBytes(32 * 1024)),
  byMail: optional(2, signedBytes(1024)),
  attachments: field(3, attachments),
});
export type UserAnswer = ValueOf<typeof userAnswer>;
