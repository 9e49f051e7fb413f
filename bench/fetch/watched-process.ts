/**
 * The server of watching.ts, in a process of its own: `watched-process.ts DIRECTORY`. The public listener with TLS over a real store in
 * DIRECTORY/store, with the watch as a daemon has it. Tells its port and poll key by IPC, admits a ref for each hash that it is sent, as a
 * notification that was verified would be, and ends when the channel closes.
 */
import { join } from 'node:path';
import { systemClock as clock } from '../../src/clock.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { createAsk } from '../../src/fetch/ask.ts';
import { createReadFeed } from '../../src/fetch/feed.ts';
import { createWatches } from '../../src/fetch/watch.ts';
import { textOf } from '../../src/http/gather.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { selectKey } from '../../src/keys/key-pair.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { openStore } from '../../src/store/store.ts';
import { listenPublicly } from '../public-listener.ts';

export const domain = 'alpha.test';

/** What a client needs to watch; binary values in base64url. */
export interface Watched {
  readonly port: number;
  readonly keyId: string;
  readonly publicKey: string;
}

const [directory = ''] = process.argv.slice(2);
const store = await openStore({
  dir: join(directory, 'store'),
  clock,
  onFailure: (error) => console.error(error),
});
const keyRing = createKeyRing();
const { keys } = createDomainKeys(domain, clock.seconds(), random);
keyRing.set(keys);
const pollKey = (of: string, id: Uint8Array) => keyRing.pollKey(of, id, clock.seconds());
const watches = createWatches({
  ask: createAsk({ pollKey, pending: store.pending, rate: { perSecond: 1e6, burst: 1e6 }, clock }),
  readFeed: createReadFeed({ feed: store.feed, bucketBits: async () => 0, clock }),
  feed: store.feed,
  pollKey,
  pending: store.pending,
  random,
  clock,
  limits: { watches: 1e6, watchesOfNetwork: 1e6, drops: 1e6, dropsOfNetwork: 1e6 },
});
const port = await listenPublicly(domain, { watch: watches.open }, directory);

process.on('message', (hash: string) => {
  const ref = {
    recipientHash: new Uint8Array(Buffer.from(hash, 'base64url')),
    messageId: random(32),
    expires: clock.seconds() + 86_400,
    sizeClass: 12,
  };
  const quota = { key: 'beta.test', refs: Number.MAX_SAFE_INTEGER };
  const now = clock.seconds();
  void store.pending.admit({ domain, sender: 'beta.test', refs: [ref], now, quota, introductionsPerHour: 0 });
});
process.on('disconnect', () => process.exit());
const { id: keyId, publicKey } = selectKey(keys.keys, 'poll', clock.seconds());
const watched: Watched = { port, keyId: textOf(keyId), publicKey: textOf(publicKey) };
process.send?.(watched);
