/**
 * "Tell me when something comes", wire-spec/fetch.md section 11.
 *
 *  1. all live drops, in requests of 64, as they would be polled
 *  2. the feed of introductions, where the domain tells of it
 *  3. their answers stay open; what they hold is compared with what is known here now
 *  4. the first thing that is not known, or the end of any of them, ends the watch: the caller polls, and watches again
 */
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import {
  feedResponse,
  maxFeedResponse,
  maxWatchEvent,
  pollRequest,
  watchEvent,
  type WatchEvent,
} from '../wire/collect.ts';
import { counts, mediaTypes } from '../wire/registry.ts';
import { decode, encode, type Schema } from '../wire/schema.ts';
import type { Watching } from './api.ts';
import { feedPlaces, isAddressed } from './feed.ts';
import { feedQuery, type FeedPlace } from './feed-place.ts';
import { expectNative, foreign, type StreamOwn } from './own-request.ts';
import { passedOver, questionsOf, refEvents, requestFor, type PollParts, type Question } from './poll.ts';
import { withPollKey } from './poll-key.ts';
import { reduce } from './reduce.ts';
import type { ClientState } from './state.ts';
import type { Session } from './store.ts';

export interface WatchParts extends Omit<PollParts, 'own'> {
  readonly stream: StreamOwn;
}

/** Each is a connection; drops beyond are found by polling, and introductions in buckets beyond by reading the feed. */
const mostStreams = 4;
const mostFeeds = 2;
/** Of an hour of events, in bytes. */
const mostBytes = 64 * 1024 * 1024;
/** Of a line: an event in base64url, and its name. */
const mostLine = Math.ceil((maxWatchEvent * 4) / 3) + 16;

/** Begins to watch. Throws as `Client.watch`. */
export function createWatch(parts: WatchParts): () => Promise<Watching> {
  const { session, stream } = parts;
  return async () => {
    const known = session.state();
    const questions = questionsOf(session)
      .map((question) => ({ ...question, done: [] }))
      .slice(0, mostStreams * counts.pollEntries);
    const stop = new AbortController();
    const ends: Promise<'news' | 'over'>[] = [];
    try {
      for (let at = 0; at < questions.length; at += counts.pollEntries) {
        const some = questions.slice(at, at + counts.pollEntries);
        const body = await withPollKey(parts, (occasion) =>
          stream(
            {
              method: 'POST',
              path: 'watch',
              body: { type: mediaTypes.beckon, bytes: encode(pollRequest, requestFor(some, occasion)) },
              answer: mediaTypes.events,
              maxBytes: mostBytes,
            },
            stop.signal,
          ),
        );
        ends.push(firstNews(known, some, body).catch(() => 'over'));
      }
      ends.push(...(await feedStreams(parts, stop.signal)));
    } catch (error) {
      stop.abort(closed());
      throw error;
    }
    const aborted = new Promise<'over'>((resolve) =>
      stop.signal.addEventListener('abort', () => resolve('over'), { once: true }),
    );
    const outcome = Promise.race([...ends, aborted]).finally(() => stop.abort(closed()));
    return { outcome, close: () => stop.abort(closed()) };
  };
}

/** None where the domain does not tell of its feed now: it is read at each look. */
async function feedStreams(
  { session, network, stream }: WatchParts,
  signal: AbortSignal,
): Promise<readonly Promise<'news' | 'over'>[]> {
  const { record } = expectNative(await network.domains.domain(session.keys().domain));
  const begin = async (place: FeedPlace): Promise<Promise<'news' | 'over'>[]> => {
    const path = `introductions/watch${feedQuery(place)}`;
    const request = { method: 'GET', path, answer: mediaTypes.events, maxBytes: mostBytes } as const;
    const body = await stream(request, signal).catch(() => undefined);
    return body === undefined ? [] : [firstIntroduction(session, body).catch(() => 'over' as const)];
  };
  const places = feedPlaces(session, record.bucketBits).slice(0, mostFeeds);
  return (await Promise.all(places.map(begin))).flat();
}

/** Reads until somebody introduces themselves to this user: what is for others is most of a feed. */
async function firstIntroduction(
  session: Session,
  body: AsyncIterable<Uint8Array>,
): Promise<'news' | 'over'> {
  for await (const { entries } of eventsIn(body, feedResponse, maxFeedResponse))
    if (isAddressed(session, entries)) return 'news';
  return 'over';
}

function closed(): BeckonError {
  return new BeckonError('network_failed', 'the watch was closed');
}

/** Reads until something is not known. */
async function firstNews(
  known: ClientState,
  questions: readonly Question[],
  body: AsyncIterable<Uint8Array>,
): Promise<'news' | 'over'> {
  for await (const event of eventsIn(body, watchEvent, maxWatchEvent))
    if (isNews(known, questions, event)) return 'news';
  return 'over';
}

function isNews(
  known: ClientState,
  questions: readonly Question[],
  { entry, answer: { refs } }: WatchEvent,
): boolean {
  const pollKey = questions[entry]?.pollKey;
  if (pollKey === undefined) throw foreign();
  const isPassedOver = passedOver(known, pollKey);
  const heeded = refs.filter(({ id }) => !isPassedOver(bytesToJson(id)));
  const state = heeded.flatMap((ref) => refEvents(pollKey, ref)).reduce(reduce, known);
  return state.received !== known.received;
}

/** The events of a stream. Throws `unavailable` for what is none of ours. */
async function* eventsIn<T>(
  body: AsyncIterable<Uint8Array>,
  schema: Schema<T>,
  maxBytes: number,
): AsyncGenerator<T> {
  const text = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    const lines = (rest + text.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > mostLine) throw foreign();
    for (const line of lines)
      if (line.startsWith('data: ')) yield eventIn(line.slice('data: '.length), schema, maxBytes);
  }
}

function eventIn<T>(text: string, schema: Schema<T>, maxBytes: number): T {
  try {
    return decode(schema, base64urlnopad.decode(text.trimEnd()), maxBytes);
  } catch (cause) {
    throw foreign(cause);
  }
}
