/**
 * A daemon with very many messages that wait: how long it takes to start, and how much memory it uses for itself while it tries to notify for
 * them. The store is filled while the daemon is stopped, with headers and envelopes of real sizes; 64 messages share a payload.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { systemClock } from '../../src/clock.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { createHoster } from '../../src/demo/cast.ts';
import { openStage } from '../../src/demo/stage.ts';
import type { Tap } from '../../src/demo/tap.ts';
import { payloadSize } from '../../src/message/payload.ts';
import { openStore } from '../../src/store/store.ts';
import { sizes } from '../../src/wire/registry.ts';
import { metricOf, wallSeconds, type Bench } from '../report.ts';
import { newOwner, storeMessages } from '../stored-messages.ts';

const limit = 300;
const sharing = 64;
/** Seconds that a daemon is watched. */
const watched = 15;

/** Nothing between the domains. */
const noTap: Tap = {
  udp: async (_domain, port) => port,
  tcp: async (_domain, port) => port,
  seen: () => [],
  found: () => new Set(),
  close() {},
};

export const waiting: Bench = {
  name: 'waiting',
  async *run({ quick }) {
    const count = quick ? 100_000 : 1_000_000;
    const stage = await openStage({ environment: process.env, keep: false, needles: [] });
    try {
      const hoster = createHoster({ ...stage, tap: noTap }, 'alpha');
      await hoster.init();
      // Once for what a first start makes, once for the figure.
      await (await hoster.serve()).stop();
      let empty = await hoster.serve();
      await empty.stop();
      const emptySeconds = await wallSeconds(async () => (empty = await hoster.serve()));
      await empty.stop();
      await fill(join(hoster.data, 'store'), count);
      let daemon = empty;
      const seconds = await wallSeconds(async () => (daemon = await hoster.serve()));
      const peak = await peakRssAnon(daemon.pid);
      await daemon.stop();
      const what = `${count.toLocaleString('en')} messages wait`;
      const labels = { bench: 'fetch', cost: true };
      yield metricOf(
        { ...labels, metric: 'start_1m', unit: 's', peer: `the same daemon with an empty store; ${what}` },
        [{ value: seconds, peerValue: emptySeconds }],
      );
      yield metricOf(
        {
          ...labels,
          metric: 'rss_anon_1m',
          unit: 'MB',
          peer: `the limit; ${what}, the largest in ${watched} s`,
        },
        [{ value: peak / 1e6, peerValue: limit }],
      );
    } finally {
      await stage.close();
    }
  },
};

async function fill(dir: string, count: number): Promise<void> {
  const store = await openStore({ dir, clock: systemClock, onFailure: (error) => console.error(error) });
  const owners = Array.from({ length: 1000 }, () => newOwner('alpha.test'));
  const payload = systemRandom(payloadSize(sizes.payloadFloor));
  let stored = 0;
  const worker = async (): Promise<void> => {
    while (stored < count) {
      const owner = owners[((stored / sharing) % owners.length) | 0];
      stored += sharing;
      if (owner !== undefined) await storeMessages(store, owner, payload, sharing);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  await store.close();
}

async function peakRssAnon(pid: number): Promise<number> {
  let peak = 0;
  for (let tenth = 0; tenth < 10 * watched; tenth++) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    peak = Math.max(peak, Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024);
    await sleep(100);
  }
  return peak;
}
