/** Keys of domains that change while messages are under way: nothing is lost, and a revoked key is good for nothing. */
import test from 'ava';
import { loadDomainKeys } from '../../src/admin/key-files.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { decode } from '../../src/wire/schema.ts';
import { decodeSign1 } from '../../src/wire/sign1.ts';
import { selectKey, type KeyPair } from '../../src/keys/key-pair.ts';
import { readKeyEntries, usableKey, type PublishedKey } from '../../src/keys/published-key.ts';
import { domainRecord } from '../../src/wire/keys.ts';
import { sealNotification } from '../../src/message/notification.ts';
import type { KeyReport, KeyUseName } from '../../src/http/admin-handlers.ts';
import { memorySink, textIn } from '../client/sink.ts';
import { eventually } from './eventually.ts';
import { turnByTurn } from './schedule.ts';
import { startTown, type Town } from './town.ts';
import { standBefore } from './wire.ts';

const day = 86_400;
const hour = 3600;

async function pass(town: Town, seconds: number): Promise<void> {
  town.clock.advance(seconds);
  for (const hoster of town.hosters()) await hoster.catchUp();
}

async function keysOf(town: Town, name: string): Promise<KeyReport> {
  return await town.hoster(name).admin.domainKeys(`${name}.test`);
}

function idOf({ keys }: KeyReport, use: KeyUseName, status = 'active'): string {
  const found = keys.find((key) => key.use === use && key.status === status);
  if (found === undefined) throw new Error(`no ${status} key for ${use}`);
  return found.id;
}

async function received(town: Town, name: string) {
  return (await town.hoster(name).admin.status()).received;
}

/** The entries of the record that a domain publishes now. */
async function published(town: Town, name: string): Promise<readonly PublishedKey[]> {
  const { record = '' } = await town.hoster(name).admin.publicKeys(`${name}.test`);
  const { keys } = decode(domainRecord, decodeSign1(Buffer.from(record, 'base64url')).payload);
  return readKeyEntries(keys, `${name}.test`, ['notification', 'envelope', 'poll']);
}

test('five months pass: keys follow one another, and every message arrives, also those that waited long', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const used = new Map<KeyUseName, Set<string>>();
  const sent: string[] = [];
  const read: string[] = [];
  for (let n = 1; n <= 150; n++) {
    await pass(town, day);
    const report = await keysOf(town, 'beta');
    for (const use of ['notification', 'envelope', 'poll'] as const) {
      used.set(use, (used.get(use) ?? new Set()).add(idOf(report, use)));
      const named = (await published(town, 'beta')).filter((key) => key.use === use);
      t.deepEqual(
        named.map(({ id, status }) => `${Buffer.from(id).toString('hex')} ${status}`).sort(),
        report.keys
          .filter((key) => key.use === use)
          .map(({ id, status }) => `${id} ${status}`)
          .sort(),
      );
    }
    if (n % 6 === 0) {
      const text = `on day ${n}`;
      await ann.send([bob.address], text, { expires: town.clock.seconds() + 13 * day });
      sent.push(text);
    }
    if (n % 12 !== 11) continue;
    // What came days ago is collected now, by a client that has not been seen since.
    await bob.restart();
    for (const { number } of (await bob.client().sync()).entries) {
      await bob.client().open(number);
      const sink = memorySink();
      if ((await bob.client().payload(number, sink)).status === 'accepted') read.push(textIn(sink));
    }
  }
  for (const ids of used.values()) t.true(ids.size >= 5, `${ids.size}`);
  t.true(sent.length > 20);
  const due = sent.filter((text) => Number(text.slice('on day '.length)) <= 143);
  t.deepEqual(
    due.filter((text) => !read.includes(text)),
    [],
  );
  t.deepEqual(
    town.logged.filter(({ level }) => level === 'error' || level === 'warn'),
    [],
  );
});

test('a datagram made under the old key in its last hour opens after the change; a day later it would be too old', async (t) => {
  await using town = await startTown();
  await using wire = await standBefore(town, 'beta');
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const before = idOf(await keysOf(town, 'beta'), 'notification');
  let last = 0;
  for (let n = 0; n < 45 && idOf(await keysOf(town, 'beta'), 'notification') === before; n++) {
    await pass(town, day);
    if (n >= 28) {
      last = wire.seen.length;
      await ann.send([bob.address], `made on day ${n}`);
      await eventually('datagram', () => (wire.seen.length > last ? true : undefined));
    }
  }
  const report = await keysOf(town, 'beta');
  t.is(idOf(report, 'notification', 'retired'), before);
  const stored = (await received(town, 'beta')).stored;
  const late = wire.seen
    .filter((datagram) => Buffer.from(datagram.subarray(1, 9)).toString('hex') === before)
    .at(-1);
  await wire.inject(late!);
  await eventually('datagram', async () =>
    (await received(town, 'beta')).stored > stored ? true : undefined,
  );
});

