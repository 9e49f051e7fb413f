/**
 * Refs whose sender is proven, into the pending table: those that expired, that would stay for longer than any message waits, or that
 * their recipient ignores, are left out; the others are one write. wire-spec/notification.md section 4.
 */
import type { Clock } from '../clock.ts';
import { traceHandleBytes } from '../keys/fingerprints.ts';
import type { Metrics } from '../metrics.ts';
import type { EventStore } from '../store/api/events.ts';
import type { PendingStore } from '../store/api/pending.ts';
import type { PreferenceStore } from '../store/api/preferences.ts';
import type { Ref } from '../wire/notification.ts';
import { times } from '../wire/registry.ts';
import { registrableDomain } from './registrable.ts';

export interface AdmitRefsParts {
  readonly pending: PendingStore;
  readonly preferences: Pick<PreferenceStore, 'wanted'>;
  readonly events: EventStore;
  /** Introductions an hour that a domain of ours takes of this sender. */
  readonly introductionsPerHour: (domain: string, sender: string) => Promise<number>;
  /** Refs that one registrable domain may have waiting here. */
  readonly refQuota: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** `refused`: none is within its time. `partly`: for some there is no room now. */
export type AdmitRefs = (
  receiver: string,
  sender: string,
  refs: readonly Ref[],
) => Promise<'admitted' | 'partly' | 'refused'>;

export function createAdmitRefs(parts: AdmitRefsParts): AdmitRefs {
  const { pending, preferences, events, introductionsPerHour, refQuota, clock, metrics } = parts;
  return async (receiver, sender, refs) => {
    const now = clock.seconds();
    const inTime = refs.filter((ref) => isInTime(ref, now));
    if (inTime.length === 0) return 'refused';
    const wanted = await preferences.wanted(receiver, inTime, now);
    if (wanted.length === 0) return 'admitted';
    const admitted = await pending.admit({
      domain: receiver,
      sender,
      refs: wanted,
      now,
      quota: { key: registrableDomain(sender), refs: refQuota },
      introductionsPerHour: await introductionsPerHour(receiver, sender),
    });
    metrics.refs.inc(admitted.stored);
    if (admitted.stored > 0)
      await events.add(
        wanted.map((ref) => ({
          handle: traceHandleBytes(ref.messageId),
          time: now,
          kind: ref.labels?.retraction === true ? 'retraction received' : 'received',
          counterpart: sender,
        })),
      );
    return admitted.overQuota + admitted.overRate > 0 ? 'partly' : 'admitted';
  };
}

/** A ref that ends later than a message may wait would keep its row, and its introduction, for as long as it likes. */
function isInTime({ expires }: Ref, now: number): boolean {
  return expires > now && expires <= now + times.transitMax + times.clockSlack;
}
