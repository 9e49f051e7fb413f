import test, { type ExecutionContext } from 'ava';
import { systemRandom } from '../../src/crypto/random.ts';
import { silentLog } from '../../src/log.ts';
import { openNotification } from '../../src/message/notification.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createCredit } from '../../src/notify/credit.ts';
import { createSend, type Destination, type LocalDomains } from '../../src/notify/send.ts';
import type { Outbox, OutboxEntry, Rescheduled } from '../../src/store/api/outbox.ts';
import { splitDatagram } from '../../src/wire/notification.ts';
import { repeating } from '../../src/wire/registry.ts';
import { testClock } from '../support/clock.ts';
import { keyOf, makeDomain, now } from '../support/identities.ts';

const alpha = makeDomain('alpha.test');
const beta = makeDomain('beta.test');

function entry(number: number, changes: Partial<OutboxEntry> = {}): OutboxEntry {
  return {
    key: new Uint8Array([number]),
    messageId: new Uint8Array(32).fill(number),
    sender: 'alpha.test',
    destination: 'beta.test',
    recipientHash: new Uint8Array(32).fill(200),
    expires: now + 86_400,
    sizeClass: 12,
    created: now,
    attempt: 0,
    due: now,
    slowed: false,
    ...changes,
  };
}

/** The sending pipeline over entries given; what leaves is opened with beta's key. */
function sending(
  t: ExecutionContext,
  entries: readonly OutboxEntry[],
  destination: Partial<Destination> | 'later' = {},
  local?: LocalDomains,
) {
  const clock = testClock(now);
  const sent: { channel: 'udp' | 'door'; ids: (number | undefined)[] }[] = [];
  const rescheduled: Rescheduled[] = [];
  const take = (channel: 'udp' | 'door') => async (datagram: Uint8Array) => {
    const opened = openNotification(splitDatagram(datagram), keyOf(beta.keys, 'notification'), 'beta.test');
    sent.push({ channel, ids: opened.refs.map(({ messageId }) => messageId[0]) });
    t.is(opened.sender, 'alpha.test');
    return true;
  };
  const outbox: Outbox = {
    due: async () => [{ sender: 'alpha.test', destination: 'beta.test', entries }],
    reschedule: async (next) => void rescheduled.push(...next),
    nextDue: async () => undefined,
    list: async () => [],
    subscribe: () => () => {},
  };
  const send = createSend({
    outbox,
    find: async () =>
      destination === 'later'
        ? undefined
        : {
            record: beta.verified,
            hasUdp: true,
            sendUdp: take('udp'),
            sendDoor: take('door'),
            ...destination,
          },
    signer: async () => ({ signing: keyOf(alpha.keys, 'domainSigning'), serial: now }),
    ...(local === undefined ? {} : { local }),
    credit: createCredit(clock),
    clock,
    random: systemRandom,
    draw: () => 0.5,
    metrics: createMetrics(),
    log: silentLog,
  });
  return { send, sent, rescheduled };
}

test('due refs to one domain leave packed, by UDP, and come up again after four seconds', async (t) => {
  const { send, sent, rescheduled } = sending(t, [entry(1), entry(2), entry(3)]);
  t.is(await send.turn(), 3);
  t.deepEqual(sent, [{ channel: 'udp', ids: [1, 2, 3] }]);
  t.deepEqual(
    rescheduled.map(({ attempt, due }) => [attempt, due - now]),
    [1, 2, 3].map(() => [1, 4]),
  );
});

test('late turns use the HTTPS door, fresh ones in the same group do not', async (t) => {
  const { send, sent } = sending(t, [entry(1), entry(2, { attempt: 3 }), entry(3, { attempt: 9 })]);
  await send.turn();
  t.deepEqual(sent, [
    { channel: 'udp', ids: [1] },
    { channel: 'door', ids: [2, 3] },
  ]);
});

test('without credit, without UDP targets, or where UDP fails, the door is used at once', async (t) => {
  const many = Array.from({ length: 13 * (repeating.creditBurst + 1) }, (_, i) => entry(i % 250));
  const full = sending(t, many);
  await full.send.turn();
  t.deepEqual(
    [full.sent.filter(({ channel }) => channel === 'udp').length, full.sent.at(-1)?.channel],
    [repeating.creditBurst, 'door'],
  );
  const doorOnly = sending(t, [entry(1)], { hasUdp: false });
  await doorOnly.send.turn();
  t.is(doorOnly.sent[0]?.channel, 'door');
  const failing = sending(t, [entry(1)], { sendUdp: async () => false });
  await failing.send.turn();
  t.is(failing.sent[0]?.channel, 'door');
});

test('a destination that cannot be found now loses nothing: the turn counts and the next one comes', async (t) => {
  const { send, sent, rescheduled } = sending(t, [entry(1, { attempt: 5 })], 'later');
  await send.turn();
  t.deepEqual(sent, []);
  t.deepEqual(rescheduled, [{ key: new Uint8Array([1]), attempt: 6, due: now + 512 }]);
});

test('refs for a domain that is served here are handed over, rest then, and no datagram leaves', async (t) => {
  const admitted: number[] = [];
  const local = (outcome: 'admitted' | 'partly'): LocalDomains => ({
    serves: (domain) => domain === 'beta.test',
    admit: async (_receiver, _sender, refs) => {
      admitted.push(...refs.map(({ messageId }) => messageId[0] ?? 0));
      return outcome;
    },
  });
  const taken = sending(t, [entry(1), entry(2)], {}, local('admitted'));
  await taken.send.turn();
  t.deepEqual(admitted, [1, 2]);
  t.deepEqual(taken.sent, []);
  t.deepEqual(
    taken.rescheduled.map(({ due }) => due),
    [now + 86_400, now + 86_400],
  );
  const full = sending(t, [entry(3)], {}, local('partly'));
  await full.send.turn();
  t.deepEqual(full.sent, []);
  t.is(full.rescheduled[0]?.due, now + 4);
});

test('a fetched message is repeated daily', async (t) => {
  const { send, rescheduled } = sending(t, [entry(1, { attempt: 1, slowed: true })]);
  await send.turn();
  t.is(rescheduled[0]?.due, now + repeating.afterFetch);
});

test('the loop ends with its signal, also in the middle of a sleep', async (t) => {
  const { send } = sending(t, []);
  const stop = new AbortController();
  const running = send.run(stop.signal);
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await t.notThrowsAsync(running);
});
