/** Files on their way while the line breaks. */
import test from 'ava';
import { sha256 } from '../../src/crypto/kdf.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { filePart, memorySink } from '../client/sink.ts';
import { layLine } from './line.ts';
import { startTown } from './town.ts';

const megabyte = 1_000_000;

test('the line breaks again and again during a fetch: it goes on where it broke off', async (t) => {
  await using town = await startTown();
  await using line = await layLine(town, 'alpha');
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const file = systemRandom(4 * megabyte);
  await ann.send([bob.address], [filePart(file, { fileName: 'large.bin' })]);
  await bob.arrivals();

  const before = line.connections();
  const sink = memorySink();
  let [written, cuts] = [0, 0];
  const write = sink.write.bind(sink);
  sink.write = async (piece) => {
    written += piece.length;
    if (written > (cuts + 1) * megabyte && cuts < 3) {
      cuts += 1;
      line.cut();
    }
    await write(piece);
  };
  await bob.client().payload(1, sink);
  t.is(cuts, 3);
  t.deepEqual(sha256(sink.bytes), sha256(file));
  t.true(line.connections() >= before + 3, 'each cut needed another connection');
  t.true(written < 2 * file.length, 'what was there is not fetched again');
  // An accept that met the broken line is told at the next occasion.
  await bob.client().sync();
  t.like(await ann.client().sent(), [{ recipients: [{ state: 'accepted' }] }]);
});

test('a fetch that a client gave up is taken up by the next one', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const file = systemRandom(2 * megabyte);
  await ann.send([bob.address], [filePart(file)]);
  await bob.arrivals();

  const first = memorySink();
  const write = first.write.bind(first);
  first.write = async (piece) => {
    if (first.bytes.length > megabyte) throw new Error('the power is gone');
    await write(piece);
  };
  await t.throwsAsync(bob.client().payload(1, first), { message: 'the power is gone' });
  t.is(bob.client().entry(1).status, 'opened');
  t.like(await ann.client().sent(), [{ recipients: [{ state: 'stored' }] }]);

  await bob.restart();
  const second = memorySink(first.bytes);
  let written = 0;
  const writeOn = second.write.bind(second);
  second.write = async (piece) => {
    written += piece.length;
    await writeOn(piece);
  };
  t.is((await bob.client().payload(1, second)).status, 'accepted');
  t.deepEqual(sha256(second.bytes), sha256(file));
  t.true(written <= megabyte);
});

test('the line breaks and the own daemon goes during an upload: the message is whole all the same', async (t) => {
  await using town = await startTown();
  await using line = await layLine(town, 'alpha');
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const file = systemRandom(20 * megabyte);
  let restarted: Promise<void> | undefined;
  let [read, cuts] = [0, 0];
  async function* content(): AsyncGenerator<Uint8Array> {
    for (; read < file.length; read += megabyte) {
      yield file.slice(read, read + megabyte);
      // While a part is under way.
      if (read > 9 * megabyte && cuts === 0) {
        cuts += 1;
        line.cut();
      }
      if (read > 17 * megabyte) restarted ??= town.hoster('alpha').restart();
    }
  }
  const part = { ...filePart(file), open: content };
  const sent = await ann.client().send({ to: [bob.address], parts: [part], subject: '' });
  await restarted;
  t.truthy(restarted);
  t.is(cuts, 1);
  t.is(sent.number, 1);
  await bob.arrivals();
  const pieces: Uint8Array[] = [];
  const sink = memorySink();
  sink.write = async (piece) => void pieces.push(Uint8Array.from(piece));
  await bob.client().payload(1, sink);
  t.deepEqual(sha256(...pieces), sha256(file));
});
