/** What is said about a domain's identity key: changes of it, and signatures of parent domains; wire-spec/identity.md sections 1 and 2. */
import { domainName, hash, time } from './items.ts';
import { counts, sizes } from './registry.ts';
import { bytes, field, list, optional, record, text, uint, type ValueOf } from './schema.ts';

export const identityChange = record('identity-change', {
  domain: field(1, domainName),
  /** A key use: `domainIdentity` or `recovery`. */
  by: field(2, uint(255)),
  signer: field(3, bytes(sizes.ed25519Public)),
  identityKey: field(4, bytes(sizes.ed25519Public)),
  recoveryHash: optional(5, hash),
  created: field(6, time),
});
export type IdentityChange = ValueOf<typeof identityChange>;

/** The longest signed change, in bytes. */
export const maxIdentityChange = 1024;

/** An attachment of a domain-answer: signed changes, the oldest first. */
export const identityChanges = record('identity-changes', {
  changes: field(1, list(bytes(1, maxIdentityChange), { max: counts.identityChanges })),
});
export type IdentityChanges = ValueOf<typeof identityChanges>;

export const parentSignature = record('parent-signature', {
  domain: field(1, domainName),
  fingerprint: field(2, hash),
  /** A proper suffix of the domain; it may be a top-level domain. */
  parent: field(3, text(240)),
  parentKey: field(4, bytes(sizes.ed25519Public)),
  created: field(5, time),
  expires: field(6, time),
});
export type ParentSignature = ValueOf<typeof parentSignature>;
