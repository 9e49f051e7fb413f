/** Changes of a domain's identity, signed by the identity key before or by the owner's recovery key: wire-spec/identity.md section 1. */
import { constantTimeEqual, type Secret } from '../crypto/secret.ts';
import { assertEd25519Public, ed25519Public } from '../crypto/sign.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { identityChange, identityChanges, maxIdentityChange } from '../wire/identity.ts';
import type { Attachments } from '../wire/keys.ts';
import { attachmentTypes, counts, keyUses, times } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { domainFingerprint, keyId, recoveryHash } from './fingerprints.ts';
import { expectKeyId, signObject, verifyObject } from './sign1.ts';

/** Whose key signed a change. */
export type ChangeSigner = 'identity' | 'recovery';

export interface IdentityChangeContent {
  readonly domain: string;
  readonly by: ChangeSigner;
  /** The Ed25519 seed of the identity key before, or of the recovery key in force. */
  readonly seed: Secret;
  /** The identity key from now on; by the recovery key also the same one as before. */
  readonly identityKey: Uint8Array;
  /** Hash of the next recovery key: with the recovery key always, with the identity key never. */
  readonly recoveryHash?: Uint8Array;
  readonly now: number;
}

/** A signed change. Throws `record_invalid` for one that nobody would take. */
export function signIdentityChange(content: IdentityChangeContent): Uint8Array {
  const { domain, by, seed, identityKey, now } = content;
  const signer = ed25519Public(seed.expose());
  const use = by === 'identity' ? 'domainIdentity' : 'recovery';
  const change = {
    domain,
    by: keyUses[use],
    signer,
    identityKey,
    ...(content.recoveryHash === undefined ? {} : { recoveryHash: content.recoveryHash }),
    created: now,
  };
  checkMeaning(by, change);
  const payload = encode(identityChange, change);
  return signObject('identity change', domain, keyId(domain, use, signer), seed, payload);
}

export interface VerifiedChange {
  readonly by: ChangeSigner;
  /** Of an identity key its fingerprint, of a recovery key its hash as mandates have it: 32 bytes. */
  readonly signer: Uint8Array;
  readonly identityKey: Uint8Array;
  /** SHA-256 of the new identity key. */
  readonly fingerprint: Uint8Array;
  /** There with the recovery key, and only with it. */
  readonly recoveryHash?: Uint8Array;
  readonly created: number;
}

/**
 * Verifies one change by itself: that its signer had a say is for `followIdentityChanges`. Throws `cbor_*`, `key_invalid`,
 * `key_unknown`, `signature_invalid`, `record_mismatch` or `record_invalid`.
 */
export function verifyIdentityChange(signed: Uint8Array, domain: string, now: number): VerifiedChange {
  const object = decodeSign1(signed, maxIdentityChange);
  const content = decode(identityChange, object.payload);
  const by = signerOf(content.by);
  const use = by === 'identity' ? 'domainIdentity' : 'recovery';
  assertEd25519Public(content.signer);
  assertEd25519Public(content.identityKey);
  expectKeyId(object, keyId(content.domain, use, content.signer));
  verifyObject('identity change', content.domain, content.signer, object);
  if (content.domain !== domain) throw new BeckonError('record_mismatch', 'the change is for another domain');
  checkMeaning(by, content);
  if (content.created > now + times.clockSlack)
    throw new BeckonError('record_invalid', 'the change was made in the future');
  return {
    by,
    signer: by === 'identity' ? domainFingerprint(content.signer) : recoveryHash(content.signer),
    identityKey: content.identityKey,
    fingerprint: domainFingerprint(content.identityKey),
    ...(content.recoveryHash === undefined ? {} : { recoveryHash: content.recoveryHash }),
    created: content.created,
  };
}

function signerOf(use: number): ChangeSigner {
  if (use === keyUses.domainIdentity) return 'identity';
  if (use === keyUses.recovery) return 'recovery';
  throw new BeckonError('record_invalid', 'a key of this use does not change an identity');
}

