/** What the daemon hands to those who poll, watch and fetch, as the public routes ask it. A list, as daemon.ts is. */
import type { Authenticate } from './account/authenticate.ts';
import type { EffectiveSettings } from './admin/domain-settings.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Random } from './crypto/random.ts';
import { createAccept } from './fetch/accept.ts';
import { createFetchAllowance } from './fetch/allowance.ts';
import { createAsk } from './fetch/ask.ts';
import { createReadFeed, type ReadFeed } from './fetch/feed.ts';
import { createPoll } from './fetch/poll.ts';
import { createSetPreferences } from './fetch/preferences.ts';
import { createServe } from './fetch/serve.ts';
import { createWatches, type Watches } from './fetch/watch.ts';
import type { PublicHandlers } from './http/public-handlers.ts';
import type { SignedRequest } from './http/signed-request.ts';
import type { KeyRing } from './keys/key-ring.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Store } from './store/api/store.ts';

export interface FetchSideParts {
  readonly store: Store;
  readonly settings: EffectiveSettings;
  readonly keyRing: KeyRing;
  /** As it is now: a reload counts at once. */
  readonly config: () => Config;
  /** A message for this domain was fetched whole: one more datagram may go there. */
  readonly earnCredit: (destination: string) => void;
  readonly clock: Clock;
  /** By which messages end. */
  readonly expiry: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface FetchSide {
  readonly handlers: Pick<
    PublicHandlers,
    'poll' | 'setPreferences' | 'watch' | 'readMessage' | 'readPayload' | 'accept'
  >;
  /** The feed of introductions, for whom the caller let in. */
  readonly readFeed: ReadFeed;
  readonly watches: Watches;
}

export function createFetchSide(parts: FetchSideParts): FetchSide {
  const { store, settings, keyRing, config, earnCredit, clock, expiry, random, metrics, log } = parts;
  const pollKey = (domain: string, id: Uint8Array) => keyRing.pollKey(domain, id, clock.seconds());
  const ask = createAsk({ pollKey, pending: store.pending, clock, expiry });
  const allowance = createFetchAllowance(async (domain) => {
    const { fetches, egress } = config().storage;
    return { fetches, egress: (await settings.of(domain))?.egress ?? egress };
  }, clock);
  const serve = createServe({ ...store, allowance, earnCredit, clock: expiry, metrics, log });
  const readFeed = createReadFeed({
    feed: store.feed,
    bucketBits: async (domain) => (await settings.of(domain))?.bucketBits ?? 0,
    clock: expiry,
  });
  const watches = createWatches({
    ask,
    readFeed,
    feed: store.feed,
    pollKey,
    pending: store.pending,
    random,
    clock,
  });
  return {
    handlers: {
      poll: createPoll(ask),
      setPreferences: createSetPreferences({ pollKey, preferences: store.preferences, clock }),
      watch: watches.open,
      readMessage: serve.readMessage,
      readPayload: serve.readPayload,
      accept: createAccept({ ...store, clock: expiry }),
    },
    readFeed,
    watches,
  };
}

/** The feed and its watch, for users of the domain. */
export function feedHandlers(
  { readFeed, watches }: Pick<FetchSide, 'readFeed' | 'watches'>,
  authenticate: Pick<Authenticate, 'user' | 'still'>,
): Pick<PublicHandlers, 'introductions' | 'watchIntroductions'> {
  const userOf = (domain: string, request: SignedRequest) =>
    authenticate.user(domain, request, ['device', 'gateway']);
  return {
    introductions: async (domain, request, page) => {
      await userOf(domain, request);
      return await readFeed(domain, page);
    },
    watchIntroductions: async (domain, request, page, source) => {
      const user = await userOf(domain, request);
      const reader = { user: user.owner.user, still: () => authenticate.still(user) };
      return watches.openFeed(domain, reader, page, source);
    },
  };
}
