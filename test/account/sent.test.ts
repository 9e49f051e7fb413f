import test, { type ExecutionContext } from 'ava';
import { createAccept } from '../../src/fetch/accept.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { parseTraceHandle } from '../../src/keys/fingerprints.ts';
import type { Cursor } from '../../src/store/api/terms.ts';
import { opened, random, start } from '../store/fixture.ts';
import { rejected } from '../support/identities.ts';
import { accounts, amy, ann, asUser, day, sendOne } from './fixture.ts';

const user = asUser(ann);

async function home(t: ExecutionContext) {
  const { store, clock } = await opened(t);
  const account = accounts(store, clock);
  return { store, clock, account, sent: account.sent, accept: createAccept({ ...store, clock }) };
}

test('what became of a message is told in its four states', async (t) => {
  const { store, clock, account, sent, accept } = await home(t);
  const one = await sendOne(account, user, { expires: start + day });
  const { handle, payload } = one;
  const stored = {
    handle,
    destination: 'beta.test',
    state: 'stored',
    created: start,
    expires: start + day,
    size: payload.payload.length,
  };
  t.deepEqual(await sent.find(user, handle), stored);
  t.deepEqual(await sent.find(user, handle.toUpperCase()), stored, 'as people type it');

  const accepted = await sendOne(account, user);
  clock.advance(60);
  await store.transit.recordFetch(sha256(accepted.message.id), 'payload', clock.seconds());
  clock.advance(60);
  await accept('alpha.test', accepted.message);
  t.like(await sent.find(user, accepted.handle), {
    state: 'accepted',
    fetched: start + 60,
    accepted: start + 120,
  });

  const withdrawn = await sendOne(account, user);
  await sent.retract(user, withdrawn.handle);
  const found = await sent.find(user, withdrawn.handle);
  t.is(found.state, 'withdrawn');
  t.false('accepted' in found);

  clock.advance(day);
  await store.transit.expire(clock.seconds(), 10);
  t.deepEqual(await sent.find(user, handle), { ...stored, state: 'expired' });
});

test('the list has the newest first, in pages that lose and double nothing', async (t) => {
  const { clock, account, sent } = await home(t);
  const handles: string[] = [];
  for (let n = 0; n < 7; n++) {
    handles.unshift((await sendOne(account, user)).handle);
    clock.advance(1);
  }
  await sendOne(account, asUser(amy));
  const listed: string[] = [];
  let after: Cursor | undefined;
  do {
    const { items, next } = await sent.list(user, { after, limit: 3 });
    t.true(items.length <= 3);
    listed.push(...items.map(({ handle }) => handle));
    after = next;
  } while (after !== undefined);
  t.deepEqual(listed, handles);
  t.is(await rejected(sent.list(user, { after: random(5), limit: 3 })), 'request_invalid');
});

test('ids that were only reserved are not listed', async (t) => {
  const { account, sent } = await home(t);
  await account.submit.reserve(user, 3);
  t.deepEqual(await sent.list(user, { limit: 10 }), { items: [] });
});

test('a retraction before a fetch withdraws, and a mark goes out in place of the ref', async (t) => {
  const { store, account, clock, sent } = await home(t);
  const one = await sendOne(account, user);
  const woken = Promise.withResolvers<void>();
  store.outbox.subscribe(woken.resolve);
  clock.advance(9);
  t.is(await sent.retract(user, one.handle), 'withdrawn');
  await woken.promise;
  const [entry] = await store.outbox.list({ limit: 10 });
  t.like(entry, { labels: { retraction: true }, attempt: 0, due: start + 9, expires: one.message.expires });
  t.deepEqual(entry?.messageId, one.message.id);
});

test('a retraction after a fetch says that it may have been read', async (t) => {
  const { store, account, sent } = await home(t);
  const one = await sendOne(account, user);
  await store.transit.recordFetch(sha256(one.message.id), 'header', start);
  t.is(await sent.retract(user, one.handle), 'withdrawn_maybe_read');
});

test('a retraction is told alike however often, and is one event', async (t) => {
  const { store, account, sent, accept } = await home(t);
  const withdrawn = await sendOne(account, user);
  const accepted = await sendOne(account, user);
  await accept('alpha.test', accepted.message);
  for (let again = 0; again < 3; again++) {
    t.is(await sent.retract(user, withdrawn.handle), 'withdrawn');
    t.is(await sent.retract(user, accepted.handle), 'already_accepted');
  }
  const kinds = async (handle: string) =>
    (await store.events.byHandle(parseTraceHandle(handle)!)).map(({ kind }) => kind);
  t.deepEqual(await kinds(withdrawn.handle), ['stored', 'withdrawn']);
  t.deepEqual(await kinds(accepted.handle), ['stored', 'accepted']);
});

test('what is no handle, unknown or over is not found', async (t) => {
  const { clock, account, sent } = await home(t);
  const one = await sendOne(account, user, { expires: start + day });
  for (const handle of ['', 'a', 'a'.repeat(16), '1'.repeat(16), `${one.handle}a`]) {
    t.is(await rejected(sent.find(user, handle)), 'not_found');
    t.is(await rejected(sent.retract(user, handle)), 'not_found');
  }
  clock.advance(day);
  t.is(await rejected(sent.retract(user, one.handle)), 'not_found', 'it expired');
});
