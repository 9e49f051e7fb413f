/**
 * The life of a message at its sender's domain, as one pure function; the table of states is in README.md.
 * What a step does to copy and ref is data, so that the table applies it in the same write.
 */
import type { TakedownReason } from '../wire/registry.ts';
import type { AcceptOutcome, MessageState, RetractOutcome, TakedownOutcome } from './api/transit.ts';

export interface Life {
  readonly state: MessageState;
  /** Of the reservation, then of the message. */
  readonly expires: number;
  /** First fetch of header or payload. */
  readonly firstFetch?: number | undefined;
  /** Whether the payload was fetched to its end: that is noted once. */
  readonly fetched: boolean;
  /** When it was accepted, withdrawn or expired. */
  readonly ended?: number | undefined;
  /** Why the hoster ended it; absent where its owner withdrew it. */
  readonly takedown?: TakedownReason | undefined;
}

export type Step =
  | { readonly type: 'commit'; readonly expires: number }
  | {
      readonly type: 'fetch';
      readonly what: 'header' | 'payload';
      readonly at: number;
    }
  | { readonly type: 'accept'; readonly rightToken: boolean; readonly at: number }
  | { readonly type: 'retract'; readonly at: number }
  | { readonly type: 'takedown'; readonly reason: TakedownReason; readonly at: number }
  | { readonly type: 'expire'; readonly at: number };

export type Outcome =
  AcceptOutcome | RetractOutcome | TakedownOutcome | 'stored' | 'fetched' | 'expired' | 'removed' | 'waits';

export interface Transition {
  readonly outcome: Outcome;
  /** The life from now on; undefined when the row goes. */
  readonly life: Life | undefined;
  /** Header, envelope and this message's share of the payload are deleted. */
  readonly dropCopy?: true;
  /** What becomes of the outbox ref. */
  readonly ref?: 'add' | 'slow' | 'retract' | 'remove';
}

/** How long the record of an ended message stays for the sender's `sent` view, seconds. */
export const keepRecord = 30 * 86_400;

/** When the row wants a look next, given that it was looked at until `at`. */
export function wakeAt(life: Life, at: number): number {
  if (life.ended === undefined) return life.expires;
  if (life.state === 'withdrawn' && at < life.expires) return life.expires;
  return Math.max(life.ended, life.expires) + keepRecord;
}

export function isLive(life: Life, at: number): boolean {
  return life.state === 'stored' && at < life.expires;
}

export function transition(life: Life, step: Step): Transition {
  if (step.type === 'commit') return commit(life, step.expires);
  if (step.type === 'fetch') return fetch(life, step.what, step.at);
  if (step.type === 'accept') return accept(life, step.rightToken, step.at);
  if (step.type === 'retract') return retract(life, step.at);
  if (step.type === 'takedown') return takedown(life, step.reason, step.at);
  return expire(life, step.at);
}

function commit(life: Life, expires: number): Transition {
  if (life.state !== 'reserved') return { outcome: 'gone', life };
  return { outcome: 'stored', life: { state: 'stored', expires, fetched: false }, ref: 'add' };
}

function fetch(life: Life, what: 'header' | 'payload', at: number): Transition {
  if (!isLive(life, at)) return { outcome: 'gone', life };
  const seen = { ...life, firstFetch: life.firstFetch ?? at };
  // Only the first complete one slows: whoever has the id could put reminders off for good by fetching it every day.
  return what === 'header' || life.fetched
    ? { outcome: 'fetched', life: seen }
    : { outcome: 'fetched', life: { ...seen, fetched: true }, ref: 'slow' };
}

function accept(life: Life, rightToken: boolean, at: number): Transition {
  if (!rightToken) return { outcome: 'gone', life };
  if (life.state === 'accepted') return { outcome: 'accepted', life };
  if (!isLive(life, at)) return { outcome: 'gone', life };
  return { outcome: 'accepted', life: end(life, 'accepted', at), dropCopy: true, ref: 'remove' };
}

function retract(life: Life, at: number): Transition {
  if (life.state === 'accepted') return { outcome: 'already_accepted', life };
  const outcome = life.firstFetch === undefined ? 'withdrawn' : 'withdrawn_maybe_read';
  if (life.state === 'withdrawn') return { outcome, life };
  if (!isLive(life, at)) return { outcome: 'gone', life };
  return { outcome, life: end(life, 'withdrawn', at), dropCopy: true, ref: 'retract' };
}

/** For everybody else it is as if its owner had withdrawn it. */
function takedown(life: Life, reason: TakedownReason, at: number): Transition {
  if (life.takedown !== undefined) return { outcome: 'taken_down', life };
  if (!isLive(life, at)) return { outcome: 'gone', life };
  return {
    outcome: 'taken_down',
    life: { ...end(life, 'withdrawn', at), takedown: reason },
    dropCopy: true,
    ref: 'retract',
  };
}

function expire(life: Life, at: number): Transition {
  if (at < wakeAt(life, life.ended ?? 0)) return { outcome: 'waits', life };
  if (life.state === 'reserved') return { outcome: 'removed', life: undefined };
  if (life.state === 'stored')
    return { outcome: 'expired', life: end(life, 'expired', at), dropCopy: true, ref: 'remove' };
  if (at >= wakeAt(life, at)) return { outcome: 'removed', life: undefined, ref: 'remove' };
  return { outcome: 'waits', life, ref: 'remove' };
}

function end(life: Life, state: MessageState, at: number): Life {
  return { ...life, state, ended: at };
}
