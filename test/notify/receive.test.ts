import test, { type ExecutionContext } from 'ava';
import { systemRandom } from '../../src/crypto/random.ts';
import type { VerifiedDomain } from '../../src/keys/domain-record.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { traceHandleBytes } from '../../src/keys/fingerprints.ts';
import { silentLog } from '../../src/log.ts';
import { recipientHash } from '../../src/message/drops.ts';
import { sealNotification } from '../../src/message/notification.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createReceive, type SenderRecords } from '../../src/notify/receive.ts';
import { joinIntroduction, type Ref } from '../../src/wire/notification.ts';
import { opened } from '../store/fixture.ts';
import { flipped, keyOf, makeDomain, now as made } from '../support/identities.ts';
import { testClock } from '../support/clock.ts';

const alpha = makeDomain('alpha.test');
const beta = makeDomain('beta.test');
const stranger = makeDomain('alpha.test', 'an impostor');
const day = 86_400;

const pollKey = new Uint8Array(32).fill(9);
const hash = recipientHash(pollKey, 'beta.test');

function refFor(id: number, expires = made + 7 * day): Ref {
  return { recipientHash: hash, messageId: new Uint8Array(32).fill(id), expires, sizeClass: 12 };
}

function datagram(
  refs: readonly Ref[],
  options: { from?: typeof alpha; time?: number; serial?: number } = {},
): Uint8Array {
  const { from = alpha, time = made, serial = made } = options;
  return sealNotification({
    sender: 'alpha.test',
    serial,
    time,
    refs,
    signing: keyOf(from.keys, 'domainSigning'),
    receiver: 'beta.test',
    receiverKey: beta.verified.keys.find(({ use }) => use === 'notification')!,
    random: systemRandom,
  });
}

/** A receiving domain with a real store; the directory is what the test says. */
async function receiver(
  t: ExecutionContext,
  directory: { known?: VerifiedDomain; learnt?: VerifiedDomain } = {},
) {
  const { store } = await opened(t);
  const clock = testClock(made);
  const metrics = createMetrics();
  const keyRing = createKeyRing();
  keyRing.set(beta.keys);
  const learns: number[] = [];
  const renewals: string[] = [];
  let known = directory.known;
  const records: SenderRecords = {
    known: async () => known,
    async learn(_sender, atLeast) {
      learns.push(atLeast);
      known = directory.learnt ?? known;
      return known;
    },
    async renew(sender) {
      renewals.push(sender);
    },
  };
  const receive = createReceive({
    findKey: (id) => keyRing.notificationKey(id, clock.seconds()),
    records,
    pending: store.pending,
    preferences: store.preferences,
    events: store.events,
    introductionsPerHour: async () => 100,
    refQuota: 1000,
    clock,
    metrics,
    log: silentLog,
  });
  return {
    learns,
    renewals,
    clock,
    async take(bytes: Uint8Array): Promise<void> {
      receive.receive(bytes, '192.0.2.7');
      await receive.settled();
    },
    settled: receive.settled,
    outcomes: metrics.datagramOutcomes,
    ignore: async (until: number) =>
      await store.preferences.set(
        'beta.test',
        [{ recipientHash: hash, counter: until, ignore: true, until }],
        clock.seconds(),
      ),
    stats: async () => await store.stats(),
    traced: async (id: Uint8Array) => await store.events.byHandle(traceHandleBytes(id)),
    waiting: async () =>
      (await store.pending.poll('beta.test', hash, { limit: 100, now: clock.seconds() })).items,
  };
}

test('a genuine notification is stored once, however often it is repeated', async (t) => {
  const beta = await receiver(t, { known: alpha.verified });
  const bytes = datagram([refFor(1), refFor(2)]);
  for (let i = 0; i < 3; i++) await beta.take(bytes);
  await beta.take(datagram([refFor(2), refFor(3)]));
  const waiting = await beta.waiting();
  t.deepEqual(new Set(waiting.map(({ sender }) => sender)), new Set(['alpha.test']));
  t.deepEqual(
    waiting.map(({ messageId }) => Number(messageId[0])).sort((a, b) => a - b),
    [1, 2, 3],
  );
});

