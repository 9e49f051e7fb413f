import test, { type ExecutionContext } from 'ava';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request } from 'undici';
import { BeckonError } from '../../src/errors.ts';
import type { EventSink } from '../../src/http/public-handlers.ts';
import { pollRequest, watchEvent, type WatchEvent } from '../../src/wire/collect.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { certificateDirectory, prefix, serve } from './public-stub.ts';

const body = encode(pollRequest, {
  time: 1_800_000_000,
  nonce: new Uint8Array(16),
  keyId: new Uint8Array(8),
  entries: [{ pollKey: new Uint8Array(32), proof: new Uint8Array(16) }],
});
const headers = { host: 'beckon.alpha.test', 'content-type': 'application/beckon+cbor' };
const event: WatchEvent = { entry: 0, answer: { refs: [] } };
const line = `data: ${Buffer.from(encode(watchEvent, event)).toString('base64url')}\n\n`;

/** A server whose watches the test holds in its hands. */
async function watched(t: ExecutionContext, options: Parameters<typeof serve>[2] = {}) {
  const sinks: EventSink[] = [];
  const stopped = Promise.withResolvers<void>();
  const started = Promise.withResolvers<EventSink>();
  const served = await serve(
    t,
    {
      watch: () => (sink) => {
        sinks.push(sink);
        sink.send(event);
        started.resolve(sink);
        return stopped.resolve;
      },
    },
    options,
  );
  const agent = new Agent();
  t.teardown(() => agent.destroy());
  const begin = async () => {
    const origin = `http://127.0.0.1:${served.listener.port}`;
    return await request(`${origin}${prefix}watch`, { dispatcher: agent, method: 'POST', headers, body });
  };
  return { ...served, sinks, begin, started: started.promise, stopped: stopped.promise };
}

async function next(chunks: AsyncIterator<Buffer>): Promise<string> {
  const { value, done } = await chunks.next();
  return done === true ? 'end' : value.toString();
}

test('events are lines of base64url, pings comments, and the end is the end of the body', async (t) => {
  const { begin, started, stopped } = await watched(t);
  const answer = await begin();
  t.is(answer.statusCode, 200);
  t.like(answer.headers, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
  });
  const chunks = answer.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await next(chunks);
  t.is(first, line);
  t.deepEqual(decode(watchEvent, Buffer.from(first.slice(6, -2), 'base64url')), event);
  const sink = await started;
  t.true(sink.send(undefined));
  t.is(await next(chunks), ':\n\n');
  t.true(sink.send(event));
  t.is(await next(chunks), line);
  sink.end();
  t.is(await next(chunks), 'end');
  await stopped;
});

test('a reader that goes away is told of, and what is sent to it is dropped', async (t) => {
  const { begin, started, stopped } = await watched(t);
  const answer = await begin();
  answer.body.on('error', () => undefined).destroy();
  await stopped;
  const sink = await started;
  t.true(sink.send(event));
  t.is(sink.waiting(), 0);
  await t.notThrowsAsync(sink.drained());
});

test('cutting off breaks the answer', async (t) => {
  const { begin, started, stopped } = await watched(t);
  const answer = await begin();
  const read = answer.body.text();
  (await started).cut();
  await t.throwsAsync(read);
  await stopped;
});

test('who does not read is seen to be behind, and drains when it does', async (t) => {
  const { begin, started } = await watched(t);
  const answer = await begin();
  const sink = await started;
  const refs = Array.from({ length: 200 }, () => ({
    id: new Uint8Array(32),
    sender: 'alpha.test',
    expires: 1,
    firstSeen: 1,
    sizeClass: 1,
  }));
  let sent = 1;
  while (sink.send({ entry: 0, answer: { refs } })) sent++;
  while (sink.waiting() < 1_000_000) sent += sink.send({ entry: 0, answer: { refs } }) ? 1 : 1;
  const drained = sink.drained();
  let events = 0;
  const reading = (async () => {
    for await (const chunk of answer.body) events += (chunk as Buffer).toString().split('data:').length - 1;
  })();
  await drained;
  sink.end();
  await reading;
  t.is(events, sent + 1);
});

test('an error before the first event is a problem like any other', async (t) => {
  for (const [error, expected] of [
    [new BeckonError('rate_limited', 'x'), '429 rate_limited'],
    [new BeckonError('unavailable', 'x'), '503 unavailable'],
    [new BeckonError('proof_stale', 'x'), '400 proof_stale'],
  ] as const) {
    const { ask } = await serve(t, {
      watch: () => {
        throw error;
      },
    });
    const refused = await ask('watch', { method: 'POST', headers, body });
    t.is(`${refused.status} ${refused.problem().code}`, expected);
    t.is(refused.headers['content-type'], 'application/beckon+cbor');
  }
  const { ask } = await serve(t);
  const broken = await ask('watch', { method: 'POST', headers, body: body.slice(1) });
  t.is(broken.status, 400);
  const elsewhere = await ask('watch', {
    method: 'POST',
    host: 'beckon.beta.test',
    headers: { ...headers, host: 'beckon.beta.test' },
    body,
  });
  t.is(elsewhere.problem().code, 'not_found');
  t.is((await ask('watch', { headers: { host: 'beckon.alpha.test' } })).problem().code, 'unsupported');
});

test('over HTTP/2 many watches share a connection, each with an end of its own', async (t) => {
  const { directory, authority } = await certificateDirectory(['beckon.alpha.test']);
  const { listener, sinks } = await watched(t, {
    transport: { kind: 'tls', directory, certificate: null, key: null },
  });
  const session = connectHttp2(`https://127.0.0.1:${listener.port}`, {
    ca: authority.cert,
    servername: 'beckon.alpha.test',
  });
  t.teardown(() => session.destroy());
  const streams = Array.from({ length: 8 }, () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': `${prefix}watch`,
      ':authority': 'beckon.alpha.test',
      'content-type': 'application/beckon+cbor',
    });
    stream.end(body);
    return stream;
  });
  const chunks = streams.map((stream) => stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>);
  for (const one of chunks) t.is(await next(one), line);
  t.is(sinks.length, 8);
  sinks[0]?.end();
  const ended = await Promise.race(chunks.map(async (one, i) => [i, await next(one)] as const));
  t.is(ended[1], 'end');
  sinks.slice(1).forEach((sink) => sink.send(undefined));
  session.close();
  sinks.slice(1).forEach((sink) => sink.end());
});

test('a listener that closes does not wait for a connection whose watch has ended', async (t) => {
  const { begin, started, stopped, listener } = await watched(t, {
    limits: { ...(await import('../../src/http/limits.ts')).defaultHttpLimits, closeMs: 1e6 },
  });
  const answer = await begin();
  const read = answer.body.text();
  (await started).end();
  const closed = listener.close();
  t.is(await read, line);
  await stopped;
  await closed;
});
