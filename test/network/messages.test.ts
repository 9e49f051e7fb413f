/** Whole messages of several parts to several people, and several domains at one hoster. */
import test from 'ava';
import { sha256 } from '../../src/crypto/kdf.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { base64urlnopad } from '@scure/base';
import { filePart, mailPart, memorySink } from '../client/sink.ts';
import { rejected } from '../support/identities.ts';
import { startTown } from './town.ts';

const hour = 3600;

test('a text with two files to three people at two domains', async (t) => {
  await using town = await startTown({
    hosters: { alpha: ['alpha.test'], beta: ['beta.test'], gamma: ['gamma.test'] },
  });
  const ann = await town.enroll('ann@alpha.test');
  const readers = [
    await town.enroll('bob@beta.test'),
    await town.enroll('bea@beta.test'),
    await town.enroll('gil@gamma.test'),
  ];
  const small = systemRandom(10);
  const large = systemRandom(300_000);
  const result = await ann.send(
    readers.map(({ address }) => address),
    [
      mailPart('see the files'),
      filePart(small, { fileName: 'small.bin' }),
      filePart(large, { fileName: 'large.png', mediaType: 'image/png' }),
    ],
  );
  t.is(result.recipients.length, 3);
  t.true(result.recipients.every(({ way, handles }) => way === 'introduction' && handles?.length === 4));

  // Three payloads that all share, and a cover for each.
  const { waiting } = await town.hoster('alpha').admin.status();
  t.is(waiting.messages, 12);
  t.true(waiting.bytes < 2 * large.length, 'the ciphertext of a file is stored once');

  for (const reader of readers) {
    await reader.arrivals();
    const [waits] = reader.client().inbox();
    t.like(waits, { status: 'waiting', from: ann.address });
    const cover = await reader.wholeOf(3);
    t.deepEqual(
      cover.parts?.map(({ fileName, length, mediaType }) => [fileName, length, mediaType]),
      [
        [undefined, 13, 'message/rfc822'],
        ['small.bin', 10, 'application/octet-stream'],
        ['large.png', 300_000, 'image/png'],
      ],
    );
    const [body, first, second] = cover.parts ?? [];
    t.is(await reader.read(body?.number ?? 0), 'see the files');
    for (const [part, bytes] of [
      [first, small],
      [second, large],
    ] as const) {
      const sink = memorySink();
      await reader.client().payload(part?.number ?? 0, sink);
      t.deepEqual(sha256(sink.bytes), sha256(bytes));
      t.is(part?.sha256, base64urlnopad.encode(sha256(bytes)));
    }
    t.is(reader.client().entry(cover.number).status, 'accepted', 'a cover is done with when its parts are');
  }
  const [sent] = await ann.client().sent();
  t.true(sent?.recipients.every(({ state }) => state === 'accepted'));
  // The states of users, a few kilobytes each, are all that is left.
  const left = (await town.hoster('alpha').admin.status()).waiting.bytes;
  t.true(left < 30_000, 'what all accepted takes no room');
  t.deepEqual(town.logged, []);
});

test('one recipient who cannot be written to stops all, or only themselves when partial', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const to = [bob.address, 'nobody@beta.test', 'x@missing.test', 'not an address'];
  const stopped = await ann.send(to, 'all or none');
  t.is(stopped.number, undefined);
  t.deepEqual(
    stopped.recipients.map(({ code }) => code),
    [undefined, 'discovery_legacy', 'discovery_none', 'address_invalid'],
  );
  t.is((await town.hoster('alpha').admin.status()).waiting.messages, 0);

  const parts = [mailPart('some')];
  const partial = await ann.client().send({ to, parts, subject: '', partial: true });
  t.is(partial.number, 1);
  await bob.arrivals();
  t.is(await bob.read(1), 'some');
});

test('two domains at one hoster write to each other, and each serves its own alone', async (t) => {
  await using town = await startTown({ hosters: { both: ['one.test', 'two.test'] } });
  const ann = await town.enroll('ann@one.test');
  const twin = await town.enroll('ann@two.test');
  await ann.send([twin.address], 'from one to two');
  await twin.arrivals();
  t.is(await twin.read(1), 'from one to two');
  const { to, parents } = twin.client().reply(1);
  await twin.send([to], 'and back', { parents });
  const [back] = await ann.arrivals();
  t.is(await ann.read(back?.number ?? 0), 'and back');

  await town.hoster('both').restart();
  await ann.send([twin.address], 'after a restart');
  const [third] = await twin.arrivals();
  t.like(third, { way: 'drop' });
  t.is(await twin.read(third?.number ?? 0), 'after a restart');

  const [first, second] = await town.hoster('both').admin.domains();
  t.not(first?.fingerprint, second?.fingerprint);
  t.deepEqual([first?.users, second?.users], [1, 1]);
  t.deepEqual(town.logged, []);
});

test('somebody writes to a neighbour at the own domain', async (t) => {
  await using town = await startTown({ hosters: { alpha: ['alpha.test'] } });
  const ann = await town.enroll('ann@alpha.test');
  const al = await town.enroll('al@alpha.test');
  await ann.send([al.address], 'hello neighbour');
  await al.arrivals();
  t.is(await al.read(1), 'hello neighbour');
});

test('each part has its own end: what expired is gone, and the rest is read', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const now = town.clock.seconds();
  const short = { ...filePart(Uint8Array.of(1, 2, 3), { fileName: 'today.bin' }), expires: now + 2 * hour };
  const long = { ...filePart(Uint8Array.of(4, 5), { fileName: 'for-days.bin' }), expires: now + 50 * hour };
  const { recipients } = await ann.send([bob.address], [mailPart('two files'), short, long], {
    expires: now + 100 * hour,
  });
  const cover = await bob.wholeOf(3);
  t.deepEqual(
    [cover, ...(cover.parts ?? [])].map(({ expires }) => expires - now),
    [100 * hour, 100 * hour, 2 * hour, 50 * hour],
  );
  town.clock.advance(3 * hour);
  for (const hoster of town.hosters()) await hoster.catchUp();
  await bob.client().sync();
  const [text, gone, left] = bob.client().inbox()[0]?.parts ?? [];
  t.like(gone, { fileName: 'today.bin', status: 'expired' });
  t.is(await rejected(bob.client().payload(gone?.number ?? 0, memorySink())), 'message_gone');
  t.is(await bob.read(text?.number ?? 0), 'two files');
  const sink = memorySink();
  await bob.client().payload(left?.number ?? 0, sink);
  t.deepEqual(sink.bytes, Uint8Array.of(4, 5));
  t.is(bob.client().inbox()[0]?.status, 'accepted', 'with what there was');

  const [entry] = await ann.client().sent();
  const states = entry?.recipients[0]?.messages.map(({ fileName = 'text', state }) => `${fileName} ${state}`);
  t.deepEqual(states?.toSorted(), [
    'for-days.bin accepted',
    'text accepted',
    'text accepted',
    'today.bin expired',
  ]);
  t.is(recipients[0]?.handles?.length, 4);
  t.is(
    await rejected(
      ann.send([bob.address], [{ ...short, expires: now + 200 * hour }], { expires: now + 100 * hour }),
    ),
    'request_invalid',
    'no part outlasts the whole',
  );
});
