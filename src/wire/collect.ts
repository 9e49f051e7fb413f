/** What a recipient asks its own domain: poll and feed, and the problems that answer, wire-spec/fetch.md. */
import { domainName, keyId, messageId, time } from './items.ts';
import { refLabels } from './notification.ts';
import { counts, sizes } from './registry.ts';
import { bytes, field, list, optional, record, text, tuple, uint, type ValueOf } from './schema.ts';

/** Where to go on: opaque to the client. */
export const cursor = bytes(1, 64);

/** `[message id, disposition]`: what is done with. */
const doneRef = tuple(messageId, uint(255));

const unproven = {
  pollKey: field(1, bytes(sizes.x25519Public)),
  done: optional(3, list(doneRef, { max: counts.doneRefs, min: 1 })),
  after: optional(4, cursor),
};

export const pollEntry = record('poll-entry', { ...unproven, proof: field(2, bytes(sizes.pollProof)) });
export type PollEntry = ValueOf<typeof pollEntry>;
/** The entry without its proof: what the proof is made over (wire-spec/addressing.md section 2). */
export const unprovenPollEntry = record('poll-entry', unproven);

export const pollRequest = record('poll-request', {
  time: field(1, time),
  nonce: field(2, bytes(sizes.pollNonce)),
  keyId: field(3, keyId),
  entries: field(4, list(pollEntry, { max: counts.pollEntries, min: 1 })),
});
export type PollRequest = ValueOf<typeof pollRequest>;

/** `[source, value, reasons]`; no source is defined in version 1. */
const score = tuple(text(253), uint(), list(text(64), { max: 16 }));

export const pollRef = record('poll-ref', {
  id: field(1, messageId),
  sender: field(2, domainName),
  expires: field(3, time),
  firstSeen: field(4, time),
  sizeClass: field(5, uint(63)),
  labels: optional(6, refLabels),
  scores: optional(7, list(score, { max: 16 })),
  /** Until then the own domain keeps a copy that it pulled: wire-spec/fetch.md section 12. */
  blind: optional(8, time),
});
export type PollRef = ValueOf<typeof pollRef>;

export const pollAnswer = record('poll-answer', {
  refs: field(1, list(pollRef, { max: counts.pollRefs, tolerant: true })),
  next: optional(2, cursor),
});
export type PollAnswer = ValueOf<typeof pollAnswer>;

/** One answer for each entry of the request, in its order. */
export const pollResponse = record('poll-response', {
  answers: field(1, list(pollAnswer, { max: counts.pollEntries })),
});
export type PollResponse = ValueOf<typeof pollResponse>;

/** One event of a watch: an answer about the entry with this index. */
export const watchEvent = record('watch-event', {
  entry: field(1, uint(counts.pollEntries - 1)),
  answer: field(2, pollAnswer),
});
export type WatchEvent = ValueOf<typeof watchEvent>;
/** In bytes, before its base64url. */
export const maxWatchEvent = 256 * 1024;

/** The most bytes of a poll request, a poll response and a feed response. */
export const maxPollRequest = 1024 * 1024;
export const maxPollResponse = 4 * 1024 * 1024;
export const maxFeedResponse = 256 * 1024;

export const feedEntry = record('feed-entry', {
  sender: field(1, domainName),
  introduction: field(2, bytes(sizes.introduction)),
  firstSeen: field(3, time),
  expires: field(4, time),
});
export type FeedEntry = ValueOf<typeof feedEntry>;

export const feedResponse = record('feed-response', {
  entries: field(1, list(feedEntry, { max: counts.feedEntries, tolerant: true })),
  next: optional(2, cursor),
});
export type FeedResponse = ValueOf<typeof feedResponse>;

/** Any error of the public interface. */
export const problem = record('problem', {
  code: field(1, text(64)),
  detail: field(2, text(512, 0)),
  retryAfter: optional(3, uint()),
});
export type Problem = ValueOf<typeof problem>;
