/** Messages are copied into mail stores over real IMAP connections, each once. wire-spec/bridges.md section 6. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mailPart } from '../client/sink.ts';
import { rejected } from '../support/identities.ts';
import { startImap, type ImapServer } from '../support/imap-server.ts';
import { eventually } from './eventually.ts';
import type { Person } from './person.ts';
import { startTown, type Town } from './town.ts';

const login = { user: 'alice', password: 'secret of the store' };
const host = 'alpha.hosting.example';

interface Home {
  readonly town: Town;
  readonly imap: ImapServer;
  readonly alice: Person;
  readonly bob: Person;
  /** Begins to copy. */
  push(more?: Partial<Parameters<ReturnType<Person['client']>['mailbox']['push']>[0]>): Promise<void>;
  /** What the store has, when it has so many. */
  stored(count: number): Promise<readonly { folder: string; text: string; flags: readonly string[] }[]>;
}

/** Alice wrote to Bob before: he is no stranger. */
async function home(t: ExecutionContext): Promise<Home> {
  const town = await startTown();
  t.teardown(() => town[Symbol.asyncDispose]());
  const hoster = town.hoster('alpha');
  const certificates = join(dirname(hoster.configFile), 'certificates', host);
  const imap = await startImap({
    cert: await readFile(join(certificates, 'fullchain.pem'), 'utf8'),
    key: await readFile(join(certificates, 'privkey.pem'), 'utf8'),
    host: hoster.address,
    ...login,
  });
  t.teardown(() => imap.stop());
  const [alice, bob] = [await town.enroll('alice@alpha.test'), await town.enroll('bob@beta.test')];
  await alice.send([bob.address], 'hello');
  const [first] = await bob.arrivals();
  await bob.read(first?.number ?? 0);
  return {
    town,
    imap,
    alice,
    bob,
    async push(more = {}) {
      const target = { host, port: imap.port, ...login, folder: 'INBOX', rules: [], ...more };
      await alice.client().mailbox.push(target);
    },
    stored: (count) =>
      eventually('copies', async () => (imap.stored.length >= count ? imap.stored : undefined)),
  };
}

const mail = (from: string, text: string): string =>
  `From: ${from}\r\nTo: alice@alpha.test\r\nSubject: x\r\n\r\n${text}\r\n`;

test('a message of somebody known is appended once, byte for byte below one field, unread; then it is accepted', async (t) => {
  const { town, alice, bob, push, stored } = await home(t);
  await push();
  t.true((await alice.client().mailbox.status()).bridged);
  const text = mail(bob.address, 'to be copied');
  await bob.send([alice.address], [mailPart(text)]);
  const [copied] = await stored(1);
  t.regex(copied?.text ?? '', /^X-Beckon-Letter: [A-Za-z0-9_-]{22}\r\n/);
  t.is(copied?.text.slice((copied.text.indexOf('\r\n') ?? 0) + 2), text);
  t.deepEqual([copied?.folder, copied?.flags], ['INBOX', []]);
  await eventually('accepted', async () => {
    const [sent] = await bob.client().sent();
    return sent?.recipients.every(({ state }) => state === 'accepted') === true ? true : undefined;
  });
  // Correspondents are told.
  town.clock.advance(90_000);
  const shown = await bob.client().trust.show(alice.address);
  t.true(shown.readers?.includes('plain_text_store'));
  t.like((await alice.client().mailbox.status()).push, { state: 'running', appended: 1 });
  // On her other devices it is read, and not lost.
  await alice.client().sync();
  t.is(alice.client().inbox().at(-1)?.status, 'accepted');
  await alice.client().mailbox.off('push');
  // The watches of the client that copied end with it: they are counted as hers.
  await eventually('the end of the watches', async () =>
    (await town.hoster('alpha').admin.status()).watchers === 0 ? true : undefined,
  );
  const after = await alice.client().mailbox.status();
  t.deepEqual([after.push, after.bridged], [undefined, false]);
  t.false(JSON.stringify(town.logged).includes(login.password));
});

test('a store that took a message and could not say so does not get it twice; one that was down gets it later', async (t) => {
  const { town, imap, alice, bob, push, stored } = await home(t);
  imap.onStored = () => {
    throw new Error('the line broke');
  };
  await push();
  await bob.send([alice.address], [mailPart(mail(bob.address, 'once'))]);
  await stored(1);
  await eventually('waiting', async () => {
    const { push: state } = await alice.client().mailbox.status();
    return state?.state === 'waiting' ? state : undefined;
  });
  imap.onStored = () => undefined;
  await imap.stop();
  await bob.send([alice.address], [mailPart(mail(bob.address, 'later'))]);
  await town.hoster('alpha').restart();
  town.publish();
  await eventually('waiting', async () => {
    const { push: state } = await alice.client().mailbox.status();
    return state?.state === 'waiting' ? state : undefined;
  });
  await imap.start();
  await town.hoster('alpha').restart();
  town.publish();
  await stored(2);
  await eventually('accepted', async () => {
    const sent = await bob.client().sent();
    const states = sent.flatMap(({ recipients }) => recipients.map(({ state }) => state));
    return states.every((state) => state === 'accepted') ? true : undefined;
  });
  t.deepEqual(
    imap.stored
      .map(({ text }) => /once|later/.exec(text)?.[0])
      .toSorted((a = '', b = '') => a.localeCompare(b)),
    ['later', 'once'],
  );
});

