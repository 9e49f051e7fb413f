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
import { networkOf } from '../rate.ts';
import type { PendingRef, PendingStore } from '../store/api/pending.ts';
import type { Unsubscribe } from '../store/api/terms.ts';
import type { PollRequest, WatchEvent } from '../wire/collect.ts';
import { sizes, times } from '../wire/registry.ts';
import { describeRef, type Ask } from './ask.ts';

/** Where the events of one watch go. */
export interface WatchSink {
  /** An event; undefined: a ping. False where the reader is behind. */
  send(event: WatchEvent | undefined): boolean;
  /** Bytes that the reader did not take yet. */
  waiting(): number;
  /** When the reader took them, or went away. */
  drained(): Promise<void>;
  /** After what was sent. */
  end(): void;
  /** At once. */
  cut(): void;
}

/** Begins to tell; what it gives is to be called once the reader went away. */
export type StartWatch = (sink: WatchSink) => () => void;

export interface WatchLimits {
  /** At a time, of all networks and of one. */
  readonly watches: number;
  readonly watchesOfNetwork: number;
  /** The same of drops. */
  readonly drops: number;
  readonly dropsOfNetwork: number;
}

export interface Watches {
  /**
   * A watch that is to be started at once. `source`: the address that asks. Throws what `Ask` throws, `rate_limited` where its
   * network has too many, `unavailable` where all have.
   */
  open(domain: string, request: PollRequest, source: string): StartWatch;
  /** How many there are now. */
  count(): number;
  /** Ends those whose time is over or whose key was withdrawn. Each looks by itself with its pings, too. */
  review(): void;
  /** Ends all in order; no other begins. */
  close(): void;
}

export interface WatchParts {
  readonly ask: Ask;
  /** Throws where the poll key must not be used any more. */
  readonly pollKey: (domain: string, keyId: Uint8Array) => unknown;
  readonly pending: Pick<PendingStore, 'subscribe'>;
  readonly random: Random;
  readonly clock: Clock;
  readonly limits?: WatchLimits;
  /** Between two pings. */
  readonly pingMs?: number;
}

/** Some 300 bytes for each drop, and ten kilobytes and a connection for each watch. */
const defaultLimits: WatchLimits = {
  watches: 10_000,
  watchesOfNetwork: 1024,
  drops: 200_000,
  dropsOfNetwork: 20_000,
};
const defaultPingMs = 25_000;
/** A reader who leaves more than this is cut off. */
const mostWaiting = 256 * 1024;

interface Room {
  watches: number;
  drops: number;
}

export function createWatches(parts: WatchParts): Watches {
  const { ask, clock, random, limits = defaultLimits } = parts;
  /** Where drops that are not proven listen: nobody knows it, so nobody is told there. */
  const nowhere = random(sizes.hash);
  const running = new Set<{ review(): void; end(): void }>();
  const all: Room = { watches: 0, drops: 0 };
  const networks = new Map<string, Room>();
  let closed = false;

  function takeRoom(source: string, drops: number): () => void {
    const network = networkOf(source);
    const own = networks.get(network) ?? { watches: 0, drops: 0 };
    if (own.watches >= limits.watchesOfNetwork || own.drops + drops > limits.dropsOfNetwork)
      throw new BeckonError('rate_limited', 'this network watches as much as it may: poll instead');
    if (all.watches >= limits.watches || all.drops + drops > limits.drops)
      throw new BeckonError('unavailable', 'the domain has no room for another watch: poll instead');
    networks.set(network, own);
    const change = (by: 1 | -1): void => {
      for (const room of [own, all]) {
        room.watches += by;
        room.drops += by * drops;
      }
    };
    change(1);
    return () => {
      change(-1);
      if (own.watches === 0) networks.delete(network);
    };
  }

  return {
    open(domain, request, source) {
      if (closed) throw new BeckonError('unavailable', 'the domain is about to stop');
      const answerEntry = ask(domain, request, source);
      const giveBack = takeRoom(source, request.entries.length);
      // A client's clock that is ahead must not make a watch longer than the hour.
      const until = Math.min(request.time, clock.seconds()) + times.clockSlack;
      return (sink) => {
        const watch = startWatch({ ...parts, nowhere, domain, request, answerEntry, until, sink }, () => {
          running.delete(watch);
          giveBack();
        });
        running.add(watch);
        return watch.stop;
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

interface OneWatch extends WatchParts {
  readonly nowhere: Uint8Array;
  readonly domain: string;
  readonly request: PollRequest;
  readonly answerEntry: ReturnType<Ask>;
  /** Unix seconds. */
  readonly until: number;
  readonly sink: WatchSink;
}

function startWatch(one: OneWatch, onOver: () => void) {
  const { domain, request, answerEntry, until, sink, pending, pollKey, nowhere, clock } = one;
  const listening: Unsubscribe[] = [];
  let over = false;
  let wasBehind = false;

  /** Once, however it ends: nothing of it is left but what the sink has. */
  function stop(): void {
    if (over) return;
    over = true;
    clearInterval(pings);
    clearTimeout(end);
    for (const unsubscribe of listening) unsubscribe();
    onOver();
  }
  function finish(how: 'end' | 'cut'): void {
    if (over) return;
    stop();
    sink[how]();
  }
  const pings = setInterval(ping, one.pingMs ?? defaultPingMs);
  const end = setTimeout(() => finish('end'), Math.max(0, until - clock.seconds()) * 1000);

  function ping(): void {
    review();
    const isBehind = sink.waiting() > 0;
    if (isBehind && wasBehind) finish('cut');
    wasBehind = isBehind;
    if (!over) sink.send(undefined);
  }

  function review(): void {
    if (clock.seconds() >= until || !isKeyUsable()) finish('end');
  }
  function isKeyUsable(): boolean {
    try {
      pollKey(domain, request.keyId);
      return true;
    } catch {
      return false;
    }
  }

  function tell(entry: number, ref: PendingRef | undefined): void {
    if (over || ref === undefined) return;
    sink.send({ entry, answer: { refs: [describeRef(ref)] } });
    if (sink.waiting() > mostWaiting) finish('cut');
  }

  /** The next entry when the reader has taken the one before: a slow reader costs one answer's memory. */
  async function begin(): Promise<void> {
    for (const [index, entry] of request.entries.entries()) {
      const answer = await answerEntry(entry, (hash, proven) => {
        if (!over)
          listening.push(
            pending.subscribe(domain, proven ? hash : nowhere, (_hash, read) => tell(index, read())),
          );
      });
      if (over) return;
      if (!sink.send({ entry: index, answer })) await sink.drained();
    }
  }
  begin().catch(() => finish('cut'));

  return { stop, review, end: () => finish('end') };
}
