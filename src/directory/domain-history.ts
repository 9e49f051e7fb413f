/** What changed about a domain since it was pinned, for programs and for notices to its correspondents. */
import type { VerifiedDomain } from '../keys/domain-record.ts';
import type { FollowedChange } from '../keys/identity-change.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import type { DomainPin, StoredEvent } from './pins.ts';

/** `noticed`: when this directory saw it; `made`: when the signer says it was done. Unix seconds both. */
export type DomainEvent =
  | {
      readonly kind: 'identity';
      /** Orderly by the old identity or the owner's recovery key; or on the word of somebody here. */
      readonly by: 'identity' | 'recovery' | 'word';
      /** Fingerprints. */
      readonly from: Uint8Array;
      readonly to: Uint8Array;
      readonly noticed: number;
      readonly made?: number;
    }
  /** The owner has another recovery key; the identity is as before. */
  | { readonly kind: 'recovery_key'; readonly noticed: number; readonly made: number }
  /** The domain says since then that it holds its users' keys, or that it does not. */
  | { readonly kind: 'escrow'; readonly escrow: boolean; readonly noticed: number };

const kinds = { identity: 0, recoveryKey: 1, escrow: 2 } as const;
const signers = ['identity', 'recovery', 'word'] as const;

/** The latest events are kept: a domain cannot fill anybody's disk. */
const maxEvents = 64;

/** All that is remembered of a domain, the oldest first. */
export function eventsOf(pin: DomainPin): readonly DomainEvent[] {
  return (pin.history ?? []).flatMap(readEvent);
}

/** Fingerprints that the domain has left in an orderly way. What somebody's word left may come back, on somebody's word. */
export function leftIdentities(pin: DomainPin): readonly Uint8Array[] {
  return eventsOf(pin).flatMap((event) =>
    event.kind === 'identity' && event.by !== 'word' ? [event.from] : [],
  );
}

/** The history with what the record of a pinned domain shows to be new. */
export function continued(
  pin: DomainPin,
  record: Pick<VerifiedDomain, 'escrow'>,
  steps: readonly FollowedChange[],
  now: number,
): readonly StoredEvent[] {
  const escrow = pin.escrow !== undefined && pin.escrow !== record.escrow ? [escrowEvent(record, now)] : [];
  return latest([...(pin.history ?? []), ...steps.map((step) => stepEvent(step, now)), ...escrow]);
}

/** The history with a change that somebody accepted by word. */
export function continuedByWord(
  pin: DomainPin | undefined,
  to: Uint8Array,
  now: number,
): readonly StoredEvent[] {
  if (pin === undefined) return [];
  const event = {
    kind: kinds.identity,
    by: signers.indexOf('word'),
    from: pin.fingerprint,
    to,
    noticed: now,
  };
  return latest([...(pin.history ?? []), event]);
}

function stepEvent({ from, fingerprint, by, created }: FollowedChange, now: number): StoredEvent {
  const when = { noticed: now, made: created };
  if (constantTimeEqual(from, fingerprint)) return { kind: kinds.recoveryKey, ...when };
  return { kind: kinds.identity, by: signers.indexOf(by), from, to: fingerprint, ...when };
}

function escrowEvent({ escrow }: Pick<VerifiedDomain, 'escrow'>, now: number): StoredEvent {
  return { kind: kinds.escrow, escrow, noticed: now };
}

function latest(events: readonly StoredEvent[]): readonly StoredEvent[] {
  return events.slice(-maxEvents);
}

/** What a newer version wrote and this one does not know is left out. */
function readEvent(event: StoredEvent): readonly DomainEvent[] {
  const { kind, noticed, made, from, to, escrow } = event;
  if (kind === kinds.escrow && escrow !== undefined) return [{ kind: 'escrow', escrow, noticed }];
  if (kind === kinds.recoveryKey && made !== undefined) return [{ kind: 'recovery_key', noticed, made }];
  const by = event.by === undefined ? undefined : signers[event.by];
  if (kind !== kinds.identity || by === undefined || from === undefined || to === undefined) return [];
  return [{ kind: 'identity', by, from, to, noticed, ...(made === undefined ? {} : { made }) }];
}