test('another From is wrapped in a mail from who really sent it, and so are files', async (t) => {
  const { alice, bob, push, stored } = await home(t);
  await push();
  await bob.send([alice.address], [mailPart(mail('boss@alpha.test', 'send money'))]);
  const [copied] = await stored(1);
  const [head = ''] = copied?.text.split('\r\n\r\n') ?? [];
  t.regex(head, /^From: bob@beta\.test$/m);
  t.notRegex(head, /boss/);
  const file = { mediaType: 'image/png', fileName: 'cat.png', length: 3 };
  const bytes = async function* () {
    yield Uint8Array.of(1, 2, 3);
  };
  await bob.send([alice.address], [mailPart(mail(bob.address, 'a cat')), { ...file, open: bytes }]);
  const [, cover] = await stored(2);
  t.regex(cover?.text ?? '', /cat\.png/);
  t.regex(cover?.text ?? '', /AQID/);
});

test('what is looked at between a part and its cover is no message: the copy has all of it, once', async (t) => {
  const { town, imap, alice, bob, push, stored } = await home(t);
  const carol = await town.enroll('carol@beta.test');
  await carol.send([alice.address], mail(carol.address, 'first'));
  const [first] = await alice.arrivals();
  await alice.read(first?.number ?? 0);
  town.clock.advance(10);
  await push();
  const text = mail(bob.address, 'a cat');
  const go = Promise.withResolvers<void>();
  const cat = { mediaType: 'image/png', fileName: 'cat.png', length: 3 };
  const late = async function* () {
    await go.promise;
    yield Uint8Array.of(1, 2, 3);
  };
  const sent = bob.send([alice.address], [mailPart(text), { ...cat, open: late }]);
  const part = await eventually('the part', async () => {
    t.deepEqual((await alice.client().sync()).entries, []);
    return alice.client().inbox().at(1);
  });
  t.like(part, { status: 'waiting', from: bob.address });
  t.is(await rejected(alice.read(part.number)), 'unavailable');
  // What comes later is copied, and this is not: the copying has looked.
  await carol.send([alice.address], [mailPart(mail(carol.address, 'a probe'))]);
  const [probe] = await stored(1);
  t.regex(probe?.text ?? '', /a probe/);
  await eventually('the probe accepted', async () => {
    const [entry] = await carol.client().sent();
    return entry?.recipients.every(({ state }) => state === 'accepted') === true ? true : undefined;
  });
  t.is(imap.stored.length, 1);
  go.resolve();
  await sent;
  const [, copied] = await stored(2);
  t.regex(copied?.text ?? '', /AQID/);
  t.true(copied?.text.includes(Buffer.from(text).toString('base64').slice(0, 60)));
  await eventually('accepted', async () => {
    const [entry] = await bob.client().sent();
    return entry?.recipients.every(({ state }) => state === 'accepted') === true ? true : undefined;
  });
  t.is(imap.stored.length, 2);
  await alice.client().sync();
  const cover = alice
    .client()
    .inbox()
    .find(({ parts }) => parts !== undefined);
  t.deepEqual([cover?.parts?.length, cover?.parts?.[0]?.number], [2, part.number]);
});

test('introductions wait for the user, unless a rule copies them; rules name folders, which are made', async (t) => {
  const { town, imap, alice, bob, push, stored } = await home(t);
  const rules = [{ kind: 'sender', match: '@beta.test', folder: 'Beta' }] as const;
  await push({ rules });
  const carol = await town.enroll('carol@beta.test');
  await carol.send([alice.address], [mailPart(mail(carol.address, 'who am I'))]);
  await alice.arrivals();
  await bob.send([alice.address], [mailPart(mail(bob.address, 'sorted'))]);
  await stored(1);
  t.deepEqual(
    imap.stored.map(({ folder, text }) => [folder, /sorted|who am I/.exec(text)?.[0]]),
    [['Beta', 'sorted']],
  );
  town.clock.advance(10);
  await push({ rules: [{ kind: 'introductions', match: '', folder: 'Requests' }] });
  await stored(2);
  t.is(imap.stored[1]?.folder, 'Requests');
});

test('a wrong password at the store, and a store that may not be dialled, are told to the user before anything came; once mended it goes on at once', async (t) => {
  const { alice, bob, push, stored } = await home(t);
  await push({ password: 'wrong' });
  const refused = (code: string) =>
    eventually(code, async () => {
      const { push: state } = await alice.client().mailbox.status();
      return state?.code === code ? state : undefined;
    });
  t.is((await refused('unauthorized')).state, 'refused');
  await push({ host: 'nowhere.test' });
  t.is((await refused('network_failed')).state, 'waiting');
  await push({ password: 'wrong' });
  await refused('unauthorized');
  await bob.send([alice.address], [mailPart(mail(bob.address, 'x'))]);
  await push();
  t.regex((await stored(1))[0]?.text ?? '', /\r\nx\r\n/);
});

test('a hoster who wants no copies: nobody begins, and what was begun stops and says so', async (t) => {
  const { town, imap, alice, bob, push } = await home(t);
  await push();
  const hoster = town.hoster('alpha');
  await hoster.stop();
  const config = await readFile(hoster.configFile, 'utf8');
  await writeFile(
    hoster.configFile,
    config.replace(/^\[mailbox\]$/m, '[mailbox]\npush = "off"').replace(/^push = "on"$/m, ''),
  );
  await hoster.start();
  await bob.send([alice.address], [mailPart(mail(bob.address, 'x'))]);
  await alice.arrivals();
  const { push: state } = await alice.client().mailbox.status();
  t.like(state, { state: 'refused', code: 'unsupported' });
  t.is(await rejected(push()), 'unsupported');
  t.deepEqual(imap.stored, []);
  await alice.client().mailbox.off('push');
  t.is((await alice.client().mailbox.status()).push, undefined);
});
