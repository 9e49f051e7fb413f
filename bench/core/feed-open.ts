/**
 * Trial opening: a client reads the whole feed of its domain, 100,000 introductions to others, with one addressing key. Seconds of processor
 * time, all threads, from the decoded page to the last place written down; the network and the disk are left out. Peer: one X25519 for
 * each entry, which nothing can spare.
 */
import { x25519 } from '../../src/crypto/dh.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { readFeed } from '../../src/client/feed.ts';
import type { ClientEvent } from '../../src/client/state.ts';
import type { Session } from '../../src/client/store.ts';
import { createUserKeys } from '../../src/keys/user-keys.ts';
import type { FeedEntry } from '../../src/wire/collect.ts';
import { counts, sizes } from '../../src/wire/registry.ts';
import { cpuSeconds, metricOf, type Bench, type Pair } from '../report.ts';

const all = 100_000;
const now = 1_795_233_600;

/** To somebody else, as all of them look: a bucket field of zeros, a point, a text that does not open. */
function strangers(count: number): readonly FeedEntry[] {
  const bytes = systemRandom(count * sizes.introduction);
  return Array.from({ length: count }, (_, index) => {
    const introduction = bytes.subarray(index * sizes.introduction, (index + 1) * sizes.introduction);
    introduction.fill(0, 0, 2);
    introduction[33]! &= 0x7f;
    introduction[33]! %= 0x7f;
    return { sender: `domain${index % 500}.test`, introduction, firstSeen: now, expires: now + 86_400 };
  });
}

/** A session that has one addressing key and remembers its place. */
function memorySession(): { readonly session: Session; readonly found: ClientEvent[] } {
  const keys = createUserKeys('beta.test', systemRandom, now);
  const found: ClientEvent[] = [];
  let feedCursor: string | undefined;
  const part = {
    keys: () => keys,
    state: () => ({ address: 'ben@beta.test', ...(feedCursor === undefined ? {} : { feedCursor }) }),
    async commit(...events: readonly ClientEvent[]) {
      for (const event of events)
        if (event.type === 'feed-read') feedCursor = event.cursor;
        else found.push(event);
    },
  };
  return { session: part as unknown as Session, found };
}

async function trial(entries: readonly FeedEntry[]): Promise<void> {
  const { session, found } = memorySession();
  let at = 0;
  const feed = async () => {
    const page = entries.slice(at, at + counts.feedEntries);
    at += page.length;
    return page.length === 0
      ? { entries: page }
      : { entries: page, next: Uint8Array.of(at >> 16, at >> 8, at) };
  };
  await readFeed(session, { feed }, 0);
  if (at !== entries.length || found.length > 0) throw new Error('the feed was not read as it is');
}

function bare(entries: readonly FeedEntry[], scalar: Uint8Array): void {
  for (const { introduction } of entries) x25519(scalar, introduction.subarray(2, 34));
}

export const feedOpen: Bench = {
  name: 'feed-open',
  async *run({ quick }) {
    const count = quick ? all / 10 : all;
    const entries = strangers(count);
    const scalar = systemRandom(32);
    await trial(entries.slice(0, 1000));
    const pairs: Pair[] = [];
    for (let run = 0; run < (quick ? 3 : 5); run++) {
      const value = (await cpuSeconds(() => trial(entries))) * (all / count);
      const peerValue = (await cpuSeconds(() => bare(entries, scalar))) * (all / count);
      pairs.push({ value, peerValue });
    }
    const peer = 'one X25519 for each of them';
    yield metricOf({ bench: 'core', metric: 'feed_open', unit: 's', peer, cost: true }, pairs);
  },
};
