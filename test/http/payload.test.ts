import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { get } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { BeckonError } from '../../src/errors.ts';
import { isUnchanged, selectRange } from '../../src/http/ranges.ts';
import { sameBytes } from '../support/bytes.ts';
import { liveId, payloadBytes, payloadHash, serve, type Asked } from './public-stub.ts';

const path = `m/${base64urlnopad.encode(liveId)}/payload`;
const etag = `"${base64urlnopad.encode(payloadHash)}"`;
const size = payloadBytes.length;

/** Range header, first and last byte that are answered (null: the whole), or 416. */
const table: [range: string, answer: readonly [number, number] | null | 416][] = [
  ['bytes=0-0', [0, 0]],
  ['bytes=0-', [0, size - 1]],
  ['bytes=1-3', [1, 3]],
  ['bytes=9999-9999', [9999, 9999]],
  ['bytes=9999-', [9999, 9999]],
  ['bytes=9990-20000', [9990, 9999]],
  ['bytes=0-99999999999999999999999999', [0, 9999]],
  ['bytes=-1', [9999, 9999]],
  ['bytes=-500', [9500, 9999]],
  ['bytes=-10000', [0, 9999]],
  ['bytes=-10001', [0, 9999]],
  ['Bytes=5-6', [5, 6]],
  ['bytes= 5-6 ', [5, 6]],
  ['bytes=10000-', 416],
  ['bytes=10000-10001', 416],
  ['bytes=99999999999999999999999999-', 416],
  ['bytes=-0', 416],
  ['bytes=3-1', null],
  ['bytes=0-0,2-2', null],
  ['bytes=0-0,', null],
  ['bytes=', null],
  ['bytes=-', null],
  ['bytes=a-b', null],
  ['bytes=0x1-2', null],
  ['bytes 0-1', null],
  ['lines=0-1', null],
  ['0-1', null],
];

for (const [range, expected] of table)
  test(`range "${range}"`, async (t) => {
    const { ask } = await serve(t);
    const answer = await ask(path, { headers: { range } });
    if (expected === 416) {
      t.is(answer.status, 416);
      t.is(answer.headers['content-range'], `bytes */${size}`);
      t.is(answer.problem().code, 'range_invalid');
      return;
    }
    const [first, last] = expected ?? [0, size - 1];
    t.is(answer.status, expected === null ? 200 : 206);
    t.is(answer.headers['content-range'], expected === null ? undefined : `bytes ${first}-${last}/${size}`);
    t.is(answer.headers['content-length'], String(last - first + 1));
    t.is(answer.headers['content-type'], 'application/octet-stream');
    t.is(answer.headers['etag'], etag);
    sameBytes(t, answer.body, payloadBytes.slice(first, last + 1));
  });

test('the whole, its head, and neither of them compressed or kept', async (t) => {
  const { ask, asked } = await serve(t);
  const head = await ask(path, { method: 'HEAD', headers: { range: 'bytes=0-1' } });
  t.is(head.status, 200);
  t.is(head.headers['content-length'], String(size));
  t.is(head.headers['accept-ranges'], 'bytes');
  t.is(asked.fetched, 0);
  const whole = await ask(path);
  t.deepEqual(whole.body, payloadBytes);
  t.is(whole.headers['accept-ranges'], 'bytes');
  t.is(whole.headers['cache-control'], 'no-store');
  await fetchedTimes(asked, 1);
});

test('fetched means that the last byte was sent', async (t) => {
  const { ask, asked } = await serve(t);
  await ask(path, { headers: { range: 'bytes=0-9998' } });
  await ask(path, { headers: { range: 'bytes=9999-' } });
  await fetchedTimes(asked, 1);
  t.is(asked.fetched, 1);
});

