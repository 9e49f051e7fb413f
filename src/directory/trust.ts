/** How far an identity key is trusted to be whose it says, and why: the reasons are for programs, the words for people. */

/**
 * `direct`: people compared the fingerprints; `chain`: the parent domain signed the key; `dns`: the TXT record names it;
 * `none`: nothing speaks for it.
 */
export type TrustLevel = 'direct' | 'chain' | 'dns' | 'none';

export type TrustReason =
  | 'compared'
  | 'card'
  | 'parent_signed'
  | 'parent_refused'
  | 'parent_unknown'
  | 'txt_matches'
  | 'txt_differs'
  | 'dnssec_validated'
  | 'dnssec_absent'
  | 'pinned'
  | 'first_sight'
  | 'answered'
  | 'leaving'
  | 'gone_refused'
  | 'listed_by_domain'
  | 'escrow';

export interface Trust {
  readonly level: TrustLevel;
  /** In the order in which they were weighed; never empty. */
  readonly reasons: readonly TrustReason[];
}

export interface DomainEvidence {
  /** Its owner's word, got out of band. */
  readonly compared: boolean;
  /** Whether the TXT record names the identity key now. */
  readonly txtMatches: boolean;
  readonly dnssec: boolean;
  /** Whether the key was pinned before this look-up. */
  readonly pinnedBefore: boolean;
  /** What became of the signatures of parents, where there are any. */
  readonly parent?: 'signed' | 'refused' | 'unknown' | undefined;
  /** The domain says that it leaves. */
  readonly leaving?: boolean;
  /** TXT says so, and the domain did not sign it. */
  readonly goneRefused?: boolean;
}

/** The trust in a domain's identity key. */
export function domainTrust(evidence: DomainEvidence): Trust {
  const { compared, txtMatches, dnssec, pinnedBefore, parent } = evidence;
  const reasons: TrustReason[] = [];
  if (compared) reasons.push('compared');
  if (parent !== undefined) reasons.push(`parent_${parent}`);
  reasons.push(pinnedBefore ? 'pinned' : 'first_sight', txtMatches ? 'txt_matches' : 'txt_differs');
  if (txtMatches) reasons.push(dnssec ? 'dnssec_validated' : 'dnssec_absent');
  if (evidence.leaving === true) reasons.push('leaving');
  if (evidence.goneRefused === true) reasons.push('gone_refused');
  const unvouched = txtMatches ? 'dns' : 'none';
  return { level: compared ? 'direct' : parent === 'signed' ? 'chain' : unvouched, reasons };
}

export interface UserEvidence {
  readonly compared: boolean;
  readonly pinnedBefore: boolean;
  /** A contact card that this identity signed was used. */
  readonly card?: boolean;
  /** A message of theirs was verified under this identity. */
  readonly answered?: boolean;
  /** The domain says that it holds its users' keys. */
  readonly escrow: boolean;
}

/**
 * The trust in a user's identity key: one's own comparison, else no more than what the listing domain has. A contact card is a reason and no level: it
 * says as much as the way by which it came, which only its reader knows.
 */
export function userTrust(evidence: UserEvidence, domain: Trust): Trust {
  const reasons: TrustReason[] = [];
  if (evidence.compared) reasons.push('compared');
  if (evidence.card) reasons.push('card');
  reasons.push(evidence.pinnedBefore ? 'pinned' : 'first_sight');
  if (evidence.answered) reasons.push('answered');
  reasons.push('listed_by_domain');
  if (evidence.escrow) reasons.push('escrow');
  const level = evidence.compared ? 'direct' : domain.level === 'direct' ? 'dns' : domain.level;
  return { level, reasons: [...reasons, ...domain.reasons.filter((reason) => !ofPin.has(reason))] };
}

/** What is said of a domain's own pin, and nothing of what the domain says of its users. */
const ofPin: ReadonlySet<TrustReason> = new Set<TrustReason>(['compared', 'pinned', 'first_sight']);