test('what is forged, damaged or stale is dropped without a trace', async (t) => {
  const beta = await receiver(t, { known: alpha.verified });
  await beta.take(datagram([refFor(1)], { from: stranger }));
  await beta.take(flipped(datagram([refFor(1)])));
  await beta.take(datagram([refFor(1)], { time: made - day - 1 }));
  await beta.take(datagram([refFor(1)], { time: made + day + 1 }));
  await beta.take(datagram([refFor(1, made - 1)]));
  await beta.take(new Uint8Array(512));
  t.deepEqual(await beta.waiting(), []);
  const { stored: _, ...dropped } = await beta.outcomes();
  t.deepEqual(dropped, {
    key_unknown: 1,
    open_failed: 1,
    datagram_stale: 2,
    datagram_version: 1,
    ref_invalid: 1,
  });
});

test('refs that would outlast any message are left out, the others of their datagram are not', async (t) => {
  const beta = await receiver(t, { known: alpha.verified });
  const latest = made + 90 * day + 3600;
  await beta.take(datagram([refFor(1, 2 ** 40 - 1), refFor(2, latest + 1), refFor(3, latest)]));
  t.deepEqual(
    (await beta.waiting()).map(({ messageId }) => messageId[0]),
    [3],
  );
  await beta.take(datagram([refFor(4, latest + 1)]));
  t.is((await beta.outcomes())['ref_invalid'], 1);
});

test('the record of a known sender is read again for what is genuine alone', async (t) => {
  const beta = await receiver(t, { known: alpha.verified });
  await beta.take(datagram([refFor(1)], { from: stranger, serial: 0 }));
  t.deepEqual(beta.renewals, []);
  await beta.take(datagram([refFor(1)]));
  t.deepEqual(beta.renewals, ['alpha.test']);
});

test('a notification of an unknown sender waits for its record, and is then stored', async (t) => {
  const beta = await receiver(t, { learnt: alpha.verified });
  await beta.take(datagram([refFor(1)]));
  for (let i = 0; i < 100 && (await beta.waiting()).length === 0; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await beta.settled();
  }
  t.is((await beta.waiting()).length, 1);
  t.is(beta.learns.length, 1);
});

test('a sender whose record cannot be had leaves nothing behind', async (t) => {
  const beta = await receiver(t);
  await beta.take(datagram([refFor(1)]));
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
  await beta.settled();
  t.deepEqual(await beta.waiting(), []);
  t.is(beta.learns.length, 1);
});

test('a higher serial with an unknown key makes the record be read again; a known key does not', async (t) => {
  const rotated = makeDomain('alpha.test', 'rotated');
  const beta = await receiver(t, { known: alpha.verified, learnt: rotated.verified });
  await beta.take(datagram([refFor(1)], { serial: made + 5 }));
  t.deepEqual(beta.learns, []);
  await beta.take(datagram([refFor(2)], { from: rotated, serial: made + 5 }));
  t.deepEqual(beta.learns, [made + 5]);
  t.is((await beta.waiting()).length, 2);
});

test('refs that their recipient ignores leave no trace, retractions included; the others of the datagram are stored', async (t) => {
  const beta = await receiver(t, { known: alpha.verified });
  const other = recipientHash(new Uint8Array(32).fill(8), 'beta.test');
  await beta.take(datagram([refFor(1)]));
  await beta.ignore(made + 1000);
  const before = await beta.stats();
  await beta.take(datagram([refFor(2)]));
  await beta.take(datagram([{ ...refFor(1), labels: { retraction: true } }]));
  const introduction = joinIntroduction({ type: 0, bucket: 0, sealed: new Uint8Array(176) });
  await beta.take(datagram([{ ...refFor(3), labels: { introduction } }]));
  t.deepEqual(await beta.stats(), before, 'no row, no entry of the feed');
  for (const id of [2, 3]) t.deepEqual(await beta.traced(refFor(id).messageId), []);
  t.is((await beta.traced(refFor(1).messageId)).length, 1);
  const [waiting] = await beta.waiting();
  t.is(waiting?.labels, undefined);
  await beta.take(datagram([refFor(4), { ...refFor(5), recipientHash: other }]));
  t.is((await beta.stats()).pending, before.pending + 1);
  t.deepEqual(await beta.traced(refFor(4).messageId), []);
  t.is((await beta.traced(refFor(5).messageId)).length, 1);
  t.deepEqual(await beta.outcomes(), { stored: 5 }, 'counted as any other');
  beta.clock.advance(1000);
  await beta.take(datagram([refFor(2)]));
  t.is((await beta.waiting()).length, 2, 'when that ended they come in again');
});
