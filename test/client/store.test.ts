import test from 'ava';
import { createSession, createStateStore } from '../../src/client/store.ts';
import { parseState } from '../../src/client/state-json.ts';
import { rejected } from '../support/identities.ts';
import { createWorld, memoryFile } from './world.ts';

async function enrolledSession() {
  const { state: file } = await createWorld('alpha.test').addUser('ann', 'alpha.test');
  return { file, session: await createSession(createStateStore(file)) };
}

test('what could not be saved did not happen, and the next change goes through', async (t) => {
  const { file, session } = await enrolledSession();
  const before = session.state();
  const text = file.text;
  file.fail = true;
  t.is(await rejected(session.commit({ type: 'contact-known', address: 'bob@beta.test' })), 'storage_failed');
  t.is(session.state(), before);
  t.is(file.text, text);
  file.fail = false;
  await session.commit({ type: 'contact-known', address: 'cem@beta.test' });
  t.deepEqual(Object.keys(session.state().contacts), ['cem@beta.test']);
  t.deepEqual(parseState(file.text ?? ''), session.state());
});

test('changes made at the same time all count', async (t) => {
  const { file, session } = await enrolledSession();
  const addresses = Array.from({ length: 20 }, (_, i) => `u${i}@beta.test`);
  await Promise.all(addresses.map((address) => session.commit({ type: 'contact-known', address })));
  t.deepEqual(Object.keys(session.state().contacts), addresses);
  t.deepEqual(parseState(file.text ?? ''), session.state());
});

test('what changes nothing is not saved', async (t) => {
  const { file, session } = await enrolledSession();
  const { writes } = file;
  await session.commit({ type: 'accept-answered', key: 'unknown' });
  await session.commit();
  t.is(file.writes, writes);
});

test('what the directory learns before there is a state goes into the first one', async (t) => {
  const { session: enrolled } = await enrolledSession();
  const file = memoryFile();
  const session = await createSession(createStateStore(file));
  await session.cache.put('domain-pin:alpha.test', Uint8Array.of(1, 2));
  await session.cache.put('domain-pin:beta.test', Uint8Array.of(3));
  await session.cache.delete('domain-pin:beta.test');
  t.deepEqual(await session.cache.get('domain-pin:alpha.test'), Uint8Array.of(1, 2));
  t.is(file.text, undefined);
  t.throws(() => session.state(), { code: 'unauthorized' });

  await session.begin(enrolled.state());
  t.deepEqual(parseState(file.text ?? '').directory, { 'domain-pin:alpha.test': 'AQI' });
  await session.cache.put('domain-pin:beta.test', Uint8Array.of(4));
  await session.cache.delete('domain-pin:alpha.test');
  const again = await createSession(createStateStore(file));
  t.is(await again.cache.get('domain-pin:alpha.test'), undefined);
  t.deepEqual(await again.cache.get('domain-pin:beta.test'), Uint8Array.of(4));
});
