/** The private side of a domain, wire-spec/keys.md sections 1 and 2. */
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { ed25519Public } from '../crypto/sign.ts';
import { times, type KeyUse } from '../wire/registry.ts';
import { createDecoyRoot, type DecoyRoot } from './decoy.ts';
import type { DkimBefore, DkimKey } from './dkim-key.ts';
import { domainFingerprint, recoveryHash } from './fingerprints.ts';
import { createKeyPair, endOfTime, secretLength, type KeyPair } from './key-pair.ts';
import { signMandate } from './mandate.ts';
import type { PublishedKey } from './published-key.ts';
import type { UserKeys } from './user-keys.ts';

/** A key pair of the domain. */
export interface DomainKey extends KeyPair {
  /** The day (`Progress`) on which it took its present status; absent: the first. */
  readonly since?: number;
}

/** A key that was revoked: its private half is gone, its entry is still published. */
export interface RevokedKey extends PublishedKey {
  readonly since: number;
}

/**
 * How far the domain has come, by days on which it was at work: what keys are ended by, because a clock that jumps counts one
 * day at most. wire-spec/timing.md section 1.
 */
export interface Progress {
  readonly days: number;
  /** When the last day was counted, unix seconds. */
  readonly counted: number;
  /** Days since the clock last jumped, or the domain last rested. */
  readonly steady: number;
}

export interface DomainKeys {
  readonly domain: string;
  /** Absent where it is kept offline: then no new mandate can be signed. */
  readonly identity?: KeyPair;
  /** SHA-256 of the identity key: what stands in TXT. */
  readonly fingerprint: Uint8Array;
  /** The signed mandate in force, of which `keys` holds the signing keys. */
  readonly mandate: Uint8Array;
  /** Signing, notification, envelope, poll and bridge key pairs. */
  readonly keys: readonly DomainKey[];
  /** Newest first. */
  readonly revoked: readonly RevokedKey[];
  readonly progress: Progress;
  readonly recoveryHash: Uint8Array;
  /** What answers for unknown addresses come from; it outlives all keys. Absent only in what an older version saved. */
  readonly decoys?: DecoyRoot;
  /** Signed changes of the identity, the oldest first: served, so that who pinned an earlier one follows. */
  readonly changes?: readonly Uint8Array[];
  readonly next?: NextIdentity;
  /** Of a domain that has or had a bridge to mail. */
  readonly bridge?: BridgeUser;
  /** What signs mail, of a domain that has or had a bridge. */
  readonly dkim?: DkimKey;
  /** What will sign it, once DNS shows it. */
  readonly dkimNext?: DkimKey;
  readonly dkimBefore?: DkimBefore;
  /** Signatures of parents on the identity. */
  readonly parents?: readonly Uint8Array[];
  /** What TXT says of a domain that leaves: it takes nothing new. */
  readonly gone?: Uint8Array;
}

/** The user whose keys the domain holds, wire-spec/bridges.md section 2. */
export interface BridgeUser {
  /** Canonical local part. */
  readonly local: string;
  readonly keys: UserKeys;
  /** Inner record, signed with `keys`. */
  readonly record: Uint8Array;
  /** When the keys are to be followed by others, unix seconds. */
  readonly rotateAt: number;
}

/** The identity that is to take the place of the present one, once TXT names it. */
export interface NextIdentity {
  /** Signed; not served yet. */
  readonly change: Uint8Array;
  /** Absent where it is kept offline. */
  readonly identity?: KeyPair;
}

/** The uses of the working keys that every domain has. */
export const workingUses = [
  'domainSigning',
  'notification',
  'envelope',
  'poll',
] as const satisfies readonly KeyUse[];

/** The uses of all keys that lie with the working keys. */
export const keptUses = [...workingUses, 'bridge'] as const satisfies readonly KeyUse[];

/**
 * Fresh keys for a domain with its first mandate, and the seed of the owner's recovery key, to be shown once and kept nowhere
 * here. `random` is asked for 32 bytes each: recovery, identity, `workingUses` in their order, then the root of the decoys.
 */
export function createDomainKeys(
  domain: string,
  now: number,
  random: Random,
  options: { readonly escrow?: boolean } = {},
): { readonly keys: DomainKeys; readonly recovery: Secret } {
  const recovery = new Secret(random(secretLength));
  const identity = createKeyPair(domain, 'domainIdentity', random, { notBefore: now, notAfter: endOfTime });
  const life = { notBefore: now, notAfter: now + times.mandateValidity };
  const keys = workingUses.map((use) => createKeyPair(domain, use, random, life));
  const recoveryHashed = recoveryHash(ed25519Public(recovery.expose()));
  const signingKeys = keys.filter((key) => key.use === 'domainSigning');
  return {
    keys: {
      domain,
      identity,
      fingerprint: domainFingerprint(identity.publicKey),
      mandate: signMandate({ domain, identity, signingKeys, recoveryHash: recoveryHashed, now, ...options }),
      keys,
      revoked: [],
      progress: { days: 0, counted: now, steady: 0 },
      recoveryHash: recoveryHashed,
      decoys: createDecoyRoot(now, random),
    },
    recovery,
  };
}
