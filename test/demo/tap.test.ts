import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { createTap } from '../../src/demo/tap.ts';

const needles = ['secret', 'answer', 'absent'].map((name) => ({ name, bytes: Buffer.from(name) }));

test('passes datagrams on and sees their sizes and first bytes', async (t) => {
  const tap = createTap(needles);
  const [inside, client] = [createSocket('udp4'), createSocket('udp4')];
  inside.bind(0, '127.0.0.1');
  await once(inside, 'listening');
  const port = await tap.udp('beta.test', inside.address().port);
  const sent = Buffer.from(`a secret of more than sixteen bytes`);
  client.send(sent, port, '127.0.0.1');
  const [received] = (await once(inside, 'message')) as [Buffer];
  t.deepEqual(received, sent);
  const [seen] = tap.seen();
  t.like(seen, { to: 'beta.test', transport: 'udp', sent: sent.length, answered: 0 });
  t.deepEqual(Buffer.from(seen?.first ?? []), sent.subarray(0, 16));
  t.deepEqual([...tap.found()], ['secret']);
  for (const socket of [inside, client]) socket.close();
  tap.close();
});

test('passes connections on, either side closing when it wants, and searches both directions', async (t) => {
  const tap = createTap(needles);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const pieces: Buffer[] = [];
    socket.on('data', (piece) => pieces.push(piece));
    // Answers only once the client has said all.
    socket.on('end', () =>
      socket.end(`ans${Buffer.concat(pieces).toString().includes('secret') ? 'wer' : '?'}`),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = await tap.tcp('alpha.test', (server.address() as AddressInfo).port);
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.write('a sec');
  await sleep(20);
  client.end('ret');
  const answer = await text(client);
  t.is(answer, 'answer');
  const [seen] = tap.seen();
  t.like(seen, { to: 'alpha.test', transport: 'tcp', sent: 8, answered: 6 });
  t.deepEqual([...tap.found()].sort(), ['answer', 'secret']);
  tap.close();
  server.close();
  await once(server, 'close');
});

test('breaks everything off when it is closed', async (t) => {
  const tap = createTap([]);
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connect(await tap.tcp('alpha.test', (server.address() as AddressInfo).port), '127.0.0.1');
  client.on('error', () => {});
  const [inside] = (await accepted) as [ReturnType<typeof connect>];
  inside.on('error', () => {});
  inside.resume();
  tap.close();
  await Promise.all([once(client, 'close'), once(inside, 'close')]);
  server.close();
  await once(server, 'close');
  t.is(tap.seen().length, 1);
});
