/** What a domain serves beside its record, unsigned by it: wire-spec/keys.md section 4. */
import { codeOf } from '../errors.ts';
import type { Attachments } from '../wire/keys.ts';
import { attachmentTypes, counts } from '../wire/registry.ts';
import type { DomainKeys } from './domain-keys.ts';
import { attachChanges } from './identity-change.ts';
import { verifyParentSignature, type VerifiedParent } from './parent-signature.ts';

/** Changes of the identity first, then the signatures of parents that hold still. */
export function servedAttachments(keys: DomainKeys, now: number): Attachments {
  const changes = attachChanges(keys.changes ?? []);
  const parents = (keys.parents ?? [])
    .filter((signed) => standingParent(keys, signed, now) !== undefined)
    .map((signed) => [attachmentTypes.parentSignature, signed] as const);
  return [...changes, ...parents].slice(0, counts.attachments);
}

/** What a signature of a parent says about the present identity, undefined where it is past or about another one. */
export function standingParent(
  { domain, fingerprint }: DomainKeys,
  signed: Uint8Array,
  now: number,
): VerifiedParent | undefined {
  try {
    return verifyParentSignature(signed, { domain, fingerprint, now });
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return undefined;
  }
}
