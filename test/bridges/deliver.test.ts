import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { addressHash, parseTraceHandle } from '../../src/keys/fingerprints.ts';
import { makeDomain, makeUser, rejected } from '../support/identities.ts';
import { start } from '../store/fixture.ts';
import { bridgedHome, mailFor } from './home.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const canary = 'Kanarienvogel-7f3a9c';
const mailText = `Subject: ${canary}\r\nFrom: carol@legacy.test\r\n\r\n${canary} sings\r\n`;

test('mail for two users: one ciphertext, a letter for each from the bridge user, which both open', async (t) => {
  const { addUser, deliver, received, store } = await bridgedHome(t);
  const [ann, bob] = [await addUser('ann@alpha.test'), await addUser('bob@alpha.test')];
  const outcomes = await deliver({
    from: 'alpha.test',
    to: [
      { address: ann.address, tag: 'news', mail: mailFor('ann+news@alpha.test') },
      { address: bob.address, mail: mailFor(bob.address) },
    ],
    content: [bytes(mailText.slice(0, 7)), bytes(mailText.slice(7))],
  });
  t.deepEqual(
    outcomes.map(({ outcome }) => outcome),
    ['stored', 'stored'],
  );
  const [forAnn, ...more] = await received(ann);
  const [forBob] = await received(bob);
  t.is(more.length, 0);
  t.is(forAnn?.text, mailText);
  t.is(forBob?.text, mailText);
  t.deepEqual(forAnn?.blob, forBob?.blob);
  t.is(forAnn?.letter.author, 'mail-bridge@alpha.test');
  t.is(forAnn?.letter.mediaType, 'message/rfc822');
  t.notDeepEqual(forAnn?.letter.id, forBob?.letter.id);
  t.is(forAnn?.mail?.recipient, 'ann+news@alpha.test');
  t.is(forBob?.mail?.recipient, 'bob@alpha.test');
  t.is(forAnn?.tag, 'news');
  t.is((await store.transit.usage('alpha.test', addressHash('mail-bridge@alpha.test'))).messages, 2);
});

test('nothing of it is in the store in clear text, small or large; addresses of mail neither', async (t) => {
  const { addUser, deliver, received, dir, store } = await bridgedHome(t);
  const ann = await addUser('ann@alpha.test');
  const large = mailText + `${canary}\r\n`.repeat(40_000);
  for (const text of [mailText, large])
    await deliver({
      from: 'alpha.test',
      to: [{ address: ann.address, mail: mailFor('ann+geheimnis@alpha.test'), once: random(32) }],
      content: [bytes(text)],
    });
  t.deepEqual(
    (await received(ann)).map(({ text }) => text.length).sort((a, b) => a - b),
    [mailText.length, large.length],
  );
  await store.close();
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.mdb'),
  );
  t.true(files.length >= 2);
  const all = Buffer.concat(files.map((name) => readFileSync(join(dir, name))));
  t.true(all.includes('ann'));
  for (const secret of [canary, 'carol', 'legacy.test', 'geheimnis', 'Subject'])
    t.false(all.includes(secret), secret);
});

test('the same mail handed in again is stored once, for as long as an MTA repeats, and each recipient by itself', async (t) => {
  const { addUser, deliver, received, clock, store } = await bridgedHome(t);
  const [ann, bob] = [await addUser('ann@alpha.test'), await addUser('bob@alpha.test')];
  const [forAnn, forBob] = [random(32), random(32)];
  const hand = async (...to: readonly { address: string; once: Uint8Array }[]) =>
    await deliver({
      from: 'alpha.test',
      to: to.map(({ address, once }) => ({ address, once, mail: mailFor(address) })),
      content: [bytes(mailText)],
    });
  const [first] = await hand({ address: ann.address, once: forAnn });
  const again = await hand({ address: ann.address, once: forAnn }, { address: bob.address, once: forBob });
  t.deepEqual(again[0], { ...first, outcome: 'repeated' } as typeof first);
  t.is(again[1]?.outcome, 'stored');
  // At once, where neither knows of the other yet.
  const fresh = random(32);
  const both = await Promise.all([1, 2].map(async () => await hand({ address: bob.address, once: fresh })));
  t.deepEqual(both.map(([one]) => String(one?.outcome)).sort(), ['repeated', 'stored']);
  t.is((await received(ann)).length, 1);
  t.is((await received(bob)).length, 2);
  clock.advance(9 * 86_400);
  t.true((await store.deliveries.expire(clock.seconds(), 100)) >= 3);
  t.is((await hand({ address: ann.address, once: forAnn }))[0]?.outcome, 'stored');
});

