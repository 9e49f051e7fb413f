/** What there is to say about a domain's keys, without their private halves: for lists and warnings. */
import { times, type KeyStatus, type KeyUse } from '../wire/registry.ts';
import type { DomainKey, DomainKeys, RevokedKey } from './domain-keys.ts';
import { hasPending, overlapOf, rotatingUses, type RotatingUse } from './domain-life.ts';
import { mandateEnd, signingRotation } from './signing-life.ts';

export interface ReportedKey {
  /** 8 bytes. */
  readonly id: Uint8Array;
  readonly use: KeyUse;
  /** As of now: a signing key is appointed with the time from which it is used, so it counts as pending until then. */
  readonly status: KeyStatus;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt?: number;
  /** What becomes of it next, and when at the earliest; unix seconds. */
  readonly next?: { readonly step: 'used' | 'rotates' | 'retires' | 'forgotten'; readonly at: number };
}

/** So long before the mandate ends an operator whose identity key is offline is asked for it, seconds. */
export const mandateWarning = 60 * 86_400;

/** Every key that is published or still held, in the order of uses, newest first. `rotation`: seconds that a key is used. */
export function reportKeys(keys: DomainKeys, now: number, rotation: number): readonly ReportedKey[] {
  const uses = ['domainSigning', ...rotatingUses, 'bridge'] as const;
  return uses.flatMap((use) =>
    [
      ...keys.keys.filter((key) => key.use === use).map((key) => reported(key, keys, now, rotation)),
      ...keys.revoked.filter((key) => key.use === use).map(reportedRevoked),
    ].sort((a, b) => b.notBefore - a.notBefore),
  );
}

/**
 * Whether somebody must bring the identity key: it is not here, and the mandate ends within 60 days, or has ended. Gives the time
 * of that end.
 */
export function identityWanted(keys: DomainKeys, now: number): number | undefined {
  const end = mandateEnd(keys);
  return keys.identity === undefined && end - now <= mandateWarning ? end : undefined;
}

function reported(key: DomainKey, keys: DomainKeys, now: number, rotation: number): ReportedKey {
  const { id, use, notBefore, notAfter } = key;
  const status = statusNow(key, keys, now);
  const steps: Readonly<Record<KeyStatus, ReportedKey['next']>> = {
    pending: { step: 'used', at: notBefore },
    active: activeStep(key, keys, rotation),
    retired: { step: 'forgotten', at: notAfter },
    revoked: undefined,
  };
  const next = steps[status];
  const report = { id, use, status, notBefore, notAfter };
  return next === undefined ? report : { ...report, next };
}

function statusNow(key: DomainKey, { keys }: DomainKeys, now: number): KeyStatus {
  if (key.use !== 'domainSigning' || key.status !== 'active') return key.status;
  if (key.notBefore > now) return 'pending';
  const followed = keys.some(
    (other) => other.use === key.use && other.notBefore > key.notBefore && other.notBefore <= now,
  );
  return followed ? 'retired' : 'active';
}

function activeStep(key: DomainKey, keys: DomainKeys, rotation: number): ReportedKey['next'] {
  if (key.use === 'domainSigning') {
    const next = keys.keys.find((other) => other.use === key.use && other.notBefore > key.notBefore);
    if (next !== undefined) return { step: 'retires', at: next.notBefore };
    const due = Math.min(key.notBefore + signingRotation, mandateEnd(keys));
    return keys.identity === undefined ? undefined : { step: 'rotates', at: due };
  }
  const use = key.use as RotatingUse;
  const pending = keys.keys.find((other) => other.use === use && other.status === 'pending');
  return hasPending(keys, use) && pending !== undefined
    ? { step: 'retires', at: pending.notBefore }
    : { step: 'rotates', at: key.notBefore + rotation };
}

function reportedRevoked(key: RevokedKey): ReportedKey {
  const { id, use, notBefore, notAfter, revokedAt = 0 } = key;
  const overlap = overlapOf[use as RotatingUse] ?? times.retiredOverlap;
  return {
    id,
    use,
    status: 'revoked',
    notBefore,
    notAfter,
    revokedAt,
    next: { step: 'forgotten', at: revokedAt + overlap },
  };
}
