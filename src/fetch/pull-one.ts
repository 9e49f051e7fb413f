/**
 * One message pulled for a user of ours, wire-spec/account.md section 12. Whatever a sender's domain does costs this attempt and nothing else.
 *
 * 1. allowed   the user may have things pulled, and the sender's registrable domain was not pulled too often today
 * 2. domain    the sender's, through the directory; its address is checked inside the connect, no redirect is followed
 * 3. object    header and envelope, within their cap
 * 4. envelope  opened with our own key: it is that of the ref, and says how large the payload is and what hash it has
 * 5. room      for the payload, in the user's share and the domain's, before a byte of it is asked for; it is taken part by part
 * 6. payload   no byte more than announced, into an upload that the next attempt goes on with; at most so long. Between two attempts only
 *              what came takes room: who breaks off, or is slow, holds no more of the user's share than they served, and a part
 * 7. keep      if the hash is right and somebody still waits
 */
import type { Clock } from '../clock.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import type { Domains } from '../directory/domains.ts';
import type { Peer, Remote } from '../directory/remote.ts';
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { openEnvelopeAsDomain } from '../message/envelope.ts';
import type { CopyLimits, CopyStore } from '../store/api/copies.ts';
import type { QueuedPull } from '../store/api/pulls.ts';
import type { UploadStore } from '../store/api/uploads.ts';
import { splitAddress } from '../wire/address.ts';
import { maxMessageObject, messageObject, type Envelope, type MessageObject } from '../wire/message.ts';
import { sizeClass } from '../wire/padding.ts';
import { decode } from '../wire/schema.ts';

/** What holds for a user's copies. */
export interface PullTerms extends CopyLimits {
  /** How long one is kept, seconds. */
  readonly keep: number;
}

/** `ended`: nobody waits for it any more. `refused`: it is given up. `later`: `silent` where nobody was there to be asked. */
export type PullOutcome =
  | { readonly kind: 'pulled' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'later'; readonly reason: string; readonly silent: boolean };

export interface PullOneParts {
  readonly domains: Pick<Domains, 'domain'>;
  readonly remote: Pick<Remote, 'fetchMessage' | 'fetchPayload'>;
  /** Own keys of a domain of ours. */
  readonly keysOf: (domain: string) => readonly KeyPair[];
  readonly copies: CopyStore;
  readonly uploads: Pick<UploadStore, 'write' | 'status' | 'abandon'>;
  /** undefined where nothing is pulled for the user. */
  readonly termsOf: (domain: string, user: Uint8Array) => Promise<PullTerms | undefined>;
  /** Whether so many bytes more may be pulled of a sending domain today. */
  readonly mayPull: (sender: string, bytes: number) => Promise<boolean>;
  readonly clock: Clock;
  /** By which what is kept ends. */
  readonly expiry: Clock;
  /** Longest attempt, in milliseconds: then others have their turn, and the next one goes on where this one stopped. */
  readonly attemptMs?: number;
}

export type PullOne = (pull: QueuedPull, signal: AbortSignal) => Promise<PullOutcome>;

const defaultAttemptMs = 10 * 60_000;
/** Of an upload; it is on disk then. */
const partBytes = 32 * 1024 * 1024;
/** Failures of a connection: the domain's other messages need not be tried now. */
const unreachable: readonly string[] = ['network_failed', 'tls_failed', 'discovery'];
/** What may pass by itself, or by making room. */
const passing: readonly ErrorCode[] = [
  'network_failed',
  'tls_failed',
  'unavailable',
  'rate_limited',
  'quota_exceeded',
  'storage_full',
  'payload_truncated',
  // Another part of it is being written.
  'not_found',
];

const full: readonly string[] = ['quota_exceeded', 'storage_full'];

class Later extends BeckonError {
  readonly reason: string;

  constructor(code: ErrorCode, reason: string) {
    super(code, 'it cannot be pulled now');
    this.reason = reason;
  }
}

