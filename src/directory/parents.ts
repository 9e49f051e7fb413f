/** Whether parents of a domain vouch for its identity, wire-spec/identity.md section 2. */
import { constantTimeEqual } from '../crypto/secret.ts';
import type { Discover } from '../dns/discover.ts';
import { BeckonError } from '../errors.ts';
import type { VerifiedDomain } from '../keys/domain-record.ts';
import { verifyParentSignature, type VerifiedParent } from '../keys/parent-signature.ts';
import type { Attachments } from '../wire/keys.ts';
import { attachmentTypes } from '../wire/registry.ts';

/** `refused`: a signature that does not hold, or a parent that does not name its key; `unknown`: its TXT could not be read. */
export type ParentEvidence =
  { readonly kind: 'signed'; readonly until: number } | { readonly kind: 'refused' | 'unknown' };

/** What the attachments of a verified record say about parents; undefined where they say nothing. The best of several counts. */
export async function judgeParents(
  record: Pick<VerifiedDomain, 'domain' | 'fingerprint'>,
  attachments: Attachments,
  discover: Pick<Discover, 'domainTxt'>,
  now: number,
): Promise<ParentEvidence | undefined> {
  const signed = attachments.filter(([type]) => type === attachmentTypes.parentSignature);
  const judged = await Promise.all(signed.map(([, bytes]) => judge(bytes, record, discover, now)));
  const best = (kind: ParentEvidence['kind']) => judged.find((evidence) => evidence.kind === kind);
  return best('signed') ?? best('unknown') ?? best('refused');
}

async function judge(
  signed: Uint8Array,
  { domain, fingerprint }: Pick<VerifiedDomain, 'domain' | 'fingerprint'>,
  discover: Pick<Discover, 'domainTxt'>,
  now: number,
): Promise<ParentEvidence> {
  let verified: VerifiedParent;
  try {
    verified = verifyParentSignature(signed, { domain, fingerprint, now });
  } catch (error) {
    if (!(error instanceof BeckonError)) throw error;
    return { kind: 'refused' };
  }
  const { parent, parentFingerprint, expires } = verified;
  const outcome = await discover.domainTxt(parent);
  if (outcome.kind === 'later') return { kind: 'unknown' };
  const ids = outcome.kind === 'found' ? outcome.txt.fingerprints : [];
  const named = ids.some((id) => constantTimeEqual(id, parentFingerprint));
  return named ? { kind: 'signed', until: expires } : { kind: 'refused' };
}
