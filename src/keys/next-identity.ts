/** The identity that a domain is about to take, or has taken and not settled yet. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { identityChange, type IdentityChange } from '../wire/identity.ts';
import { keyUses } from '../wire/registry.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import type { DomainKeys } from './domain-keys.ts';
import { domainFingerprint } from './fingerprints.ts';

/** What was prepared, undefined where nothing is. */
export function nextIdentity(
  keys: Pick<DomainKeys, 'next' | 'fingerprint'>,
): { readonly fingerprint: Uint8Array; readonly by: 'identity' | 'recovery' } | undefined {
  if (keys.next === undefined || isTaken(keys)) return undefined;
  const { identityKey, by } = readChange(keys.next.change);
  return {
    fingerprint: domainFingerprint(identityKey),
    by: by === keyUses.recovery ? 'recovery' : 'identity',
  };
}

/** Whether the next identity was taken, and only its place on disk is still to be settled. */
export function isTaken(keys: Pick<DomainKeys, 'next' | 'fingerprint'>): boolean {
  return (
    keys.next !== undefined &&
    constantTimeEqual(domainFingerprint(readChange(keys.next.change).identityKey), keys.fingerprint)
  );
}

/** What an own change says, its signature not looked at. */
export function readChange(change: Uint8Array): IdentityChange {
  return decode(identityChange, decodeSign1(change).payload);
}
