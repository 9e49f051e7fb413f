/**
 * How a domain's identity comes to be another one, on the domain's own side; wire-spec/identity.md section 1.
 *
 *  1. prepared: the next identity key, and the change that the present one or the owner's recovery key signs; nothing is served yet
 *  2. TXT names both
 *  3. taken: the next identity signs the mandate, and the change is served from then on
 */
import { constantTimeEqual, type Secret } from '../crypto/secret.ts';
import { ed25519Public } from '../crypto/sign.ts';
import { BeckonError } from '../errors.ts';
import { keyUses } from '../wire/registry.ts';
import type { DomainKeys } from './domain-keys.ts';
import type { LifeParts } from './domain-life.ts';
import { domainFingerprint, recoveryHash } from './fingerprints.ts';
import { signIdentityChange, withChange } from './identity-change.ts';
import { createKeyPair, endOfTime, type KeyPair } from './key-pair.ts';
import { isTaken, nextIdentity, readChange } from './next-identity.ts';
import { signingKeysOf, withdrawAllSigning, withMandate } from './signing-life.ts';

/** Who signs a change: the present identity key, or the owner with the recovery key, who names the hash of the next one. */
export type ChangeAuthority =
  | { readonly by: 'identity'; readonly identity: KeyPair }
  | { readonly by: 'recovery'; readonly seed: Secret; readonly nextRecovery: Uint8Array };

/** A fresh identity key. */
export function createIdentity(domain: string, { now, random }: LifeParts): KeyPair {
  return createKeyPair(domain, 'domainIdentity', random, { notBefore: now, notAfter: endOfTime });
}

/** Prepares a change to `next`, in the place of one that was prepared before. Throws `key_unknown` for another recovery key. */
export function prepareIdentity(
  keys: DomainKeys,
  next: KeyPair,
  authority: ChangeAuthority,
  { keepHere, now }: { readonly keepHere: boolean; readonly now: number },
): DomainKeys {
  const change = signChange(keys, next.publicKey, authority, now);
  return { ...keys, next: { change, ...(keepHere ? { identity: next } : {}) } };
}

/** As if nothing had been prepared. What was signed must not have been shown to anybody. */
export function abandonIdentity({ next: _, ...keys }: DomainKeys): DomainKeys {
  return keys;
}

/**
 * Takes the identity that was prepared. `given`: its key, where that is kept offline; it is not kept. `next` stays
 * until its file is in its place (`isTaken`). By the recovery key, all signing
 * keys are withdrawn and another is appointed: who stole the identity had them too. Throws `conflict` where nothing was prepared,
 * `state_invalid` for another key.
 */
export function takeIdentity(keys: DomainKeys, given: KeyPair | undefined, parts: LifeParts): DomainKeys {
  const next = keys.next;
  if (next === undefined || isTaken(keys))
    throw new BeckonError('conflict', 'no change of the identity was prepared');
  const identity = next.identity ?? given;
  const content = readChange(next.change);
  if (identity === undefined)
    throw new BeckonError('conflict', 'the next identity key is kept elsewhere: give its file');
  if (!constantTimeEqual(identity.publicKey, content.identityKey))
    throw new BeckonError('state_invalid', 'this is another identity key than the one that was prepared');
  const { identity: _old, parents: _of, gone: _gone, ...present } = keys;
  const changed: DomainKeys = {
    ...present,
    ...(next.identity === undefined ? {} : { identity }),
    fingerprint: domainFingerprint(identity.publicKey),
    recoveryHash: content.recoveryHash ?? keys.recoveryHash,
    changes: withChange(keys.changes ?? [], next.change),
  };
  return content.by === keyUses.recovery
    ? withdrawAllSigning(changed, identity, parts)
    : withMandate(changed, signingKeysOf(changed), identity, parts.now);
}

/**
 * Another recovery key for the same identity, at once. Throws `key_unknown` for another than the present recovery key, `conflict` while
 * a change by the recovery key is prepared: a recovery key signs once.
 */
export function replaceRecovery(
  keys: DomainKeys,
  identity: KeyPair,
  authority: ChangeAuthority & { readonly by: 'recovery' },
  { now }: Pick<LifeParts, 'now'>,
): DomainKeys {
  if (nextIdentity(keys)?.by === 'recovery')
    throw new BeckonError('conflict', 'a change by the recovery key is under way: finish it or give it up');
  const change = signChange(keys, identity.publicKey, authority, now);
  const changed = {
    ...keys,
    recoveryHash: authority.nextRecovery,
    changes: withChange(keys.changes ?? [], change),
  };
  return withMandate(changed, signingKeysOf(changed), identity, now);
}

function signChange(
  keys: DomainKeys,
  identityKey: Uint8Array,
  authority: ChangeAuthority,
  now: number,
): Uint8Array {
  const { domain } = keys;
  if (authority.by === 'identity')
    return signIdentityChange({ domain, by: 'identity', seed: authority.identity.secret, identityKey, now });
  const { seed, nextRecovery } = authority;
  if (!constantTimeEqual(recoveryHash(ed25519Public(seed.expose())), keys.recoveryHash))
    throw new BeckonError('key_unknown', 'this is not the recovery key that the domain has now');
  return signIdentityChange({
    domain,
    by: 'recovery',
    seed,
    identityKey,
    recoveryHash: nextRecovery,
    now,
  });
}