test('conditions', async (t) => {
  const { ask, asked } = await serve(t);
  for (const value of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const answer = await ask(path, { headers: { 'if-none-match': value } });
    t.is(answer.status, 304, value);
    t.is(answer.headers['etag'], etag);
    t.is(answer.body.length, 0);
  }
  t.is((await ask(path, { headers: { 'if-none-match': '"x"' } })).status, 200);
  const range = 'bytes=0-1';
  t.is((await ask(path, { headers: { range, 'if-range': etag } })).status, 206);
  for (const value of ['"x"', `W/${etag}`, 'Sat, 21 Nov 2026 00:00:00 GMT', ''])
    t.is((await ask(path, { headers: { range, 'if-range': value } })).status, 200, value);
  await fetchedTimes(asked, 5);
  t.is(asked.fetched, 5);
});

test('a payload that fails on the way is cut off, not ended', async (t) => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield payloadBytes.slice(0, 100);
    throw new Error('disk');
  }
  let fetched = 0;
  const { ask } = await serve(t, {
    readPayload: async () => ({ size, hash: payloadHash, open: broken, fetched: () => void fetched++ }),
  });
  await t.throwsAsync(ask(path));
  t.is(fetched, 0);
});

test('a client that goes away ends the reading', async (t) => {
  const returned = Promise.withResolvers<void>();
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield payloadBytes;
    } finally {
      returned.resolve();
    }
  }
  const { listener } = await serve(t, {
    readPayload: async () => ({ size: 2 ** 40, hash: payloadHash, open: endless, fetched: () => t.fail() }),
  });
  const leaving = new AbortController();
  const answer = await fetchFrom(listener.port, leaving.signal);
  t.is(answer.status, 200);
  leaving.abort();
  await returned.promise;
});

test('a payload that can be read at once goes out as one, in its ranges and counted alike', async (t) => {
  const { ask, asked } = await serve(t, {
    readPayload: async () => ({
      size,
      hash: payloadHash,
      open: () => t.fail(),
      atOnce: (start, end) => payloadBytes.subarray(start, end),
      fetched: () => void asked.fetched++,
    }),
  });
  const whole = await ask(path);
  t.deepEqual(whole.body, payloadBytes);
  t.is(whole.headers['content-length'], String(size));
  const part = await ask(path, { headers: { range: 'bytes=1-3' } });
  t.is(part.status, 206);
  t.deepEqual(part.body, payloadBytes.slice(1, 4));
  t.is((await ask(path, { method: 'HEAD' })).headers['content-length'], String(size));
  await fetchedTimes(asked, 1);
  t.is(asked.fetched, 1);
});

/** The server may notice the end after the client did. */
async function fetchedTimes(asked: Asked, times: number): Promise<void> {
  while (asked.fetched < times) await turn();
}

async function fetchFrom(port: number, signal: AbortSignal): Promise<{ status: number | undefined }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined }>();
  const headers = { host: 'beckon.alpha.test' };
  const asked = get(
    { port, host: '127.0.0.1', path: `/.well-known/beckon/${path}`, headers, signal },
    (answer) => {
      answer.on('error', () => {});
      answer.once('data', () => resolve({ status: answer.statusCode }));
    },
  );
  asked.on('error', reject);
  return await promise;
}

test('a payload of one byte', (t) => {
  t.deepEqual(selectRange('bytes=0-', 1), { kind: 'part', start: 0, end: 1 });
  t.deepEqual(selectRange(undefined, 1), { kind: 'whole' });
  t.false(isUnchanged(undefined, etag));
});

test('what may not be read now is a problem, and says nothing of the payload', async (t) => {
  const { ask, asked } = await serve(t, {
    readPayload: async () => ({
      size,
      hash: payloadHash,
      open() {
        throw new BeckonError('rate_limited', 'too often');
      },
      fetched: () => void asked.fetched++,
    }),
  });
  for (const headers of [{}, { range: 'bytes=5-6' }]) {
    const answer = await ask(path, { headers });
    t.is(answer.status, 429);
    t.is(answer.problem().code, 'rate_limited');
    t.is(answer.problem().retryAfter, 60);
    for (const name of ['etag', 'content-range', 'accept-ranges']) t.is(answer.headers[name], undefined);
  }
  t.is(asked.fetched, 0);
});
