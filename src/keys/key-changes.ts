/** What an operator does to a domain's keys out of turn, wire-spec/keys.md section 1. Pure, as `domain-life.ts`. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import type { DomainKeys } from './domain-keys.ts';
import {
  freshKey,
  hasPending,
  revokedKey,
  withSuccessor,
  type LifeParts,
  type RotatingUse,
} from './domain-life.ts';
import type { KeyPair } from './key-pair.ts';
import { appointSigning, withdrawSigning } from './signing-life.ts';

/**
 * The rotation of the given uses, begun early: each gets its pending successor, unless one is there. A signing key needs the
 * identity key: throws `conflict` where it is neither with the keys nor given.
 */
export function rotateDomainKeys(
  before: DomainKeys,
  uses: readonly (RotatingUse | 'domainSigning')[],
  parts: LifeParts & { readonly identity?: KeyPair | undefined },
): DomainKeys {
  let keys = before;
  for (const use of uses) {
    if (use === 'domainSigning') keys = appointSigning(keys, identityOf(keys, parts.identity), parts);
    else if (!hasPending(keys, use)) keys = withSuccessor(keys, use, parts);
  }
  return keys;
}

/**
 * A key withdrawn at once, its private half forgotten. Where it was in use, a fresh one takes its place at once; successors that
 * nobody has used yet go too, because whoever took one key from the disk took them all. Throws `not_found` for an id that no key of
 * the domain has, `conflict` for one that is revoked already, or for a signing key where the identity key is missing.
 */
export function revokeDomainKey(
  before: DomainKeys,
  id: Uint8Array,
  parts: LifeParts & { readonly identity?: KeyPair | undefined },
): DomainKeys {
  if (before.revoked.some((key) => constantTimeEqual(key.id, id)))
    throw new BeckonError('conflict', 'the key is revoked already');
  const key = before.keys.find((candidate) => constantTimeEqual(candidate.id, id));
  if (key === undefined) throw new BeckonError('not_found', 'the domain has no key with this id');
  if (key.use === 'domainSigning')
    return withdrawSigning(before, key, identityOf(before, parts.identity), parts);
  const use = key.use as RotatingUse;
  const left = before.keys.filter(
    (other) => other !== key && !(other.use === use && other.status === 'pending'),
  );
  const revoked = [revokedKey(key, before.progress, parts.now), ...before.revoked];
  const fresh = key.status === 'active' ? [freshKey(before, use, 'active', parts.now, parts)] : [];
  return { ...before, keys: [...left, ...fresh], revoked };
}

function identityOf({ identity }: DomainKeys, given: KeyPair | undefined): KeyPair {
  const key = given ?? identity;
  if (key === undefined)
    throw new BeckonError(
      'conflict',
      'this needs the identity key, which is not here: give it with --identity FILE',
    );
  return key;
}
