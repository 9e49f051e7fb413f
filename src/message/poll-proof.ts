/** Proofs: who owns a drop shows it, to poll, to set a preference, to have pulled and to read what was, without an account or a bearer secret. wire-spec/addressing.md section 2. */
import { assertX25519Public, x25519, x25519Public } from '../crypto/dh.ts';
import { hkdf, hmacSha256 } from '../crypto/kdf.ts';
import { constantTimeEqual, type Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { unprovenBlindEntry, unprovenPullEntry, type BlindEntry, type PullEntry } from '../wire/blind.ts';
import { unprovenPollEntry, type PollEntry } from '../wire/collect.ts';
import { context } from '../wire/context.ts';
import { unprovenPreferenceEntry, type PreferenceEntry } from '../wire/preferences.ts';
import { sizes, times } from '../wire/registry.ts';
import { encode } from '../wire/schema.ts';
import type { DropOwner } from './drops.ts';

/** What one poll request says once for all its entries; with the domain's poll key it is what each proof is bound to. */
export interface PollOccasion {
  readonly domain: string;
  /** Id of the domain's poll key. */
  readonly keyId: Uint8Array;
  readonly time: number;
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
}

/**
 * The entry with its proof. `domainKey` is the domain's poll key D (32 bytes), `pollKey` is set from the owner. Throws
 * `key_invalid` for a D of small order.
 */
export function provePoll(
  owner: DropOwner,
  domainKey: Uint8Array,
  occasion: PollOccasion,
  entry: Omit<PollEntry, 'pollKey' | 'proof'> = {},
): PollEntry {
  const unproven = { ...entry, pollKey: owner.pollKey };
  const said = pollSaid(unproven);
  return { ...unproven, proof: proofUnder(sharedByOwner(owner, domainKey), occasion, said) };
}

/** As `provePoll`, of a preference (wire-spec/fetch.md section 9). */
export function provePreference(
  owner: DropOwner,
  domainKey: Uint8Array,
  occasion: PollOccasion,
  entry: Omit<PreferenceEntry, 'pollKey' | 'proof'>,
): PreferenceEntry {
  const unproven = { ...entry, pollKey: owner.pollKey };
  const said = preferenceSaid(unproven);
  return { ...unproven, proof: proofUnder(sharedByOwner(owner, domainKey), occasion, said) };
}

/** As `provePoll`, to have the domain pull (wire-spec/account.md section 12). */
export function provePull(
  owner: DropOwner,
  domainKey: Uint8Array,
  occasion: PollOccasion,
  entry: Omit<PullEntry, 'pollKey' | 'proof'>,
): PullEntry {
  const unproven = { ...entry, pollKey: owner.pollKey };
  return { ...unproven, proof: proofUnder(sharedByOwner(owner, domainKey), occasion, pullSaid(unproven)) };
}

/** As `provePoll`, to read what the domain pulled (wire-spec/fetch.md section 12). */
export function proveBlind(
  owner: DropOwner,
  domainKey: Uint8Array,
  occasion: PollOccasion,
  entry: Omit<BlindEntry, 'pollKey' | 'proof'>,
): BlindEntry {
  const unproven = { ...entry, pollKey: owner.pollKey };
  return { ...unproven, proof: proofUnder(sharedByOwner(owner, domainKey), occasion, blindSaid(unproven)) };
}

/** X25519(p, D); for an introduction X25519(b, X25519(s, D)), which is the same for p = b s. */
function sharedByOwner(owner: DropOwner, domainKey: Uint8Array): Uint8Array {
  if (owner.kind === 'handed-over') return x25519(owner.scalar.expose(), domainKey);
  return x25519(owner.addressing.expose(), x25519(owner.shared.expose(), domainKey));
}

/** What a proof is made over, and by which purpose it is told from the others. */
interface Said {
  readonly pollKey: Uint8Array;
  readonly purpose: 'poll request' | 'preference request' | 'pull request' | 'blind request';
  readonly entry: Uint8Array;
}

function pollSaid(entry: Omit<PollEntry, 'proof'>): Said {
  const { pollKey } = entry;
  return { pollKey, purpose: 'poll request', entry: encode(unprovenPollEntry, entry) };
}

function preferenceSaid(entry: Omit<PreferenceEntry, 'proof'>): Said {
  const { pollKey } = entry;
  return { pollKey, purpose: 'preference request', entry: encode(unprovenPreferenceEntry, entry) };
}

function pullSaid(entry: Omit<PullEntry, 'proof'>): Said {
  const { pollKey } = entry;
  return { pollKey, purpose: 'pull request', entry: encode(unprovenPullEntry, entry) };
}

function blindSaid(entry: Omit<BlindEntry, 'proof'>): Said {
  const { pollKey } = entry;
  return { pollKey, purpose: 'blind request', entry: encode(unprovenBlindEntry, entry) };
}

function proofUnder(
  shared: Uint8Array,
  occasion: PollOccasion,
  { pollKey, purpose, entry }: Said,
): Uint8Array {
  const { domain, keyId, time, nonce } = occasion;
  const key = hkdf(shared, context('poll', domain, pollKey, keyId));
  return hmacSha256(key, context(purpose, time, nonce, entry)).slice(0, sizes.pollProof);
}

/** Throws `proof_stale` for a request whose time is more than an hour off: it is refused as a whole. */
export function checkPollTime(time: number, now: number): void {
  if (Math.abs(now - time) > times.clockSlack)
    throw new BeckonError('proof_stale', 'the request was made more than an hour ago or ahead');
}

/**
 * Whether an entry's proof holds. `domainKey` is the private poll key d that `occasion.keyId` names. The same work is done for every
 * entry, also where the poll key is of small order or not canonical, so that a bad proof answers in the time of a good one.
 */
export function verifyPollProof(domainKey: Secret, occasion: PollOccasion, entry: PollEntry): boolean {
  const { proof, ...unproven } = entry;
  return holds(domainKey, occasion, pollSaid(unproven), proof);
}

/** As `verifyPollProof`, of a preference. */
export function verifyPreferenceProof(
  domainKey: Secret,
  occasion: PollOccasion,
  entry: PreferenceEntry,
): boolean {
  const { proof, ...unproven } = entry;
  return holds(domainKey, occasion, preferenceSaid(unproven), proof);
}

/** As `verifyPollProof`, of what is to be pulled. */
export function verifyPullProof(domainKey: Secret, occasion: PollOccasion, entry: PullEntry): boolean {
  const { proof, ...unproven } = entry;
  return holds(domainKey, occasion, pullSaid(unproven), proof);
}

/** As `verifyPollProof`, of what was pulled. */
export function verifyBlindProof(domainKey: Secret, occasion: PollOccasion, entry: BlindEntry): boolean {
  const { proof, ...unproven } = entry;
  return holds(domainKey, occasion, blindSaid(unproven), proof);
}

function holds(domainKey: Secret, occasion: PollOccasion, said: Said, proof: Uint8Array): boolean {
  const valid = isPublic(said.pollKey);
  const shared = x25519(domainKey.expose(), valid ? said.pollKey : standIn);
  return constantTimeEqual(proofUnder(shared, occasion, said), proof) && valid;
}

/** A valid point in place of an invalid one: the proof made with it is never accepted. */
const standIn = x25519Public(new Uint8Array(32).fill(1));

function isPublic(point: Uint8Array): boolean {
  try {
    assertX25519Public(point);
    return true;
  } catch {
    return false;
  }
}