test('a large mail handed in again leaves no upload behind', async (t) => {
  const { addUser, deliver, store } = await bridgedHome(t);
  const ann = await addUser('ann@alpha.test');
  const once = random(32);
  const hand = async () =>
    await deliver({
      from: 'alpha.test',
      to: [{ address: ann.address, mail: mailFor(ann.address), once }],
      content: [bytes('x'.repeat(100_000))],
    });
  const both = await Promise.all([hand(), hand()]);
  t.deepEqual(both.map(([one]) => String(one?.outcome)).sort(), ['repeated', 'stored']);
  const { bytes: used } = await store.transit.usage('alpha.test');
  t.true(used > 100_000 && used < 200_000);
});

test('who cannot be reached does not keep the others from it', async (t) => {
  const { addUser, deliver, received, store } = await bridgedHome(t);
  const [ann, bob] = [await addUser('ann@alpha.test'), await addUser('bob@alpha.test')];
  await store.users.suspend('alpha.test', addressHash(bob.address), true);
  const addresses = [ann.address, bob.address, 'nobody@alpha.test', 'mail-bridge@alpha.test', 'x@beta.test'];
  const outcomes = await deliver({
    from: 'alpha.test',
    to: addresses.map((address) => ({ address, mail: mailFor(address) })),
    content: [bytes(mailText)],
  });
  t.deepEqual(
    outcomes.map(({ outcome }) => outcome),
    ['stored', 'later', 'unknown', 'unknown', 'unknown'],
  );
  t.is((await received(ann)).length, 1);
  await store.users.suspend('alpha.test', addressHash(bob.address), false);
  const [later] = await deliver({
    from: 'alpha.test',
    to: [{ address: bob.address, mail: mailFor(bob.address) }],
    content: [bytes(mailText)],
  });
  t.is(later?.outcome, 'stored');
});

test('aliases: under their own record once there is one, until then to their user', async (t) => {
  const { addUser, deliver, received, store } = await bridgedHome(t);
  const ann = await addUser('ann@alpha.test');
  const alias = 'info@alpha.test';
  await store.aliases.add('alpha.test', {
    addressHash: addressHash(alias),
    local: 'info',
    user: addressHash(ann.address),
  });
  await deliver({
    from: 'alpha.test',
    to: [{ address: alias, mail: mailFor(alias) }],
    content: [bytes(mailText)],
  });
  t.is((await received(ann))[0]?.mail?.recipient, alias);
  await store.aliases.remove('alpha.test', addressHash(alias));
  const [gone] = await deliver({
    from: 'alpha.test',
    to: [{ address: alias, mail: mailFor(alias) }],
    content: [bytes(mailText)],
  });
  t.is(gone?.outcome, 'unknown');
});

test('users elsewhere: native ones get it from this bridge, others do not, and doubt waits', async (t) => {
  const beta = makeDomain('beta.test');
  const eve = makeUser(beta, 'eve');
  const { deliver, store } = await bridgedHome(t, (address) => {
    if (address === eve.verified.address)
      return {
        kind: 'native',
        user: eve.verified,
        domain: { record: beta.verified, leaving: false },
      } as never;
    if (address === 'old@gamma.test') return { kind: 'legacy', reason: 'by_mail' };
    return { kind: 'later', reason: 'pinned_native' };
  });
  const outcomes = await deliver({
    from: 'alpha.test',
    to: [eve.verified.address, 'old@gamma.test', 'doubt@gamma.test'].map((address) => ({
      address,
      mail: mailFor(address),
    })),
    content: [bytes(mailText)],
  });
  t.like(outcomes[0], { outcome: 'stored' });
  t.deepEqual(outcomes.slice(1), [
    { outcome: 'later', code: 'discovery_legacy' },
    { outcome: 'later', code: 'pinned_native' },
  ]);
  const [ref] = await store.outbox.list({ limit: 10 });
  t.is(ref?.destination, 'beta.test');
  t.truthy(ref?.labels?.introduction);
});