export function createPullOne(parts: PullOneParts): PullOne {
  const { domains, remote, keysOf, copies, uploads, termsOf, mayPull, clock, expiry } = parts;

  async function reach(sender: string): Promise<Peer> {
    const outcome = await domains.domain(sender);
    if (outcome.kind === 'native') return outcome;
    throw new Later('network_failed', 'discovery');
  }

  async function objectOf(peer: Peer, { messageId }: QueuedPull): Promise<MessageObject> {
    const fetched = await remote.fetchMessage(peer, messageId);
    if (fetched.kind !== 'found') throw notFetched(fetched);
    return decode(messageObject, fetched.bytes, maxMessageObject);
  }

  function announced(object: MessageObject, pull: QueuedPull): Envelope {
    const { domain } = pull;
    const { content } = openEnvelopeAsDomain(object.envelope, domain, keysOf(domain), clock.seconds());
    const agrees =
      constantTimeEqual(content.recipientHash, pull.recipientHash) &&
      constantTimeEqual(content.messageId, pull.messageId) &&
      splitAddress(content.sender).domain === pull.sender &&
      sizeClass(content.payloadSize) === pull.sizeClass;
    if (!agrees) throw new BeckonError('message_mismatch', 'the envelope does not agree with the ref');
    return content;
  }

  async function transfer(
    peer: Peer,
    pull: QueuedPull,
    { payloadSize: size, payloadHash: hash }: Envelope,
    terms: PullTerms,
    signal: AbortSignal,
  ): Promise<void> {
    const received = await copies.open(pull, size, terms);
    if (received === size) return;
    const answer = await remote.fetchPayload(peer, pull.messageId, { start: received, hash, size, signal });
    if (answer.kind !== 'found') throw notFetched(answer);
    const incoming = createIncoming(answer.body, received - answer.start);
    const owner = { domain: pull.domain, user: pull.user };
    let at = received;
    while (!incoming.ended()) {
      const before = at;
      await copies.count(pull, Math.min(size, at + partBytes), terms);
      ({ received: at } = await uploads.write(owner, pull.upload, at, incoming.part(partBytes)));
      if (at === before) break;
    }
    const failure = incoming.failure();
    if (failure !== undefined) throw failure;
    if (at < size) throw new BeckonError('payload_truncated', 'the payload ended early');
  }

  async function attempt(pull: QueuedPull, signal: AbortSignal): Promise<PullOutcome> {
    if (pull.expires <= expiry.seconds()) return { kind: 'ended' };
    const terms = await termsOf(pull.domain, pull.user);
    if (terms === undefined) return { kind: 'ended' };
    const peer = await reach(pull.sender);
    const object = await objectOf(peer, pull);
    const envelope = announced(object, pull);
    if (!(await mayPull(pull.sender, envelope.payloadSize))) throw new Later('rate_limited', 'rate_limited');
    await transfer(peer, pull, envelope, terms, signal);
    const { header, envelope: sealed } = object;
    const copy = {
      header,
      envelope: sealed,
      hash: envelope.payloadHash,
      expires: expiry.seconds() + terms.keep,
    };
    return { kind: (await copies.keep(pull, copy, terms)) ? 'pulled' : 'ended' };
  }

  /** Until the next attempt only what came takes room; nothing, where the rest would not fit: else two halves could keep each other out. */
  async function giveRoomBack(pull: QueuedPull, code: string): Promise<void> {
    const { domain, user, upload } = pull;
    if (full.includes(code)) await uploads.abandon({ domain, user }, upload).catch(() => undefined);
    else await copies.rest(pull);
  }

  async function outcomeOf(pull: QueuedPull, error: unknown): Promise<PullOutcome> {
    const code = codeOf(error);
    if (code === 'storage_failed' || code === 'internal') throw error;
    const reason = error instanceof Later ? error.reason : code;
    if (!passing.includes(code)) return { kind: 'refused', code };
    await giveRoomBack(pull, code);
    return { kind: 'later', reason, silent: unreachable.includes(reason) };
  }

  return async (pull, signal) => {
    const limit = AbortSignal.timeout(parts.attemptMs ?? defaultAttemptMs);
    try {
      return await attempt(pull, AbortSignal.any([signal, limit]));
    } catch (error) {
      return await outcomeOf(pull, error);
    }
  };
}

/** Why a fetch gave nothing. What the other side says of itself that cannot be mended is `refused`. */
function notFetched(
  fetched: { readonly kind: 'gone' } | { readonly kind: 'later'; readonly reason: string },
): BeckonError {
  if (fetched.kind === 'gone') return new BeckonError('message_gone', 'it is not there any more');
  const refuted = (['payload_mismatch', 'too_large', 'network_refused'] as const).find(
    (code) => code === fetched.reason,
  );
  if (refuted !== undefined) return new BeckonError(refuted, 'what is served is not what was announced');
  return new Later('unavailable', fetched.reason);
}

interface Incoming {
  /** At most so many bytes of what comes; it ends without an error where the source breaks off: what came is kept. */
  part(most: number): AsyncGenerator<Uint8Array>;
  ended(): boolean;
  failure(): BeckonError | undefined;
}

/** The body without its first `skip` bytes, which are here already. */
function createIncoming(body: AsyncIterable<Uint8Array>, skip: number): Incoming {
  const source = body[Symbol.asyncIterator]();
  let rest: Uint8Array | undefined;
  let toSkip = skip;
  let ended = false;
  let failure: BeckonError | undefined;

  async function next(): Promise<Uint8Array | undefined> {
    if (rest !== undefined) return rest;
    try {
      const { done, value } = await source.next();
      if (done !== true) return value;
    } catch (cause) {
      const broke = new BeckonError('network_failed', 'the payload broke off', { cause });
      failure = cause instanceof BeckonError ? cause : broke;
    }
    ended = true;
    return undefined;
  }

  async function* part(most: number): AsyncGenerator<Uint8Array> {
    for (let room = most; room > 0;) {
      const piece = await next();
      if (piece === undefined) return;
      const skipped = Math.min(toSkip, piece.length);
      toSkip -= skipped;
      const taken = piece.subarray(skipped, skipped + room);
      const left = piece.subarray(skipped + taken.length);
      rest = left.length > 0 ? left : undefined;
      room -= taken.length;
      if (taken.length > 0) yield taken;
    }
  }
  return { part, ended: () => ended, failure: () => failure };
}