interface Meaning {
  readonly signer: Uint8Array;
  readonly identityKey: Uint8Array;
  readonly recoveryHash?: Uint8Array | undefined;
}

function checkMeaning(by: ChangeSigner, { signer, identityKey, recoveryHash: next }: Meaning): void {
  if (by === 'identity') {
    if (next !== undefined)
      throw new BeckonError('record_invalid', 'the identity key does not change the recovery key');
    if (constantTimeEqual(signer, identityKey))
      throw new BeckonError('record_invalid', 'the change changes nothing');
  } else if (next === undefined || constantTimeEqual(recoveryHash(signer), next)) {
    throw new BeckonError('record_invalid', 'a recovery key signs once, and names the next one');
  }
}

/** What is known of whom a domain is: pinned, or as it follows from a pin. */
export interface DomainStanding {
  /** Of the identity key. */
  readonly fingerprint: Uint8Array;
  /** Of the recovery key; absent where it is not known: then it has no say. */
  readonly recoveryHash?: Uint8Array | undefined;
}

export interface FollowedChange extends VerifiedChange {
  /** The fingerprint before. */
  readonly from: Uint8Array;
}

/**
 * Follows signed changes, the oldest first, from what is pinned: each whose signer is the identity or the recovery key then in force
 * counts, and no other. One by the recovery key counts whatever the identity is: it beats what a thief of the identity key signed.
 */
export function followIdentityChanges(
  pinned: DomainStanding,
  changes: readonly VerifiedChange[],
): { readonly standing: DomainStanding; readonly steps: readonly FollowedChange[] } {
  let standing = pinned;
  const steps: FollowedChange[] = [];
  for (const change of changes) {
    const inForce = change.by === 'identity' ? standing.fingerprint : standing.recoveryHash;
    if (inForce === undefined || !constantTimeEqual(inForce, change.signer)) continue;
    steps.push({ ...change, from: standing.fingerprint });
    standing = {
      fingerprint: change.fingerprint,
      recoveryHash: change.recoveryHash ?? standing.recoveryHash,
    };
  }
  return { standing, steps };
}

/** The changes among the attachments of a domain-answer that verify; others are as if they were not there. */
export function attachedChanges(
  attachments: Attachments,
  domain: string,
  now: number,
): readonly VerifiedChange[] {
  const lists = attachments.filter(([type]) => type === attachmentTypes.identityChanges);
  return lists.flatMap(([, bytes]) => readList(bytes)).flatMap((signed) => ifValid(signed, domain, now));
}

function readList(bytes: Uint8Array): readonly Uint8Array[] {
  try {
    return decode(identityChanges, bytes).changes;
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return [];
  }
}

function ifValid(signed: Uint8Array, domain: string, now: number): readonly VerifiedChange[] {
  try {
    return [verifyIdentityChange(signed, domain, now)];
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return [];
  }
}

/** The longest attachment, in bytes (wire-spec/keys.md section 4). */
const maxAttachment = 4096;

/** The changes of a domain as an attachment; where they are too many, the oldest stay out. None: no attachment. */
export function attachChanges(changes: readonly Uint8Array[]): Attachments {
  for (let first = Math.max(0, changes.length - counts.identityChanges); first < changes.length; first++) {
    const encoded = encode(identityChanges, { changes: changes.slice(first) });
    if (encoded.length <= maxAttachment) return [[attachmentTypes.identityChanges, encoded]];
  }
  return [];
}

/**
 * The changes to keep with a further one. One by the recovery key makes those by identity keys before it needless: from wherever a
 * peer stands, it leads on.
 */
export function withChange(changes: readonly Uint8Array[], next: Uint8Array): readonly Uint8Array[] {
  const by = (signed: Uint8Array): number => decode(identityChange, decodeSign1(signed).payload).by;
  const kept =
    by(next) === keyUses.recovery ? changes.filter((change) => by(change) === keyUses.recovery) : changes;
  return [...kept, next];
}
