/**
 * What is new in a domain's feed of introductions, to users of the domain as it comes: wire-spec/fetch.md section 11.
 *
 * 1. listen   from before the first look: nothing falls in between
 * 2. look     what is behind the reader's place, in pages, each when the reader has taken the one before
 * 3. wait     after something came, a while that is drawn: so many readers do not all look at once, and what comes together is told together
 * 4. tell     where anything is in the reader's bucket, if they still speak for a user
 */
import type { Random } from '../crypto/random.ts';
import type { FeedStore } from '../store/api/feed.ts';
import type { FeedResponse } from '../wire/collect.ts';
import type { FeedQuestion, ReadFeed } from './feed.ts';
import type { Standing, WatchSink } from './standing.ts';

export interface TellFeed {
  readonly standing: Standing<FeedResponse>;
  readonly sink: WatchSink<FeedResponse>;
  readonly domain: string;
  readonly question: FeedQuestion;
  readonly readFeed: ReadFeed;
  readonly feed: Pick<FeedStore, 'subscribe'>;
  /** Rejects where the reader does not speak for a user any more. */
  readonly still: () => Promise<void>;
  readonly random: Random;
  readonly feedDelayMs?: number;
}

const defaultDelayMs = 2000;

/** Tells until it is over. Rejects where the feed cannot be read. */
export async function tellFeed(parts: TellFeed): Promise<void> {
  const { standing, sink, domain, question, readFeed, feed, still, random } = parts;
  const { feedDelayMs = defaultDelayMs } = parts;
  let place = question.after;
  let wake = Promise.withResolvers<void>();
  let waits = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  standing.onOver(feed.subscribe(domain, () => wake.resolve()));
  standing.onOver(() => {
    clearTimeout(timer);
    wake.resolve();
    waits.resolve();
  });

  async function tellAll(isFirst: boolean): Promise<void> {
    for (let first = isFirst; !standing.isOver(); first = false) {
      const page = await readFeed(domain, { ...question, after: place });
      place = page.next ?? place;
      if (standing.isOver()) return;
      // The first event says that the watch stands.
      if ((page.entries.length > 0 || first) && !standing.send(page)) await sink.drained();
      if (page.next === undefined) return;
    }
  }

  async function isStill(): Promise<boolean> {
    return await still().then(
      () => true,
      () => {
        standing.end();
        return false;
      },
    );
  }

  await tellAll(true);
  while (!standing.isOver()) {
    await wake.promise;
    if (standing.isOver()) return;
    waits = Promise.withResolvers<void>();
    timer = setTimeout(waits.resolve, drawn(random) * feedDelayMs);
    await waits.promise;
    // Before the look: what comes during it is looked for again.
    wake = Promise.withResolvers<void>();
    if (!standing.isOver() && (await isStill())) await tellAll(false);
  }
}

/** Uniform in [0, 1). */
function drawn(random: Random): number {
  const [high = 0, low = 0] = random(2);
  return (high * 256 + low) / 65_536;
}
