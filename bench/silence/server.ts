/**
 * The server of silence.ts, in a process of its own: `server.ts DIRECTORY SAMPLES`. A public listener with TLS over a real store, with
 * users, messages that ended in every way, and drops. Its allowances are without bound, or most samples would be refused. Tells its port
 * and what to ask by IPC, and ends when the channel closes.
 */
import { setImmediate } from 'node:timers/promises';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/clock.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { createPublisher } from '../../src/directory/publish.ts';
import { createAccept } from '../../src/fetch/accept.ts';
import { createAsk } from '../../src/fetch/ask.ts';
import { createPoll } from '../../src/fetch/poll.ts';
import { createDecoyRoot, decoyRecords } from '../../src/keys/decoy.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { selectKey } from '../../src/keys/key-pair.ts';
import { silentLog } from '../../src/log.ts';
import { openStore } from '../../src/store/store.ts';
import { textOf } from '../../src/http/gather.ts';
import { listenPublicly, serveAll } from '../public-listener.ts';
import { endedMessages } from './messages.ts';
import { polls, type PollBodies } from './polls.ts';

export const domain = 'alpha.test';
const day = 86_400;
/** How old the domain is: a decoy has so many months of records. */
const age = 200 * day;
/** Addresses that are asked again and again. */
const again = 64;

/** Paths below the public interface, of equal length on both sides; each first one is asked once alone. */
export interface Asked {
  readonly port: number;
  readonly first: { readonly known: readonly string[]; readonly unknown: readonly string[] };
  readonly again: { readonly known: readonly string[]; readonly unknown: readonly string[] };
  readonly invited: { readonly known: readonly string[]; readonly unknown: readonly string[] };
  readonly ids: Readonly<Record<string, readonly string[]>>;
  readonly polls: PollBodies;
}

/** Settings that a message changes. */
interface Dials {
  unknownUsers: 'mail' | '404' | 'decoy';
  /** Work that is added for addresses without a user, in microseconds: the control. */
  planted: number;
}

const dials: Dials = { unknownUsers: 'decoy', planted: 0 };
const [directory = '', wanted = '1000'] = process.argv.slice(2);
const samples = Number(wanted);
let shift = -2 * day;
const clock: Clock = { ...systemClock, seconds: () => systemClock.seconds() + shift };
const store = await openStore({
  dir: join(directory, 'store'),
  clock,
  onFailure: (error) => console.error(error),
});
const now = systemClock.seconds();
const { keys } = createDomainKeys(domain, now - age, systemRandom);
const keyRing = createKeyRing();
keyRing.set(keys);
const ids = await endedMessages(store, clock, () => (shift = 0));

const users = Array.from({ length: samples + again }, (_, n) => addressHash(`user${n}@${domain}`));
const known = new Set(users.map(textOf));
await enrolAll(users);
const invited = Array.from({ length: again }, (_, n) => addressHash(`invited${n}@${domain}`));
for (const hash of invited) await store.users.invite(domain, invitation(hash));

/** Records of the same form and age as decoys', so that the sizes of answers are alike. */
async function enrolAll(hashes: readonly Uint8Array[]): Promise<void> {
  const root = createDecoyRoot(now - age, systemRandom);
  for (let at = 0; at < hashes.length; at += 100) {
    await Promise.all(
      hashes.slice(at, at + 100).map(async (hash) => {
        const token = systemRandom(32);
        await store.users.invite(domain, { ...invitation(hash), tokenHash: sha256(token) });
        let record: Uint8Array | undefined;
        for (const next of decoyRecords({ root, domain, addressHash: hash })) {
          if (next.listed > now && record !== undefined) break;
          record = next.inner;
        }
        await store.users.enroll(domain, hash, {
          tokenHash: sha256(token),
          device: systemRandom(32),
          record: record as Uint8Array,
          now,
        });
      }),
    );
    await setImmediate();
  }
}

function invitation(hash: Uint8Array) {
  const local = `u${textOf(hash)
    .toLowerCase()
    .replace(/[^a-z]/g, '')}`;
  return { addressHash: hash, local, tokenHash: systemRandom(32), expires: now + day };
}

function spend(microseconds: number): void {
  const end = performance.now() + microseconds / 1000;
  while (performance.now() < end);
}

const unlimited = { perSecond: 1e9, burst: 1e9 };
const log = silentLog;
const publisher = createPublisher({
  keysOf: keyRing.keysOf,
  domains: {
    ...store.domains,
    get: async () => ({
      contact: 'abuse@alpha.test',
      introductions: 'open',
      introductionsPerHour: 60,
      bucketBits: 0,
      unknownUsers: dials.unknownUsers,
    }),
  },
  listed: store.listed,
  lookups: unlimited,
  work: unlimited,
  clock,
  log,
});
const ask = createAsk({
  pollKey: (of, id) => keyRing.pollKey(of, id, clock.seconds()),
  pending: store.pending,
  rate: unlimited,
  clock,
});
const port = await listenPublicly(
  domain,
  {
    ...serveAll(store, clock),
    accept: createAccept({ ...store, clock }),
    domainAnswer: publisher.domainAnswer,
    async userAnswer(of, hash, source) {
      if (dials.planted > 0 && !known.has(textOf(hash))) spend(dials.planted);
      return await publisher.userAnswer(of, hash, source);
    },
    poll: createPoll(ask),
  },
  directory,
);

const path = (hash: Uint8Array): string => `users/${domain}/${textOf(hash)}`;
const nobodies = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => path(addressHash(`${name}${n}@${domain}`)));
const asked: Asked = {
  port,
  first: { known: users.slice(again).map(path), unknown: nobodies('nobody', samples) },
  again: { known: users.slice(0, again).map(path), unknown: nobodies('nemo', 4 * again) },
  invited: { known: invited.map(path), unknown: nobodies('never', again) },
  ids,
  polls: polls(domain, selectKey(keys.keys, 'poll', now), now),
};
process.on('message', (change: Partial<Dials>) => {
  Object.assign(dials, change);
  process.send?.('changed');
});
process.on('disconnect', () => process.exit());
process.send?.(asked);
