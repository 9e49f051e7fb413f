/**
 * "Tell me when there is something", wire-spec/fetch.md section 11: what a poll asks, and then new refs as they come.
 *
 * 1. check     as for a poll; then room for one more watch, of this network and of all
 * 2. begin     entry by entry: the proof, what is done with, listening, and then what waits, so that nothing comes in between; one
 *              that is not proven listens where nothing is ever told
 * 3. tell      each new or retracted ref as one event; a ping after each silence
 * 4. end       when the proofs are an hour old, when their poll key is withdrawn, when the daemon ends; a reader who does not take what
 *              comes is cut off, and finds it waiting when it asks again
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { BeckonError } from '../errors.ts';
import type { FeedStore } from '../store/api/feed.ts';
import type { PendingRef, PendingStore } from '../store/api/pending.ts';
import type { FeedResponse, PollRequest, WatchEvent } from '../wire/collect.ts';
import { sizes, times } from '../wire/registry.ts';
import { describeRef, type Ask } from './ask.ts';
import type { FeedQuestion, ReadFeed } from './feed.ts';
import { createStanding, type Standing, type WatchSink } from './standing.ts';
import { tellFeed } from './watch-feed.ts';
import { createWatchRoom, defaultLimits, type WatchLimits } from './watch-room.ts';

export type { WatchSink } from './standing.ts';
export type { WatchLimits } from './watch-room.ts';

/** Begins to tell; what it gives is to be called once the reader went away. */
export type StartWatch<Event = WatchEvent> = (sink: WatchSink<Event>) => () => void;

export interface Watches {
  /**
   * A watch that is to be started at once. `source`: the address that asks. Throws what `Ask` throws, `rate_limited` where its
   * network has too many, `unavailable` where all have.
   */
  open(domain: string, request: PollRequest, source: string): StartWatch;
  /** The same of the feed, for a user of the domain. Throws `rate_limited` also where the user has too many, and what reading the feed throws. */
  openFeed(
    domain: string,
    reader: FeedReader,
    question: FeedQuestion,
    source: string,
  ): StartWatch<FeedResponse>;
  /** How many there are now. */
  count(): number;
  /** Ends those whose time is over or whose key was withdrawn. Each looks by itself with its pings, too. */
  review(): void;
  /** Ends all in order; no other begins. */
  close(): void;
}

/** Who watches a feed. */
export interface FeedReader {
  /** Address hash. */
  readonly user: Uint8Array;
  /** Rejects where they do not speak for the user any more. */
  readonly still: () => Promise<void>;
}

export interface WatchParts {
  readonly ask: Ask;
  readonly readFeed: ReadFeed;
  readonly feed: Pick<FeedStore, 'subscribe'>;
  /** Throws where the poll key must not be used any more. */
  readonly pollKey: (domain: string, keyId: Uint8Array) => unknown;
  readonly pending: Pick<PendingStore, 'subscribe'>;
  readonly random: Random;
  readonly clock: Clock;
  readonly limits?: WatchLimits;
  /** Between two pings. */
  readonly pingMs?: number;
  /** Longest delay of what is new in a feed, in milliseconds. */
  readonly feedDelayMs?: number;
}

/** One user's, however many devices they have. */
const mostOfReader = 32;

export function createWatches(parts: WatchParts): Watches {
  const { ask, clock, random, limits = defaultLimits } = parts;
  /** Where drops that are not proven listen: nobody knows it, so nobody is told there. */
  const nowhere = random(sizes.hash);
  const running = new Set<Pick<Standing<unknown>, 'review' | 'end'>>();
  const takeRoom = createWatchRoom(limits);
  const readers = new Map<string, number>();
  let closed = false;

  function run<Event>(standing: Standing<Event>, giveBack: () => void): () => void {
    running.add(standing);
    standing.onOver(() => {
      running.delete(standing);
      giveBack();
    });
    return standing.stop;
  }

  function expectOpen(): void {
    if (closed) throw new BeckonError('unavailable', 'the domain is about to stop');
  }

  /** Of the network and of the user. */
  function takeReaderRoom(name: string, source: string): () => void {
    const count = readers.get(name) ?? 0;
    if (count >= mostOfReader) throw new BeckonError('rate_limited', 'this user watches as much as may be');
    const giveBack = takeRoom(source, 1);
    readers.set(name, count + 1);
    return () => {
      giveBack();
      const left = (readers.get(name) ?? 1) - 1;
      if (left === 0) readers.delete(name);
      else readers.set(name, left);
    };
  }

  return {
    open(domain, request, source) {
      expectOpen();
      const answerEntry = ask(domain, request, source);
      const giveBack = takeRoom(source, request.entries.length);
      return (sink) => {
        const standing = createStanding({
          sink,
          clock,
          // A client's clock that is ahead must not make a watch longer than the hour.
          until: Math.min(request.time, clock.seconds()) + times.clockSlack,
          check: () => parts.pollKey(domain, request.keyId),
          pingMs: parts.pingMs,
        });
        const stop = run(standing, giveBack);
        const one = { standing, sink, nowhere, domain, request, answerEntry, pending: parts.pending };
        tellRefs(one).catch(() => standing.cut());
        return stop;
      };
    },
    openFeed(domain, { user, still }, question, source) {
      expectOpen();
      const giveBack = takeReaderRoom(`${domain} ${Buffer.from(user).toString('latin1')}`, source);
      return (sink) => {
        const until = clock.seconds() + times.clockSlack;
        const standing = createStanding({ sink, clock, until, check: still, pingMs: parts.pingMs });
        const stop = run(standing, giveBack);
        tellFeed({ ...parts, standing, sink, domain, question, still }).catch(() => standing.cut());
        return stop;
      };
    },
    count: () => running.size,
    review: () => running.forEach((watch) => watch.review()),
    close() {
      closed = true;
      running.forEach((watch) => watch.end());
    },
  };
}

interface TellRefs extends Pick<WatchParts, 'pending'> {
  readonly standing: Standing<WatchEvent>;
  readonly sink: WatchSink<WatchEvent>;
  readonly nowhere: Uint8Array;
  readonly domain: string;
  readonly request: PollRequest;
  readonly answerEntry: ReturnType<Ask>;
}

/** Entry by entry, the next when the reader has taken the one before: a slow reader costs one answer's memory. */
async function tellRefs(parts: TellRefs): Promise<void> {
  const { standing, sink, nowhere, domain, request, answerEntry, pending } = parts;

  function tell(entry: number, ref: PendingRef | undefined): void {
    if (ref !== undefined) standing.send({ entry, answer: { refs: [describeRef(ref)] } });
  }

  for (const [index, entry] of request.entries.entries()) {
    const answer = await answerEntry(entry, (hash, proven) => {
      if (standing.isOver()) return;
      standing.onOver(
        pending.subscribe(domain, proven ? hash : nowhere, (_hash, read) => tell(index, read())),
      );
    });
    if (standing.isOver()) return;
    if (!sink.send({ entry: index, answer })) await sink.drained();
  }
}
