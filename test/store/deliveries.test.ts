import test from 'ava';
import { checkStore } from '../../src/store/check.ts';
import { openEngine, rawCodec } from '../../src/store/engine.ts';
import { join } from 'node:path';
import { rejected } from '../support/identities.ts';
import { filled, newMessage, opened, random, sha256, start } from './fixture.ts';

const owner = { domain: 'alpha.test', user: filled(9) };
const payload = filled(1, 5000);
const hash = sha256(payload);
const until = start + 1000;

test('messages of the daemon’s own need no reservation, and end as all do', async (t) => {
  const { store, clock } = await opened(t);
  const [one, two] = [newMessage(), newMessage()];
  const outcome = await store.deliveries.deliver(owner, {
    source: { payload },
    hash,
    messages: [{ message: one }, { message: two, once: { name: filled(5), until } }],
  });
  t.deepEqual(outcome, [undefined, undefined]);
  t.deepEqual(await store.transit.usage('alpha.test', owner.user), {
    messages: 2,
    bytes: 5000 + 2 * (one.header.length + one.envelope.length),
    reserved: 0,
  });
  t.is((await store.outbox.list({ limit: 9 })).length, 2);
  t.is((await store.transit.find(owner, two.traceHandle))?.state, 'stored');
  clock.advance(one.expires - start + 1);
  t.is((await store.transit.expire(clock.seconds(), 10)).expired.length, 2);
  t.is((await store.transit.usage('alpha.test')).bytes, 0);
});

test('an id that is in use is refused, and nothing of the delivery is stored', async (t) => {
  const { store } = await opened(t);
  const message = newMessage();
  const deliver = async () =>
    await store.deliveries.deliver(owner, { source: { payload }, hash, messages: [{ message }] });
  await deliver();
  t.is(await rejected(deliver()), 'conflict');
  await store.transit.reserve(owner, [filled(4)], start + 100);
  const reserved = { source: { payload }, hash, messages: [{ message: newMessage({ id: filled(4) }) }] };
  t.is(await rejected(store.deliveries.deliver(owner, reserved)), 'conflict');
  t.is((await store.transit.usage('alpha.test')).messages, 1);
  t.is(
    await rejected(
      store.deliveries.deliver(owner, {
        source: { payload },
        hash: filled(0),
        messages: [{ message: newMessage() }],
      }),
    ),
    'payload_mismatch',
  );
});

test('a name keeps a message from being stored again, also over a restart, until its time is over', async (t) => {
  const { store, reopen, dir, clock } = await opened(t);
  const [first, second] = [newMessage(), newMessage()];
  const delivery = (message: typeof first) => ({
    source: { payload },
    hash,
    messages: [{ message, once: { name: filled(6), until } }],
  });
  t.deepEqual(await store.deliveries.deliver(owner, delivery(first)), [undefined]);
  const again = await reopen();
  t.deepEqual(await again.deliveries.deliver(owner, delivery(second)), [first.traceHandle]);
  t.is((await again.transit.usage('alpha.test')).messages, 1);
  t.deepEqual(await again.deliveries.delivered(filled(6), until - 1), first.traceHandle);
  t.is(await again.deliveries.delivered(filled(6), until), undefined);
  await again.close();
  t.deepEqual((await checkStore({ dir: join(dir), payloads: true })).findings, []);
  const reopened = await reopen();
  clock.advance(2000);
  await reopened.deliveries.expire(clock.seconds(), 10);
  t.deepEqual(await reopened.deliveries.deliver(owner, delivery(second)), [undefined]);
});

test('a name that cannot be read is found', async (t) => {
  const { store, dir } = await opened(t);
  await store.close();
  const engine = openEngine({ dir: join(dir, 'tables'), mapSize: 2 ** 30, onFailure: () => t.fail() });
  const names = engine.table('delivered', rawCodec);
  await engine.write(() => {
    names.put(random(32), new Uint8Array([0xff]));
    names.put(random(5), new Uint8Array([0xff]));
  });
  await engine.close();
  const { findings } = await checkStore({ dir, payloads: false });
  t.deepEqual([...new Set(findings.map(({ table }) => table))], ['delivered']);
});
