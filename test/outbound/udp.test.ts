import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createUdpSender } from '../../src/outbound/udp.ts';
import { loopback, startDns } from '../support/dns-server.ts';

async function start(t: ExecutionContext, allow: string[] = ['127.0.0.0/8', '::1']) {
  const dns = await startDns([
    ...loopback('post.test'),
    { type: 'A', name: 'private.test', address: '10.0.0.1' },
    { type: 'AAAA', name: 'six.test', address: '::1' },
  ]);
  const sender = createUdpSender({ resolver: dns.resolver, allow });
  const receiver = createSocket('udp4').bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  t.teardown(async () => {
    await sender.close();
    receiver.close();
    await dns.close();
  });
  return { dns, sender, receiver, port: receiver.address().port };
}

const datagram = new Uint8Array(512).fill(9);

test('a datagram arrives as it was, from one socket', async (t) => {
  const { sender, receiver, port } = await start(t);
  const ports = new Set<number>();
  for (let i = 0; i < 3; i++) {
    const arrived = next(receiver);
    t.is(await sender.send(datagram, [{ host: 'post.test', port }]), 'sent');
    const { message, from } = await arrived;
    t.deepEqual(message, datagram);
    ports.add(from);
  }
  t.is(ports.size, 1);
});

test('the next target is used when one is refused, unknown or no name', async (t) => {
  const { sender, receiver, port } = await start(t);
  for (const host of ['private.test', 'nowhere.test', '127.0.0.1']) {
    const arrived = next(receiver);
    t.is(
      await sender.send(datagram, [
        { host, port: 9 },
        { host: 'post.test', port },
      ]),
      'sent',
    );
    t.deepEqual((await arrived).message, datagram);
  }
});

test('only the first target that works is sent to', async (t) => {
  const { sender, receiver, port } = await start(t);
  const target = { host: 'post.test', port };
  let count = 0;
  receiver.on('message', () => (count += 1));
  await sender.send(datagram, [target, target]);
  const last = next(receiver, (message) => message[0] === 1);
  await sender.send(new Uint8Array([1]), [target]);
  await last;
  t.is(count, 2);
});

test('refusals and failures are told apart', async (t) => {
  const { sender, port } = await start(t, []);
  t.is(await sender.send(datagram, [{ host: 'post.test', port }]), 'refused');
  t.is(await sender.send(datagram, [{ host: '127.0.0.1', port }]), 'refused');
  t.is(await sender.send(datagram, [{ host: 'nowhere.test', port }]), 'failed');
  t.is(
    await sender.send(datagram, [
      { host: 'nowhere.test', port },
      { host: 'post.test', port },
    ]),
    'failed',
  );
  t.is(await sender.send(datagram, []), 'failed');
});

test('a datagram that cannot be sent is a failure, and the next one is sent', async (t) => {
  const { sender, receiver, port } = await start(t);
  t.is(await sender.send(new Uint8Array(70_000), [{ host: 'post.test', port }]), 'failed');
  const arrived = next(receiver);
  t.is(await sender.send(datagram, [{ host: 'post.test', port }]), 'sent');
  t.deepEqual((await arrived).message, datagram);
});

test('nobody listening is no failure: nothing is waited for', async (t) => {
  const { sender, receiver, port } = await start(t);
  receiver.removeAllListeners('message');
  const unused = createSocket('udp4').bind(0, '127.0.0.1');
  await once(unused, 'listening');
  const closed = unused.address().port;
  unused.close();
  for (let i = 0; i < 3; i++)
    t.is(await sender.send(datagram, [{ host: 'post.test', port: closed }]), 'sent');
  t.is(await sender.send(datagram, [{ host: 'post.test', port }]), 'sent');
});

test('IPv6 has a socket of its own', async (t) => {
  const { sender } = await start(t);
  const receiver = createSocket('udp6').bind(0, '::1');
  try {
    await once(receiver, 'listening');
  } catch {
    t.log('no IPv6 on this machine');
    return t.pass();
  }
  const arrived = next(receiver);
  t.is(await sender.send(datagram, [{ host: 'six.test', port: receiver.address().port }]), 'sent');
  t.deepEqual((await arrived).message, datagram);
  receiver.close();
});

test('after close nothing is sent', async (t) => {
  const { sender, port } = await start(t);
  await sender.close();
  t.is(await sender.send(datagram, [{ host: 'post.test', port }]), 'failed');
});

function next(
  socket: Socket,
  wanted: (message: Uint8Array) => boolean = () => true,
): Promise<{ message: Uint8Array; from: number }> {
  return new Promise((resolve) => {
    socket.on('message', function listen(message, { port }) {
      if (!wanted(message)) return;
      socket.off('message', listen);
      resolve({ message: new Uint8Array(message), from: port });
    });
  });
}
