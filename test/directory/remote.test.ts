import test from 'ava';
import type { ExecutionContext } from 'ava';
import { base64urlnopad } from '@scure/base';
import { sha256 } from '../../src/crypto/kdf.ts';
import { createRemote } from '../../src/directory/remote.ts';
import { acceptRequest, maxMessageObject } from '../../src/wire/message.ts';
import { decode } from '../../src/wire/schema.ts';
import { answer, endless, failed, found, ours, prefix, startWorld } from './world.ts';

const id = new Uint8Array(32).fill(7);
const message = `m/${base64urlnopad.encode(id)}`;
const payload = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7);
const size = payload.length;
const hash = sha256(payload);
const etag = `"${base64urlnopad.encode(hash)}"`;
const octets = 'application/octet-stream';

async function start(t: ExecutionContext) {
  const world = await startWorld(t);
  const site = await world.addSite();
  const peer = { domain: site.domain, targets: [{ host: 'post.hoster.test', port: site.server.port }] };
  return { site, peer, routes: site.routes, remote: createRemote({ https: world.https }) };
}

async function read(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('a message object is fetched', async (t) => {
  const { remote, peer, routes } = await start(t);
  const bytes = new Uint8Array(5000).fill(1);
  routes.set(message, found(bytes));
  t.deepEqual(await remote.fetchMessage(peer, id), { kind: 'found', bytes });
});

test('only a 404 with our media type is gone', async (t) => {
  const { remote, peer, routes } = await start(t);
  const gone = { kind: 'gone', code: 'message_gone' } as const;
  const token = new Uint8Array(32);
  for (const path of [message, `${message}/payload`, `${message}/accept`])
    routes.set(path, failed(404, 'message_gone'));
  t.deepEqual(await remote.fetchMessage(peer, id), gone);
  t.deepEqual(await remote.fetchPayload(peer, id, { hash, size }), gone);
  t.deepEqual(await remote.accept(peer, id, token), gone);
  routes.set(message, answer(404, `${ours}; charset=x`, 'garbage'));
  t.deepEqual(await remote.fetchMessage(peer, id), { kind: 'later', reason: 'http_404' });

  const later = { kind: 'later', reason: 'http_404' } as const;
  for (const path of [message, `${message}/payload`, `${message}/accept`])
    routes.set(path, answer(404, 'text/html', '<h1>Not Found</h1>'));
  t.deepEqual(await remote.fetchMessage(peer, id), later);
  t.deepEqual(await remote.fetchPayload(peer, id, { hash, size }), later);
  t.deepEqual(await remote.accept(peer, id, token), later);
});

test('any other failure is later, with what the domain said of it', async (t) => {
  const { remote, peer, routes } = await start(t);
  routes.set(message, failed(503, 'unavailable', 120));
  t.deepEqual(await remote.fetchMessage(peer, id), { kind: 'later', reason: 'unavailable', retryAfter: 120 });
  routes.set(message, failed(429, 'rate_limited', 10 * 86_400));
  t.deepEqual(await remote.fetchMessage(peer, id), {
    kind: 'later',
    reason: 'rate_limited',
    retryAfter: 86_400,
  });
  routes.set(message, answer(302, 'text/html', '', { location: '/elsewhere' }));
  t.deepEqual(await remote.fetchMessage(peer, id), { kind: 'later', reason: 'http_302' });
  routes.set(message, answer(200, 'text/html', 'login first'));
  t.deepEqual(await remote.fetchMessage(peer, id), { kind: 'later', reason: 'foreign_answer' });
  routes.set(message, (response) => response.destroy());
  t.deepEqual(await remote.fetchMessage(peer, id), { kind: 'later', reason: 'network_failed' });
});

test('every answer has a cap', async (t) => {
  const { remote, peer, routes } = await start(t);
  const tooLarge = { kind: 'later', reason: 'too_large' } as const;
  routes.set(message, endless());
  routes.set('domains/a.test', endless());
  routes.set(`users/a.test/${base64urlnopad.encode(hash)}`, endless());
  t.deepEqual(await remote.fetchMessage(peer, id), tooLarge);
  t.deepEqual(await remote.getDomainAnswer(peer), tooLarge);
  t.deepEqual(await remote.getUserAnswer(peer, hash), tooLarge);
  routes.set(message, found(new Uint8Array(maxMessageObject)));
  t.like(await remote.fetchMessage(peer, id), { kind: 'found' });
});

test('a payload is streamed, and taken up again from any byte', async (t) => {
  const { remote, peer, routes } = await start(t);
  const path = `${message}/payload`;
  routes.set(path, answer(200, octets, payload, { etag }));
  const whole = await remote.fetchPayload(peer, id, { hash, size });
  if (whole.kind !== 'found') return t.fail(whole.kind);
  t.is(whole.start, 0);
  t.deepEqual(await read(whole.body), Buffer.from(payload));

  let headers: unknown;
  routes.set(path, (response) => {
    headers = response.req.headers;
    const range = `bytes 60000-${size - 1}/${size}`;
    answer(206, octets, payload.subarray(60_000), { etag, 'content-range': range })(response);
  });
  const rest = await remote.fetchPayload(peer, id, { hash, size, start: 60_000 });
  if (rest.kind !== 'found') return t.fail(rest.kind);
  t.is(rest.start, 60_000);
  t.deepEqual(await read(rest.body), Buffer.from(payload.subarray(60_000)));
  t.like(headers, { range: 'bytes=60000-', 'if-range': etag });
});

test('a server that knows no ranges sends everything, and that is said', async (t) => {
  const { remote, peer, routes } = await start(t);
  routes.set(`${message}/payload`, answer(200, octets, payload, { etag }));
  const whole = await remote.fetchPayload(peer, id, { hash, size, start: 60_000 });
  if (whole.kind !== 'found') return t.fail(whole.kind);
  t.is(whole.start, 0);
  t.is((await read(whole.body)).length, size);
});

test('another payload, another range and another type are not taken', async (t) => {
  const { remote, peer, routes } = await start(t);
  const fetched = (route: ReturnType<typeof answer>, start = 0) => {
    routes.set(`${message}/payload`, route);
    return remote.fetchPayload(peer, id, { hash, size, start });
  };
  const foreign = { kind: 'later', reason: 'foreign_answer' } as const;
  const mismatch = { kind: 'later', reason: 'payload_mismatch' } as const;
  t.deepEqual(await fetched(answer(200, octets, payload, { etag: '"x"' })), mismatch);
  t.deepEqual(await fetched(answer(200, octets, payload)), mismatch);
  t.deepEqual(await fetched(endless(octets)), mismatch);
  t.deepEqual(await fetched(answer(200, 'text/html', payload, { etag })), foreign);
  const range = `bytes 0-${size - 1}/${size}`;
  t.deepEqual(await fetched(answer(206, octets, payload, { etag, 'content-range': range }), 5), foreign);
  t.deepEqual(await fetched(answer(206, octets, payload, { etag }), 5), foreign);
  t.deepEqual(await fetched(failed(416, 'range_invalid'), 5), { kind: 'later', reason: 'range_invalid' });
});

test('bodies that were left unread do not use up the connections', async (t) => {
  const { remote, peer, routes } = await start(t);
  routes.set(`${message}/payload`, endless(octets));
  for (let i = 0; i < 20; i++)
    t.like(await remote.fetchPayload(peer, id, { hash, size }), { reason: 'payload_mismatch' });
  routes.set(message, found(Uint8Array.of(1)));
  t.like(await remote.fetchMessage(peer, id), { kind: 'found' });
});

test('not a byte more than the payload has is taken', async (t) => {
  const { remote, peer, routes } = await start(t);
  routes.set(`${message}/payload`, (response) => {
    response.writeHead(200, { 'content-type': octets, etag });
    response.write(payload);
    response.end(Uint8Array.of(0));
  });
  const fetched = await remote.fetchPayload(peer, id, { hash, size });
  if (fetched.kind !== 'found') return t.fail(fetched.kind);
  await t.throwsAsync(read(fetched.body), { code: 'too_large' });
});

test('a fetch ends when its caller gives up', async (t) => {
  const { remote, peer, routes } = await start(t);
  routes.set(`${message}/payload`, (response) => {
    response.writeHead(200, { 'content-type': octets, etag });
    response.write(payload.subarray(0, 10));
  });
  const giveUp = new AbortController();
  const fetched = await remote.fetchPayload(peer, id, { hash, size, signal: giveUp.signal });
  if (fetched.kind !== 'found') return t.fail(fetched.kind);
  const reading = read(fetched.body);
  giveUp.abort();
  await t.throwsAsync(reading, { code: 'network_failed' });
});

test('a datagram goes through the door', async (t) => {
  const { remote, peer, routes, site } = await start(t);
  const datagram = new Uint8Array(512).fill(3);
  routes.set('notify', (response) => void response.writeHead(204).end());
  t.deepEqual(await remote.postNotify(peer, datagram), { kind: 'sent' });
  routes.set('notify', failed(501, 'unsupported'));
  t.deepEqual(await remote.postNotify(peer, datagram), { kind: 'later', reason: 'unsupported' });
  routes.delete('notify');
  t.deepEqual(await remote.postNotify(peer, datagram), { kind: 'later', reason: 'not_found' });
  t.deepEqual(site.bodies, [datagram, datagram, datagram]);
});

test('accepting shows id and token in the body', async (t) => {
  const { remote, peer, routes, site } = await start(t);
  const token = new Uint8Array(32).fill(9);
  routes.set(`${message}/accept`, (response) => void response.writeHead(204).end());
  t.deepEqual(await remote.accept(peer, id, token), { kind: 'accepted' });
  const sent = site.server.requests.at(-1);
  t.like(sent, { method: 'POST', url: `${prefix}${message}/accept` });
  t.deepEqual(decode(acceptRequest, site.bodies.at(-1) ?? new Uint8Array()), { id, acceptToken: token });
});
