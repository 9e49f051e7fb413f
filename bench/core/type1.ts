/**
 * Notifications of type 1 opened, verified and stored, per second of processor time (all threads: the store's writer too), beside
 * the bare cost of the two operations that nobody can leave out: one X25519 and one Ed25519 verification.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { x25519, x25519Public } from '../../src/crypto/dh.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { ed25519Public, ed25519Sign, ed25519Verify } from '../../src/crypto/sign.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { signDomainRecord, verifyDomainRecord } from '../../src/keys/domain-record.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { selectKey } from '../../src/keys/key-pair.ts';
import { usableKey } from '../../src/keys/published-key.ts';
import { silentLog } from '../../src/log.ts';
import { sealNotification } from '../../src/message/notification.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { AdmissionLimits } from '../../src/notify/admit.ts';
import { createReceive } from '../../src/notify/receive.ts';
import { openStore } from '../../src/store/store.ts';
import { cpuSeconds, metricOf, type Bench, type Pair } from '../report.ts';

const unlimited = { perSecond: 1e9, burst: 1e9 };
const admission: AdmissionLimits = { perNetwork: unlimited, strangers: unlimited, peers: unlimited };
/** Datagrams handed over before the event loop turns: what a busy socket gives. */
const burst = 256;

function makeDomain(domain: string, now: number) {
  const { keys } = createDomainKeys(domain, now, systemRandom);
  const signed = signDomainRecord({ keys, serial: now, contact: `abuse@${domain}`, now });
  return { keys, record: verifyDomainRecord(signed, { domain, fingerprints: [keys.fingerprint], now }) };
}

async function oneRun(count: number): Promise<Pair> {
  const now = systemClock.seconds();
  const alpha = makeDomain('alpha.test', now);
  const beta = makeDomain('beta.test', now);
  const datagrams = sealed(alpha, beta, count, now);
  const bare = await bareCost(count);
  const taken = await receiveAll(alpha, beta, datagrams);
  return { value: count / taken, peerValue: count / bare };
}

type Made = ReturnType<typeof makeDomain>;

function sealed(alpha: Made, beta: Made, count: number, now: number): Uint8Array[] {
  return Array.from({ length: count }, () =>
    sealNotification({
      sender: 'alpha.test',
      serial: now,
      time: now,
      refs: [
        {
          recipientHash: systemRandom(32),
          messageId: systemRandom(32),
          expires: now + 86_400,
          sizeClass: 12,
        },
      ],
      signing: selectKey(alpha.keys.keys, 'domainSigning', now),
      receiver: 'beta.test',
      receiverKey: usableKey(beta.record, 'notification', now),
      random: systemRandom,
    }),
  );
}

/** The ceiling: as many X25519 and Ed25519 verifications of a message of the same length, with nothing around them. */
async function bareCost(count: number): Promise<number> {
  const scalar = systemRandom(32);
  const points = Array.from({ length: 64 }, () => x25519Public(systemRandom(32)));
  const seed = systemRandom(32);
  const key = ed25519Public(seed);
  const message = systemRandom(250);
  const signature = ed25519Sign(seed, message);
  return await cpuSeconds(() => {
    for (let i = 0; i < count; i++) {
      x25519(scalar, points[i % points.length] as Uint8Array);
      if (!ed25519Verify(key, message, signature)) throw new Error('a good signature was refused');
    }
  });
}

async function receiveAll(alpha: Made, beta: Made, datagrams: readonly Uint8Array[]): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'beckon-bench-'));
  const store = await openStore({ dir, clock: systemClock, onFailure: (error) => console.error(error) });
  const keyRing = createKeyRing();
  keyRing.set(beta.keys);
  const metrics = createMetrics();
  const { receive, settled } = createReceive({
    findKey: (id) => keyRing.notificationKey(id, systemClock.seconds()),
    records: { known: async () => alpha.record, learn: async () => alpha.record, renew: async () => {} },
    pending: store.pending,
    preferences: store.preferences,
    events: store.events,
    introductionsPerHour: async () => 1000,
    refQuota: 1e9,
    admission,
    clock: systemClock,
    metrics,
    log: silentLog,
  });
  const taken = await cpuSeconds(async () => {
    for (let at = 0; at < datagrams.length; at += burst) {
      for (const datagram of datagrams.slice(at, at + burst)) receive(datagram, '192.0.2.1');
      await settled();
    }
  });
  const { pending } = await store.stats();
  await store.close();
  rmSync(dir, { recursive: true });
  if (pending !== datagrams.length) throw new Error(`${pending} of ${datagrams.length} refs were stored`);
  return taken;
}

export const type1: Bench = {
  name: 'type1',
  async *run({ quick }) {
    // The compiler has its turn before anything counts.
    await oneRun(4000);
    const pairs: Pair[] = [];
    for (let run = 0; run < (quick ? 3 : 5); run++) pairs.push(await oneRun(quick ? 5000 : 20_000));
    const peer = 'one bare X25519 and Ed25519 verification';
    yield metricOf({ bench: 'core', metric: 'type1', unit: '1/s', peer }, pairs);
  },
};
