import test, { type ExecutionContext } from 'ava';
import { createUpkeep } from '../../src/fetch/expire.ts';
import type { Store } from '../../src/store/api/store.ts';
import { accounts, ann, asUser, sendOne } from '../account/fixture.ts';
import { opened, random, sent, start } from '../store/fixture.ts';
import { admit, day, refTo } from './fixture.ts';

const user = asUser(ann);

async function home(t: ExecutionContext, observe: (store: Store) => Store = (store) => store) {
  const { store, clock } = await opened(t);
  const stop = new AbortController();
  return { store, clock, stop, upkeep: createUpkeep(observe(store), clock, stop.signal) };
}

/** A store that notes each call of a table's step, and lets a test come in between. */
function watched(store: Store, called: (step: string, limit: number) => unknown): Store {
  const noting = <T extends object>(name: string, table: T, step: keyof T): T => ({
    ...table,
    [step]: async (...args: number[]) => {
      await called(name, args.at(-1) ?? 0);
      return (table[step] as (...args: number[]) => Promise<unknown>)(...args);
    },
  });
  return {
    ...store,
    transit: noting('transit', store.transit, 'expire'),
    uploads: noting('uploads', store.uploads, 'expire'),
    pending: noting('pending', store.pending, 'expire'),
    feed: noting('feed', store.feed, 'expire'),
    events: noting('events', store.events, 'expire'),
    blobs: noting('blobs', store.blobs, 'sweep'),
  };
}

const tables = ['transit', 'uploads', 'pending', 'feed', 'events', 'blobs'];

test('what is past its time goes from every table, and nothing else', async (t) => {
  const { store, clock, upkeep } = await home(t);
  const account = accounts(store, clock);
  await sendOne(account, user, { expires: start + 100 * 60 });
  await account.submit.openUpload(user, random(16), 5000);
  await admit(store, [refTo(random(32), { introduction: random(178) }, start + 60)]);
  const kept = await sendOne(account, user);
  await admit(store, [refTo(random(32), { introduction: random(178) })]);
  await upkeep.run();
  t.like(await store.stats(), { messages: 2, outbox: 2, pending: 2, feed: 2 });

  clock.advance(day + 1);
  await upkeep.run();
  const left = await store.stats();
  t.like(left, { messages: 1, outbox: 1, pending: 1, feed: 1 });
  const { header, envelope } = kept.message;
  t.is(left.bytes, kept.payload.payload.length + header.length + envelope.length, 'the upload, too');
});

test('the sender’s trace tells of the expiry', async (t) => {
  const { store, clock, upkeep } = await home(t);
  const { message } = await sent(store, user.owner, { expires: start + 100 });
  clock.advance(100);
  await upkeep.run();
  await upkeep.run();
  t.deepEqual(await store.events.byHandle(message.traceHandle), [
    { handle: message.traceHandle, time: start + 100, kind: 'expired', counterpart: 'beta.test' },
  ]);
});

test('a lot goes in steps, until nothing is left', async (t) => {
  const steps: string[] = [];
  const { store, clock, upkeep } = await home(t, (whole) =>
    watched(whole, (step, limit) => {
      steps.push(step);
      t.true(limit <= 256, 'a step holds the others up for a moment only');
    }),
  );
  const refs = Array.from({ length: 600 }, () => refTo(random(32), undefined, start + 60));
  await admit(store, refs);
  const ids = Array.from({ length: 300 }, () => random(32));
  await store.transit.reserve(user.owner, ids, start + 60);
  clock.advance(60);
  await upkeep.run();
  t.like(await store.stats(), { pending: 0 });
  t.like(await store.transit.usage('alpha.test'), { reserved: 0 });
  t.is(steps.filter((step) => step === 'pending').length, 3);
  t.is(steps.filter((step) => step === 'transit').length, 2);
  t.deepEqual([...new Set(steps)], tables);
});

test('few old refs among many are found in one call: that few were found is not the end of the table', async (t) => {
  let looks = 0;
  const { store, clock, upkeep } = await home(t, (whole) =>
    watched(whole, (step) => {
      if (step === 'pending') looks++;
    }),
  );
  // More than one step looks at, and an old one among each hundred.
  const refs = Array.from({ length: 6000 }, (_, index) =>
    refTo(random(32), undefined, index % 100 === 0 ? start + 60 : start + 9999),
  );
  await admit(store, refs);
  clock.advance(60);
  await upkeep.run();
  t.is((await store.stats()).pending, 6000 - 60);
  t.is(looks, 2);
});

test('a call while one is under way joins it', async (t) => {
  const steps: string[] = [];
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const { upkeep } = await home(t, (whole) =>
    watched(whole, async (step) => {
      steps.push(step);
      await gate;
    }),
  );
  const calls = [upkeep.run(), upkeep.run(), upkeep.run()];
  open();
  await Promise.all(calls);
  t.deepEqual(steps, tables, 'once');
  await upkeep.run();
  t.deepEqual(steps, [...tables, ...tables], 'and again when it ended');
});

test('a stop ends it after the step under way', async (t) => {
  const steps: string[] = [];
  const { upkeep, stop } = await home(t, (whole) =>
    watched(whole, (step) => {
      steps.push(step);
      if (step === 'uploads') stop.abort();
    }),
  );
  await upkeep.run();
  t.deepEqual(steps, ['transit', 'uploads']);
  await upkeep.run();
  t.deepEqual(steps, ['transit', 'uploads'], 'nothing begins after a stop');
});

test('a stop in the middle of a long table leaves the rest to the next start', async (t) => {
  const { store, clock, upkeep, stop } = await home(t, (whole) =>
    watched(whole, (step) => {
      if (step === 'pending') stop.abort();
    }),
  );
  await admit(
    store,
    Array.from({ length: 600 }, () => refTo(random(32), undefined, start + 60)),
  );
  clock.advance(60);
  await upkeep.run();
  t.is((await store.stats()).pending, 600 - 256);
  await createUpkeep(store, clock, new AbortController().signal).run();
  t.is((await store.stats()).pending, 0);
});

test('a table that fails keeps the others from nothing, and the failure is told', async (t) => {
  const { store, clock, upkeep } = await home(t, (whole) =>
    watched(whole, (step) => {
      if (step === 'transit') throw new Error('a row cannot be read');
    }),
  );
  await admit(store, [refTo(random(32), undefined, start + 60)]);
  clock.advance(60);
  for (let again = 0; again < 2; again++)
    await t.throwsAsync(upkeep.run(), { message: 'a row cannot be read' });
  t.is((await store.stats()).pending, 0);
});
