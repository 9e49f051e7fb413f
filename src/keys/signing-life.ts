/**
 * The life of a domain's signing keys: which ones the identity key appoints, wire-spec/keys.md sections 1 and 2. A mandate cannot
 * change by itself, and the identity key may be offline: one mandate holds the old key, to its end, and the new one from its
 * not-before on.
 */
import { constantTimeEqual } from '../crypto/secret.ts';
import { counts, times } from '../wire/registry.ts';
import type { DomainKey, DomainKeys } from './domain-keys.ts';
import { revokedKey, type LifeParts } from './domain-life.ts';
import { createKeyPair, inLife, type KeyPair } from './key-pair.ts';
import { readMandate, signMandate } from './mandate.ts';
import { serialToExceed } from './serial.ts';

/** A signing key is used for a year; its mandate would hold a month longer. */
export const signingRotation = 365 * 86_400;

/** Whether the newest signing key is to be followed by another. */
export function signingIsDue(keys: DomainKeys, now: number): boolean {
  const newest = newestSigning(keys);
  return (
    newest === undefined ||
    now >= Math.min(newest.notBefore + signingRotation, mandateEnd(keys)) - times.keyPending
  );
}

/** Until when the domain can sign without a new mandate, unix seconds; 0 where it cannot. */
export function mandateEnd(keys: DomainKeys): number {
  const latest = readMandate(keys.mandate).created + times.mandateValidity;
  return Math.min(newestSigning(keys)?.notAfter ?? 0, latest);
}

/**
 * A new signing key: used from 8 days on, or at once where none would be left by then; the present one ends 8 days later. The same
 * keys where one is appointed already whose time is still to come.
 */
export function appointSigning(keys: DomainKeys, identity: KeyPair, parts: LifeParts): DomainKeys {
  const { now } = parts;
  const newest = newestSigning(keys);
  if (
    newest !== undefined &&
    newest.notBefore > now + times.clockSlack &&
    newest.notBefore <= now + times.keyPending
  )
    return keys;
  const covered = mandateEnd(keys) >= now + times.keyPending;
  const fresh = freshSigning(keys, covered ? now + times.keyPending : now, parts);
  const since = keys.progress.days;
  const others = signingKeysOf(keys).map((key) =>
    endedBy(key, fresh.notBefore + times.retiredOverlap, since),
  );
  return withMandate(keys, [...others, fresh], identity, now);
}

/**
 * A signing key withdrawn at once with those appointed after it, and another in its place. An older one is withdrawn alone. Throws
 * `record_invalid` where the serial of the mandate would run ahead of the clock.
 */
export function withdrawSigning(
  keys: DomainKeys,
  withdrawn: DomainKey,
  identity: KeyPair,
  parts: LifeParts,
): DomainKeys {
  const { now } = parts;
  const goes = (key: DomainKey): boolean => key === withdrawn || key.notBefore > now;
  const left = signingKeysOf(keys).filter((key) => !goes(key));
  const isInUse = !left.some((key) => key.notBefore > withdrawn.notBefore && inLife(key, now));
  const gone = isInUse ? signingKeysOf(keys).filter(goes) : [withdrawn];
  const stay = signingKeysOf(keys).filter((key) => !gone.includes(key));
  const next = isInUse ? [...stay, freshSigning(keys, now, parts)] : stay;
  const revoked = [...gone.map((key) => revokedKey(key, keys.progress, now)), ...keys.revoked];
  return withMandate({ ...keys, revoked }, next, identity, now);
}

/** All signing keys withdrawn at once, and a fresh one in their place. Throws as `withdrawSigning`. */
export function withdrawAllSigning(keys: DomainKeys, identity: KeyPair, parts: LifeParts): DomainKeys {
  const { now } = parts;
  const gone = signingKeysOf(keys).map((key) => revokedKey(key, keys.progress, now));
  const revoked = [...gone, ...keys.revoked];
  return withMandate({ ...keys, revoked }, [freshSigning(keys, now, parts)], identity, now);
}

/** The signing keys of a domain, of all times. */
export function signingKeysOf({ keys }: DomainKeys): readonly DomainKey[] {
  return keys.filter((key) => key.use === 'domainSigning');
}

function newestSigning(keys: DomainKeys): DomainKey | undefined {
  return [...signingKeysOf(keys)].sort((a, b) => b.notBefore - a.notBefore)[0];
}

function freshSigning(
  { domain, progress }: DomainKeys,
  notBefore: number,
  { now, random }: LifeParts,
): DomainKey {
  const life = { notBefore, notAfter: now + times.mandateValidity };
  return { ...createKeyPair(domain, 'domainSigning', random, life), since: progress.days };
}

function endedBy(key: DomainKey, end: number, since: number): DomainKey {
  return key.notAfter <= end ? key : { ...key, notAfter: end, since };
}

/** The keys under a new mandate that `identity` signs. Ids once revoked stay, the oldest making room. */
export function withMandate(
  keys: DomainKeys,
  signing: readonly DomainKey[],
  identity: KeyPair,
  now: number,
): DomainKeys {
  const last = readMandate(keys.mandate);
  const withdrawn = keys.revoked.filter((key) => key.use === 'domainSigning');
  const fresh = withdrawn
    .map((key) => key.id)
    .filter((id) => !last.revoked.some((known) => constantTimeEqual(known, id)));
  const mandate = signMandate({
    domain: keys.domain,
    identity,
    signingKeys: signing.filter((key) => inLife(key, now) || key.notBefore > now),
    withdrawn,
    revoked: [...last.revoked, ...fresh].slice(-counts.revokedKeys),
    recoveryHash: keys.recoveryHash,
    escrow: last.escrow !== 0,
    previousSerial: serialToExceed(last.serial, now, keys.progress),
    now,
  });
  return { ...keys, keys: [...signing, ...keys.keys.filter((key) => key.use !== 'domainSigning')], mandate };
}