test('a revoked notification key: what was sealed to it is dropped, and comes again under the new one', async (t) => {
  await using town = await startTown();
  await using wire = await standBefore(town, 'beta');
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.client().trust.show(bob.address);
  await town.hoster('alpha').catchUp();
  await ann.send([bob.address], 'in spite of the thief');
  const datagram = await eventually('datagram', () => wire.seen[0]);
  const stolen = idOf(await keysOf(town, 'beta'), 'notification');
  const report = await town.hoster('beta').admin.revokeKey('beta.test', stolen);
  t.is(idOf(report, 'notification', 'revoked'), stolen);
  const entry = (await published(town, 'beta')).find(({ id }) => Buffer.from(id).toString('hex') === stolen);
  t.like(entry, { status: 'revoked', revokedAt: town.clock.seconds() });

  await wire.inject(datagram);
  const dropped = await eventually('datagram', async () => {
    const { dropped } = await received(town, 'beta');
    return dropped['key_not_active'] === undefined ? undefined : dropped;
  });
  t.deepEqual(dropped, { key_not_active: 1 });
  t.is((await received(town, 'beta')).stored, 0);
  wire.passOn();
  // alpha uses the record that it has for an hour; then a repetition is sealed to the new key.
  for (let n = 0; n < 4; n++) await pass(town, hour / 2);
  await turnByTurn(town, async () => (await bob.client().sync()).entries.length > 0);
  t.is(await bob.read(1), 'in spite of the thief');
  const ids = wire.seen.map((bytes) => Buffer.from(bytes.subarray(1, 9)).toString('hex'));
  t.true(ids.includes(stolen));
});

test('a revoked poll key: a client with the old record reads it again, and polls', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'still here');
  await bob.arrivals();
  const watching = await bob.client().watch();
  await town.hoster('beta').admin.revokeKey('beta.test', idOf(await keysOf(town, 'beta'), 'poll'));
  t.is(await watching.outcome, 'over');
  // Nobody is told under it any more; what the client watched beside it ends with it.
  await eventually('end', async () => {
    const { watchers } = await town.hoster('beta').admin.status();
    return watchers === 0 || undefined;
  });
  t.is(await bob.read(1), 'still here');
  await ann.send([bob.address], 'and again');
  const [second] = await bob.arrivals();
  t.is(await bob.read(second!.number), 'and again');
});

test('a stolen signing key, once revoked, speaks for nobody: not even about yesterday', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'genuine');
  await bob.arrivals();
  const [alpha] = await loadDomainKeys(town.hoster('alpha').data);
  const thief = selectKey(alpha!.keys, 'domainSigning', town.clock.seconds());
  const forge = async (signing: KeyPair, time: number): Promise<Uint8Array> => {
    const entries = await published(town, 'beta');
    return sealNotification({
      sender: 'alpha.test',
      serial: time,
      time,
      refs: [
        {
          recipientHash: random(32),
          messageId: random(32),
          expires: town.clock.seconds() + day,
          sizeClass: 0,
        },
      ],
      signing,
      receiver: 'beta.test',
      receiverKey: usableKey({ keys: entries }, 'notification', town.clock.seconds()),
      random,
    });
  };
  await using wire = await standBefore(town, 'beta');
  wire.passOn();
  const before = (await received(town, 'beta')).stored;
  await wire.inject(await forge(thief, town.clock.seconds()));
  await eventually('datagram', async () =>
    (await received(town, 'beta')).stored > before ? true : undefined,
  );

  const report = await town
    .hoster('alpha')
    .admin.revokeKey('alpha.test', Buffer.from(thief.id).toString('hex'));
  t.is(report.keys.filter(({ use, status }) => use === 'signing' && status === 'active').length, 1);
  // A genuine notification leads beta to the new record by its serial.
  await pass(town, 60);
  await ann.send([bob.address], 'genuine again');
  const [second] = await bob.arrivals();
  t.is(await bob.read(second!.number), 'genuine again');
  const { stored, dropped } = await received(town, 'beta');
  for (const time of [town.clock.seconds(), town.clock.seconds() - hour])
    await wire.inject(await forge(thief, time));
  await eventually('datagrams', async () => {
    const now = (await received(town, 'beta')).dropped['key_not_active'] ?? 0;
    return now >= (dropped['key_not_active'] ?? 0) + 2 ? true : undefined;
  });
  t.is((await received(town, 'beta')).stored, stored);
});

test('an identity key taken offline is asked for before the mandate ends, brought once, and not kept', async (t) => {
  await using town = await startTown();
  const { admin } = town.hoster('alpha');
  const identity = await admin.identityKey('alpha.test');
  await admin.forgetIdentityKey('alpha.test', identity);
  await town.hoster('alpha').restart();
  t.is((await keysOf(town, 'alpha')).identity, 'offline');
  for (let n = 0; n < 10; n++) await pass(town, 34.5 * day);
  t.like(await admin.status(), { identityWanted: [{ domain: 'alpha.test' }] });
  t.true(town.logged.some(({ line }) => line.startsWith('keys.identity_wanted')));
  const report = await admin.rotateKeys('alpha.test', ['signing'], identity);
  t.is(report.identity, 'offline');
  t.deepEqual((await admin.status()).identityWanted, []);
  for (let n = 0; n < 70; n++) await pass(town, day);
  await town.hoster('alpha').restart();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'a year on');
  await bob.arrivals();
  t.is(await bob.read(1), 'a year on');
});
