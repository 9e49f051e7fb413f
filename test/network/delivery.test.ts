/** How notifications find their way, whatever stands in it. */
import { createSocket } from 'node:dgram';
import test from 'ava';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { loadDomainKeys } from '../../src/admin/key-files.ts';
import { concat } from '../../src/crypto/kdf.ts';
import { datagramTypes } from '../../src/wire/registry.ts';
import { flipped, keyOf } from '../support/identities.ts';
import { eventually } from './eventually.ts';
import { turnByTurn } from './schedule.ts';
import { startTown } from './town.ts';
import { standBefore } from './wire.ts';

test('UDP is swallowed on the way: three tries, then the HTTPS door delivers', async (t) => {
  await using town = await startTown();
  await using wire = await standBefore(town, 'beta');
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'through the door');
  for (const [turn, seconds] of [0, 4, 12].entries()) {
    town.clock.advance(seconds);
    await town.hoster('alpha').catchUp();
    await eventually('datagram', () => (wire.seen.length > turn ? true : undefined));
    t.deepEqual((await bob.client().sync()).entries, []);
  }
  town.clock.advance(48);
  await town.hoster('alpha').catchUp();
  await bob.arrivals();
  t.is(wire.seen.length, 3);
  t.is(new Set(wire.seen.map((datagram) => Buffer.from(datagram).toString('hex'))).size, 3, 'sealed anew');
  t.true(wire.seen.every(({ length }) => length === 512));
  t.is(await bob.read(1), 'through the door');
});

test('a domain that publishes no UDP is notified through its door at once', async (t) => {
  await using town = await startTown();
  town.publish((record) => (record.name.startsWith('_beckon._udp.') ? undefined : record));
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'knock knock');
  await bob.arrivals();
  t.is(await bob.read(1), 'knock knock');
  const { received } = await town.hoster('beta').admin.status();
  t.is(received.stored, 1);
});

test('a UDP port where nobody listens', async (t) => {
  await using town = await startTown();
  const { address } = town.hoster('beta');
  const socket = createSocket('udp4').bind(0, address);
  await new Promise((resolve) => socket.once('listening', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  town.publish((record) => (record.name.startsWith('_beckon._udp.') ? { ...record, port } : record));
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'is anybody there');
  await turnByTurn(town, async () => (await bob.client().sync()).entries.length > 0);
  t.is(await bob.read(1), 'is anybody there');
});

test('an unknown sender is looked up; where that fails, a later repetition finds it', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const asked = (): number =>
    town.dns.questions.filter((question) => question === 'SRV _beckon._tcp.alpha.test').length;
  const before = asked();
  town.dns.fail('_beckon._tcp.alpha.test', 'servfail');
  await ann.send([bob.address], 'you do not know me');
  await eventually('look-up', () => (asked() > before ? true : undefined));
  await town.hoster('beta').catchUp();
  t.deepEqual(
    (await bob.client().sync()).entries,
    [],
    'nothing is stored of a sender that cannot be verified',
  );
  town.dns.fail('_beckon._tcp.alpha.test', null);
  const seconds = await turnByTurn(town, async () => {
    // The look-up itself takes a moment after the datagram came.
    await town.hoster('beta').catchUp();
    return (await bob.client().sync()).entries.length > 0;
  });
  t.true(seconds >= 4);
  t.is(await bob.read(1), 'you do not know me');
});

test('garbage of every kind beside real datagrams does not disturb them', async (t) => {
  await using town = await startTown();
  await using wire = await standBefore(town, 'beta');
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'first');
  const genuine = await eventually('datagram', () => wire.seen[0]);
  const [beta] = await loadDomainKeys(town.hoster('beta').data);
  const keyId = beta === undefined ? new Uint8Array(8) : keyOf(beta, 'notification').id;

  const garbage = [
    new Uint8Array(0),
    Uint8Array.of(datagramTypes.notification),
    ...[1, 511, 512, 513, 1199, 1200, 1201, 9000, 60_000].map((length) => random(length)),
    ...[512, 1200].flatMap((length) =>
      [0x00, 0x10, 0x11, 0x12, 0x1f, 0x21, 0xff].map((type) =>
        concat(Uint8Array.of(type), keyId, random(length - 9)),
      ),
    ),
    genuine.slice(0, 511),
    concat(genuine, new Uint8Array(688)),
    concat(genuine, Uint8Array.of(0)),
    ...[0, 1, 8, 9, 40, 41, 300, 511].map((at) => flipped(genuine, at)),
  ];
  for (const datagram of garbage) await wire.inject(datagram);
  t.deepEqual((await bob.client().sync()).entries, []);

  // The real one, three times, with garbage between.
  for (let i = 0; i < 3; i++) {
    await wire.inject(genuine);
    for (const datagram of garbage) await wire.inject(datagram);
  }
  t.is((await bob.arrivals()).length, 1);
  t.is(await bob.read(1), 'first');

  wire.passOn();
  await ann.send([bob.address], 'second');
  const [second] = await bob.arrivals();
  t.is(await bob.read(second?.number ?? 0), 'second');

  // Old datagrams again: what is done with does not rise again.
  await bob.client().sync();
  for (let i = 0; i < 3; i++) await wire.inject(genuine);
  const ended = await eventually('datagrams', async () => {
    const { received } = await town.hoster('beta').admin.status();
    return received.stored >= 7 ? received : undefined;
  });
  t.deepEqual((await bob.client().sync()).entries, []);
  t.is(bob.client().inbox().length, 2);
  for (const code of ['datagram_size', 'datagram_version', 'key_unknown', 'open_failed'])
    t.true((ended.dropped[code] ?? 0) > 0, code);
  t.deepEqual(town.logged, [], 'strangers cannot fill the log');
});