test('no room: it may come another time, and nothing is left over', async (t) => {
  const { addUser, deliver, limit, store } = await bridgedHome(t);
  const ann = await addUser('ann@alpha.test');
  const hand = async (content: string) =>
    await deliver({
      from: 'alpha.test',
      to: [{ address: ann.address, mail: mailFor(ann.address), once: random(32) }],
      content: [bytes(content)],
    });
  limit(5000);
  t.deepEqual(await hand(mailText), [{ outcome: 'later', code: 'storage_full' }]);
  t.deepEqual(await hand('x'.repeat(100_000)), [{ outcome: 'later', code: 'storage_full' }]);
  t.is((await store.transit.usage('alpha.test')).bytes, 0);
  limit(1e9);
  t.is((await hand(mailText))[0]?.outcome, 'stored');
});

test('mail from outside leaves a quarter of the storage to users: it cannot keep them from sending, or hearing of their mail', async (t) => {
  const { addUser, deliver, limit, store } = await bridgedHome(t);
  const ann = await addUser('ann@alpha.test');
  const hand = async (kind: number) => {
    const to = { address: ann.address, mail: { ...mailFor(ann.address), kind }, once: random(32) };
    const [outcome] = await deliver({ from: 'alpha.test', to: [to], content: [bytes(mailText)] });
    return outcome?.outcome;
  };
  const most = 200_000;
  limit(most);
  while ((await hand(0)) === 'stored');
  const { bytes: used } = await store.transit.usage('alpha.test');
  t.true(used > most / 2 && used <= (most * 3) / 4, String(used));
  t.is(await hand(1), 'stored', 'a report');
  const owner = { domain: 'alpha.test', user: addressHash(ann.address) };
  await t.notThrowsAsync(store.uploads.open(owner, random(16), 20_000, { totalBytes: most }));
});

test('what waits for one user is bounded: a flood for one takes no room of others, and goes with what is read', async (t) => {
  const { addUser, deliver, limitUsers, quota, store } = await bridgedHome(t);
  const [ann, bert] = [await addUser('ann@alpha.test'), await addUser('bert@alpha.test')];
  const handles: Uint8Array[] = [];
  const hand = async (users: readonly (typeof ann)[], kind = 0, content = mailText) => {
    const to = users.map(({ address }) => ({
      address,
      mail: { ...mailFor(address), kind },
      once: random(32),
    }));
    const delivered = await deliver({ from: 'alpha.test', to, content: [bytes(content)] });
    return delivered.map((one) => {
      if (one.outcome === 'stored') handles.push(parseTraceHandle(one.handle) ?? new Uint8Array());
      return one.outcome === 'later' ? one.code : one.outcome;
    });
  };
  limitUsers(60_000);
  while ((await hand([ann]))[0] === 'stored');
  t.deepEqual(await hand([ann, bert]), ['quota_exceeded', 'stored'], 'one of two');
  t.deepEqual(await hand([ann], 1), ['stored'], 'a report');
  t.deepEqual(await hand([bert], 0, 'x'.repeat(60_000)), ['quota_exceeded'], 'too large for all of it');
  const fits = async ({ address }: typeof ann, size: number) =>
    await quota.fitsAddress(address, 'alpha.test', size);
  t.deepEqual([await fits(ann, 0), await fits(bert, 0), await fits(bert, 60_000)], [false, true, false]);
  for (const handle of handles) await store.transit.takedown(handle, 'spam', start);
  t.deepEqual(await hand([ann]), ['stored']);
});

test('a domain without a bridge delivers nothing', async (t) => {
  const { addUser, deliver, setKeys } = await bridgedHome(t);
  const ann = await addUser('ann@alpha.test');
  const to = [{ address: ann.address, mail: mailFor(ann.address) }];
  setKeys(({ bridge: _, ...keys }) => keys);
  t.is(await rejected(deliver({ from: 'alpha.test', to, content: [bytes(mailText)] })), 'conflict');
  t.is(await rejected(deliver({ from: 'beta.test', to, content: [bytes(mailText)] })), 'conflict');
});

test('a record that changes is the one that is written to next', async (t) => {
  const { addUser, deliver, received, store } = await bridgedHome(t);
  const ann = await addUser('ann@alpha.test');
  const hand = async () =>
    (
      await deliver({
        from: 'alpha.test',
        to: [{ address: ann.address, mail: mailFor(ann.address) }],
        content: [bytes(mailText)],
      })
    )[0];
  await hand();
  t.is((await received(ann)).length, 1);
  await store.users.remove('alpha.test', addressHash(ann.address));
  t.is((await hand())?.outcome, 'unknown');
  const again = await addUser(ann.address);
  t.is((await hand())?.outcome, 'stored');
  t.is((await received(again)).length, 1);
});
