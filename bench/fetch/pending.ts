/**
 * A pending table as a large domain has it: what 1,000 drops cost to poll among all the others, and how long removing what expired holds the
 * process up. In this process, with the poll's pipeline from the encoded request to the encoded answer, without HTTP around it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../src/clock.ts';
import { x25519 } from '../../src/crypto/dh.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { createAsk } from '../../src/fetch/ask.ts';
import { createPoll } from '../../src/fetch/poll.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { selectKey } from '../../src/keys/key-pair.ts';
import { handedOverOwner, recipientHash } from '../../src/message/drops.ts';
import { provePoll } from '../../src/message/poll-proof.ts';
import type { PendingStore } from '../../src/store/api/pending.ts';
import { openStore } from '../../src/store/store.ts';
import { pollRequest, pollResponse } from '../../src/wire/collect.ts';
import { counts } from '../../src/wire/registry.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { metricOf, wallSeconds, type Bench } from '../report.ts';

const domain = 'alpha.test';
const drops = 1000;
/** Refs that wait in each drop that is polled. */
const refsPerDrop = 2;
const batch = 1000;
/** One ref in so many is past its time when the table is cleaned up. */
const agedOneIn = 10;
const hour = 3600;
const cleaningMs = 10_000;

export const pendingBench: Bench = {
  name: 'pending',
  async *run({ quick }) {
    const rows = quick ? 100_000 : 10_000_000;
    const rounds = quick ? 20 : 100;
    await using parts = new AsyncDisposableStack();
    const dir = mkdtempSync(join(tmpdir(), 'beckon-bench-'));
    parts.defer(() => rmSync(dir, { recursive: true, force: true }));
    const now = systemClock.seconds();
    const clock = { ...systemClock, seconds: () => now };
    const store = await openStore({ dir, clock, onFailure: (error) => console.error(error) });
    parts.defer(() => store.close());
    const keyRing = createKeyRing();
    const { keys } = createDomainKeys(domain, now, systemRandom);
    keyRing.set(keys);
    const { id: keyId, publicKey } = selectKey(keys.keys, 'poll', now);
    const source = { master: new Secret(systemRandom(32)), epoch: systemRandom(16) };
    const owners = Array.from({ length: drops }, (_, n) => handedOverOwner(source, n));
    const requests: Uint8Array[] = [];
    const polled: Uint8Array[] = [];
    for (let at = 0; at < drops; at += counts.pollEntries) {
      const nonce = systemRandom(16);
      const entries = owners
        .slice(at, at + counts.pollEntries)
        .map((owner) => provePoll(owner, publicKey, { domain, keyId, time: now, nonce }));
      polled.push(...entries.map(({ pollKey }) => recipientHash(pollKey, domain)));
      requests.push(encode(pollRequest, { time: now, nonce, keyId, entries }));
    }
    await fill(store.pending, rows, polled, now);

    const poll = createPoll(
      createAsk({
        pollKey: (of, id) => keyRing.pollKey(of, id, now),
        pending: store.pending,
        rate: { perSecond: 1e9, burst: 1e9 },
        clock,
      }),
    );
    const pollAll = async (): Promise<void> => {
      let found = 0;
      for (const request of requests) {
        const answer = await poll(domain, decode(pollRequest, request, 1024 * 1024), '127.0.0.1');
        found += answer.answers.reduce((sum, { refs }) => sum + refs.length, 0);
        encode(pollResponse, answer);
      }
      if (found !== drops * refsPerDrop) throw new Error(`polls found ${found} refs`);
    };
    const scalar = systemRandom(32);
    const took: number[] = [];
    const floor: number[] = [];
    await pollAll();
    for (let round = 0; round < rounds; round++) {
      took.push(await wallSeconds(pollAll));
      floor.push(
        await wallSeconds(() => {
          for (let n = 0; n < drops; n++) x25519(scalar, publicKey);
        }),
      );
    }
    const [p99, peerP99] = [percentile99(took), percentile99(floor)];
    const among = `${drops} drops among ${rows.toLocaleString('en')} refs`;
    const metric = metricOf(
      {
        bench: 'fetch',
        metric: 'poll_1000',
        unit: 'ms',
        cost: true,
        peer: `one X25519 for each; p99 of ${rounds} polls of ${among}`,
      },
      [{ value: p99 * 1000, peerValue: peerP99 * 1000 }],
    );
    yield { ...metric, runs: rounds, spread: [Math.min(...took) * 1000, Math.max(...took) * 1000] };

    const { stall, removed } = await longestStall(
      store.pending,
      now + 2 * hour,
      Math.floor((rows - drops * refsPerDrop) / agedOneIn),
    );
    yield metricOf(
      {
        bench: 'fetch',
        metric: 'expiry_stall',
        unit: 'ms',
        cost: true,
        peer: `a tenth of a second; ${removed} refs removed within ${cleaningMs / 1000} s, among ${rows.toLocaleString('en')}`,
      },
      [{ value: stall, peerValue: 100 }],
    );
  },
};

/** Rows come in the order of their hashes: random places would take the disk longer, and read alike. */
async function fill(
  pending: PendingStore,
  rows: number,
  polled: readonly Uint8Array[],
  now: number,
): Promise<void> {
  const admit = async (hashes: readonly Uint8Array[], expiring: boolean): Promise<void> => {
    const refs = hashes.map((hash, n) => ({
      recipientHash: hash,
      messageId: systemRandom(32),
      expires: now + (expiring && n % agedOneIn === 0 ? hour : 24 * hour),
      sizeClass: 12,
    }));
    const quota = { key: 'beta.test', refs: Number.MAX_SAFE_INTEGER };
    await pending.admit({ domain, sender: 'beta.test', refs, now, quota, introductionsPerHour: 0 });
  };
  for (let n = 0; n < refsPerDrop; n++) await admit(polled, false);
  for (let at = drops * refsPerDrop; at < rows; at += batch) {
    const bytes = systemRandom(batch * 32);
    const hashes = Array.from({ length: batch }, (_, n) => {
      const hash = bytes.slice(n * 32, n * 32 + 32);
      new DataView(hash.buffer).setUint32(0, Math.floor(((at + n) / rows) * 2 ** 32));
      return hash;
    });
    await admit(hashes, true);
  }
}

/** The longest time, in ms, that nothing else had a turn while expired rows were removed, a step at a time as upkeep does. */
async function longestStall(
  pending: PendingStore,
  now: number,
  aged: number,
): Promise<{ stall: number; removed: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const began = performance.now();
  let removed = 0;
  delay.enable();
  // A step that finds little is not the last one: it looks at some thousand rows, and the next goes on behind them.
  for (; removed < aged && performance.now() - began < cleaningMs; await setImmediate())
    removed += (await pending.expire(now, 256)).removed;
  delay.disable();
  return { stall: delay.max / 1e6, removed };
}

function percentile99(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] as number;
}
