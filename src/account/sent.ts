/** What became of a user's messages, and taking them back, wire-spec/account.md section 6, fetch.md section 8. */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { parseTraceHandle, traceHandleText } from '../keys/fingerprints.ts';
import type { Cursor, Page } from '../store/api/terms.ts';
import type { EventStore } from '../store/api/events.ts';
import type { RetractOutcome, SentMessage as StoredSent, TransitStore } from '../store/api/transit.ts';
import type { TakedownReason } from '../wire/registry.ts';
import type { AccountUser } from './user.ts';

export interface SentMessage {
  readonly handle: string;
  readonly destination: string;
  readonly state: StoredSent['state'];
  readonly created: number;
  readonly expires: number;
  /** Of the payload, in bytes. */
  readonly size: number;
  /** First fetch of header or payload. */
  readonly fetched?: number;
  readonly accepted?: number;
  /** Withdrawn by the hoster, and why. */
  readonly takedown?: TakedownReason;
}

export interface SentMessages {
  /** Newest first. */
  list(
    user: AccountUser,
    page: { readonly after?: Cursor | undefined; readonly limit: number },
  ): Promise<Page<SentMessage>>;
  /** Throws `not_found`. */
  find(user: AccountUser, handle: string): Promise<SentMessage>;
  /** Throws `not_found`. */
  retract(user: AccountUser, handle: string): Promise<Exclude<RetractOutcome, 'gone'>>;
}

export interface SentParts {
  readonly transit: TransitStore;
  readonly events: EventStore;
  readonly clock: Clock;
}

export function createSentMessages({ transit, events, clock }: SentParts): SentMessages {
  return {
    async list({ owner }, page) {
      const { items, next } = await transit.list(owner, page);
      return { items: items.map(describe), ...(next === undefined ? {} : { next }) };
    },

    async find({ owner }, handle) {
      const found = await transit.find(owner, handleOf(handle));
      if (found === undefined) throw noSuchMessage();
      return describe(found);
    },

    async retract({ owner }, handle) {
      const bytes = handleOf(handle);
      const time = clock.seconds();
      const before = await transit.find(owner, bytes);
      const outcome = await transit.retract(owner, bytes, time);
      if (outcome === 'gone') throw noSuchMessage();
      const changed = before?.state === 'stored' && outcome !== 'already_accepted';
      if (changed) await events.add([{ handle: bytes, time, kind: outcome }]);
      return outcome;
    },
  };
}

function handleOf(typed: string): Uint8Array {
  const handle = parseTraceHandle(typed);
  if (handle === undefined) throw noSuchMessage();
  return handle;
}

function noSuchMessage(): BeckonError {
  return new BeckonError('not_found', 'there is no such message');
}

function describe(sent: StoredSent): SentMessage {
  return {
    handle: traceHandleText(sent.traceHandle),
    destination: sent.destination,
    state: sent.state,
    created: sent.created,
    expires: sent.expires,
    size: sent.size,
    ...(sent.firstFetch === undefined ? {} : { fetched: sent.firstFetch }),
    ...(sent.takedown === undefined ? {} : { takedown: sent.takedown }),
    ...(sent.state === 'accepted' && sent.ended !== undefined ? { accepted: sent.ended } : {}),
  };
}
