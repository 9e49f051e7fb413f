/** Published keys, mandates and domain records, wire-spec/keys.md sections 1 to 4. */
import { domainName, hash, keyId, serial, suite, time } from './items.ts';
import { counts, sizes } from './registry.ts';
import {
  anything,
  bytes,
  field,
  list,
  namedMap,
  optional,
  record,
  text,
  tuple,
  uint,
  type ValueOf,
} from './schema.ts';
import { signedBytes } from './sign1.ts';

export const keyEntry = record('key-entry', {
  id: field(1, keyId),
  use: field(2, uint(255)),
  suite: field(3, suite),
  key: field(4, bytes(32, 4096)),
  status: field(5, uint(255)),
  notBefore: field(6, time),
  notAfter: field(7, time),
  revokedAt: optional(8, time),
});
export type KeyEntry = ValueOf<typeof keyEntry>;

export const keyEntries = list(keyEntry, { max: counts.keyEntries, tolerant: true });

/** Capabilities: names to parameters, kept as encoded. */
export const capabilities = namedMap(anything(512), { max: counts.capabilities, maxKey: 64 });
export const noCapabilities: ReadonlyMap<string, Uint8Array> = new Map();

export const mandate = record('mandate', {
  domain: field(1, domainName),
  serial: field(2, serial),
  identityKey: field(3, bytes(sizes.ed25519Public)),
  signingKeys: field(4, keyEntries),
  revoked: field(5, list(keyId, { max: counts.revokedKeys })),
  recoveryHash: field(6, hash),
  escrow: field(7, uint(255)),
  created: field(8, time),
});
export type Mandate = ValueOf<typeof mandate>;

export const domainLimits = record('domain-limits', {
  introductionsPerHour: optional(1, uint()),
  payload: optional(2, uint()),
});

export const domainRecord = record('domain-record', {
  domain: field(1, domainName),
  serial: field(2, serial),
  mandate: field(3, signedBytes(16 * 1024)),
  keys: field(4, keyEntries),
  created: field(5, time),
  expires: field(6, time),
  contact: field(7, text(254)),
  limits: field(8, domainLimits),
  bucketBits: field(9, uint(counts.bucketBits)),
  capabilities: field(10, capabilities),
});
export type DomainRecord = ValueOf<typeof domainRecord>;

export const attachments = list(tuple(uint(255), bytes(1, 4096)), { max: counts.attachments });
export type Attachments = ValueOf<typeof attachments>;

/** What `GET domains/{domain}` serves. */
export const domainAnswer = record('domain-answer', {
  record: field(1, signedBytes(40 * 1024)),
  attachments: field(2, attachments),
});
export type DomainAnswer = ValueOf<typeof domainAnswer>;
