import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { BeckonError } from '../../src/errors.ts';
import { feedResponse, pollRequest, pollResponse } from '../../src/wire/collect.ts';
import { blindRequest, type BlindRequest } from '../../src/wire/blind.ts';
import { preferencesRequest } from '../../src/wire/preferences.ts';
import { acceptRequest } from '../../src/wire/message.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { liveId, payloadBytes, payloadHash, serve, type Answer } from './public-stub.ts';

const cbor = { 'content-type': 'application/beckon+cbor' };
const live = base64urlnopad.encode(liveId);
const preferences = {
  time: 5,
  nonce: new Uint8Array(16),
  keyId: new Uint8Array(8),
  entries: [{ pollKey: new Uint8Array(32), proof: new Uint8Array(16), counter: 5, preference: 1, until: 9 }],
};
const poll = encode(pollRequest, {
  time: 1_800_000_000,
  nonce: new Uint8Array(16),
  keyId: new Uint8Array(8),
  entries: [{ pollKey: new Uint8Array(32), proof: new Uint8Array(16) }],
});

function acceptance(id: Uint8Array, first: number): Uint8Array {
  return encode(acceptRequest, { id, acceptToken: new Uint8Array(32).fill(first) });
}

test('records: own, unknown, of another domain, under another host', async (t) => {
  const { ask } = await serve(t);
  const record = await ask('domains/alpha.test');
  t.is(record.status, 200);
  t.is(record.headers['content-type'], 'application/beckon+cbor');
  t.deepEqual(record.body, Uint8Array.of(1));

  const user = (hash: Uint8Array) => ask(`users/alpha.test/${base64urlnopad.encode(hash)}`);
  t.deepEqual((await user(new Uint8Array(32).fill(1))).body, Uint8Array.of(2));
  for (const hash of [new Uint8Array(32), new Uint8Array(31), new Uint8Array(33)]) {
    const unknown = await user(hash);
    t.is(unknown.status, 404);
    t.is(unknown.problem().code, 'user_unknown');
  }
  for (const [path, host] of [
    ['domains/beta.test', 'beckon.alpha.test'],
    ['domains/alpha.test', 'beckon.beta.test'],
    ['domains/alpha.test', 'alpha.test'],
    ['domains/alpha.test', 'beckon.alpha.test.'],
    ['domains/alpha.test', 'beckon.'],
    ['domains/Alpha.test', 'beckon.alpha.test'],
    [`users/beta.test/${live}`, 'beckon.alpha.test'],
  ] as const) {
    const other = await ask(path, { host });
    t.is(other.status, 404, `${path} ${host}`);
    t.is(other.headers['content-type'], 'application/beckon+cbor');
    t.is(other.problem().code, 'not_found');
  }
  t.is((await ask('domains/alpha.test', { host: 'BECKON.Alpha.Test:8443' })).status, 200);
});

test('a card by its id; ids that are dead or malformed have one answer', async (t) => {
  const { ask } = await serve(t);
  const card = await ask(`cards/${Buffer.alloc(16, 1).toString('base64url')}`);
  t.deepEqual([card.status, card.body.length], [200, 4168]);
  t.is(card.headers['content-type'], 'application/octet-stream');
  t.is(card.headers['cache-control'], 'no-store');
  const answers = [];
  for (const id of [Buffer.alloc(16, 2), Buffer.alloc(15, 1), Buffer.alloc(17, 1)].map((id) =>
    id.toString('base64url'),
  ))
    answers.push(await ask(`cards/${id}`), await ask(`cards/${id}!`));
  for (const { status, body, problem } of answers) {
    t.deepEqual([status, problem().code], [404, 'not_found']);
    t.deepEqual(body, answers[0]?.body);
  }
});

test('poll: decoded, encoded, refused with the code of the fault', async (t) => {
  const { ask, asked } = await serve(t);
  const answer = await ask('poll', { method: 'POST', headers: cbor, body: poll });
  t.is(answer.status, 200);
  t.deepEqual(decode(pollResponse, answer.body), { answers: [{ refs: [] }] });
  t.is(asked.calls[0]?.[1], 'alpha.test');
  t.deepEqual(asked.calls[0]?.[2], decode(pollRequest, poll));

  const refused = async (body: Uint8Array, headers: Record<string, string>): Promise<string> => {
    const wrong = await ask('poll', { method: 'POST', headers, body });
    return `${wrong.status} ${wrong.problem().code}`;
  };
  t.is(await refused(poll.slice(0, -1), cbor), '400 cbor_truncated');
  t.is(await refused(Uint8Array.of(0xf6), cbor), '400 cbor_simple');
  t.is(await refused(new Uint8Array(), cbor), '400 cbor_truncated');
  t.is(await refused(poll, { 'content-type': 'application/json' }), '400 request_invalid');
  t.is(await refused(poll, {}), '400 request_invalid');
});

test('preferences: decoded, answered with nothing', async (t) => {
  const { ask, asked } = await serve(t);
  const body = encode(preferencesRequest, preferences);
  const answer = await ask('preferences', { method: 'POST', headers: cbor, body });
  t.is(answer.status, 204);
  t.is(answer.body.length, 0);
  t.deepEqual(asked.calls, [['setPreferences', 'alpha.test', preferences, '127.0.0.1']]);
  const wrong = await ask('preferences', { method: 'POST', headers: cbor, body: body.slice(0, -1) });
  t.is(wrong.problem().code, 'cbor_truncated');
});

test('what was pulled: message and payload, from a byte on; an id that is not the one asked for is gone', async (t) => {
  const { ask, asked } = await serve(t);
  const entry = { pollKey: new Uint8Array(32), proof: new Uint8Array(16), sender: 'b.test', id: liveId };
  const request = { time: 5, nonce: new Uint8Array(16), keyId: new Uint8Array(8), entry };
  const post = (path: string, changes: Partial<BlindRequest> = {}) =>
    ask(path, { method: 'POST', headers: cbor, body: encode(blindRequest, { ...request, ...changes }) });
  const object = await post(`blind/${live}`);
  t.deepEqual([object.status, object.body], [200, Uint8Array.of(3)]);
  t.is(object.headers['content-type'], 'application/beckon+cbor');
  t.deepEqual(asked.calls, [['readCopy', 'alpha.test', request, '127.0.0.1']]);
  const whole = await post(`blind/${live}/payload`);
  t.deepEqual(whole.body, payloadBytes);
  t.is(whole.headers['etag'], `"${base64urlnopad.encode(payloadHash)}"`);
  const rest = await post(`blind/${live}/payload`, { start: 9000 });
  t.deepEqual([rest.status, rest.body], [200, payloadBytes.subarray(9000)]);
  const behind = await post(`blind/${live}/payload`, { start: payloadBytes.length + 1 });
  t.deepEqual([behind.status, behind.problem().code], [416, 'range_invalid']);

  const other = new Uint8Array(32).fill(9);
  const dead = [
    await post(`blind/${base64urlnopad.encode(other)}`, { entry: { ...entry, id: other } }),
    await post(`blind/${base64urlnopad.encode(other)}`),
    await post(`blind/${base64urlnopad.encode(other)}/payload`),
    await post('blind/x'),
  ];
  for (const answer of dead) {
    t.is(answer.status, 404);
    t.deepEqual(answer.body, dead[0]?.body);
  }
  const wrong = await ask(`blind/${live}`, { method: 'POST', headers: cbor, body: new Uint8Array(2000) });
  t.is(wrong.problem().code, 'too_large');
  t.is((await ask(`blind/${live}`)).problem().code, 'unsupported');
});

test('what handlers throw is answered with its code; own faults say nothing', async (t) => {
  const thrown: [Error, number, string][] = [
    [new BeckonError('proof_stale', 'x'), 400, 'proof_stale'],
    [new BeckonError('key_unknown', 'x'), 400, 'key_unknown'],
    [new BeckonError('rate_limited', 'x'), 429, 'rate_limited'],
    [new BeckonError('unavailable', 'x'), 503, 'unavailable'],
    [new BeckonError('storage_failed', 'secret'), 500, 'internal'],
    [new Error('secret'), 500, 'internal'],
  ];
  for (const [error, status, code] of thrown) {
    const { ask } = await serve(t, { poll: () => Promise.reject(error) });
    const answer = await ask('poll', { method: 'POST', headers: cbor, body: poll });
    t.is(answer.status, status);
    t.is(answer.problem().code, code);
    t.not(answer.problem().detail, 'secret');
    t.is(answer.headers['retry-after'], answer.problem().retryAfter?.toString());
    t.is(answer.problem().retryAfter !== undefined, status === 429 || status === 503);
  }
});

test('feed: what is signed is gathered as it came', async (t) => {
  const { ask, asked } = await serve(t);
  const headers = { 'signature-input': 'beckon=()', signature: 'beckon=:AA==:' };
  const answer = await ask('introductions?bucket=5&after=AQI', { headers });
  t.is(answer.status, 200);
  t.deepEqual(decode(feedResponse, answer.body), { entries: [] });
  t.deepEqual(asked.calls[0]?.slice(1), [
    'alpha.test',
    {
      method: 'GET',
      domain: 'alpha.test',
      target: '/.well-known/beckon/introductions?bucket=5&after=AQI',
      signature: headers,
    },
    { bucket: 5, after: Uint8Array.of(1, 2) },
  ]);
  await ask('introductions');
  t.deepEqual(asked.calls[1]?.[3], {});
  for (const query of [
    'bucket=4096',
    'bucket=-1',
    'bucket=01',
    'bucket=',
    'bucket=1&bucket=2',
    'after=',
    'after=%',
  ])
    for (const path of ['introductions', 'introductions/watch'])
      t.is((await ask(`${path}?${query}`)).problem().code, 'request_invalid', query);
  const watched = await ask('introductions/watch?bucket=5', { headers });
  t.is(watched.headers['content-type'], 'text/event-stream');
  t.deepEqual(asked.calls.at(-1)?.[0], 'watchIntroductions');
  t.deepEqual(asked.calls.at(-1)?.slice(2, 4), [
    {
      method: 'GET',
      domain: 'alpha.test',
      target: '/.well-known/beckon/introductions/watch?bucket=5',
      signature: headers,
    },
    { bucket: 5 },
  ]);
});

test('every id that is dead or malformed has one answer, header by header', async (t) => {
  const { ask } = await serve(t);
  const dead = base64urlnopad.encode(new Uint8Array(32).fill(8));
  const names = [
    dead,
    live.slice(0, -1),
    `${live}A`,
    'x',
    '%00',
    '%zz',
    '%F0%9F',
    `${live.slice(0, -1)}_`,
    'A'.repeat(5000),
    '..;',
  ];
  const answers: [string, Answer][] = [];
  for (const name of names) {
    answers.push([name, await ask(`m/${name}`)]);
    answers.push([name, await ask(`m/${name}/payload`)]);
    answers.push([name, await ask(`m/${name}/payload`, { headers: { range: 'bytes=0-1' } })]);
    const body = acceptance(liveId, 1);
    answers.push([name, await ask(`m/${name}/accept`, { method: 'POST', headers: cbor, body })]);
  }
  const wrong = acceptance(liveId, 2);
  answers.push([
    'wrong token',
    await ask(`m/${live}/accept`, { method: 'POST', headers: cbor, body: wrong }),
  ]);
  const plain = ({ status, headers, body }: Answer) => ({ status, headers: { ...headers, date: '' }, body });
  const [, first] = answers[0] as [string, Answer];
  t.is(first.status, 404);
  t.is(first.problem().code, 'message_gone');
  for (const [name, answer] of answers) t.deepEqual(plain(answer), plain(first), name);

  const head = await ask(`m/${dead}`, { method: 'HEAD' });
  t.is(head.status, 404);
  // The client closes after HEAD.
  const varying = { date: '', connection: '', 'keep-alive': '' };
  t.deepEqual({ ...head.headers, ...varying }, { ...first.headers, ...varying });
});

test('a message, and accepting it', async (t) => {
  const { ask } = await serve(t);
  const message = await ask(`m/${live}`);
  t.is(message.status, 200);
  t.is(message.headers['content-type'], 'application/beckon+cbor');
  t.deepEqual(message.body, Uint8Array.of(3));
  const head = await ask(`m/${live}`, { method: 'HEAD' });
  t.is(head.headers['content-length'], '1');
  t.is(head.body.length, 0);

  const accepted = await ask(`m/${live}/accept`, {
    method: 'POST',
    headers: cbor,
    body: acceptance(liveId, 1),
  });
  t.is(accepted.status, 204);
  t.is(accepted.body.length, 0);
  const other = acceptance(new Uint8Array(32), 1);
  t.is(
    (await ask(`m/${live}/accept`, { method: 'POST', headers: cbor, body: other })).problem().code,
    'message_gone',
  );
  const broken = await ask(`m/${live}/accept`, { method: 'POST', headers: cbor, body: Uint8Array.of(0xa0) });
  t.is(broken.problem().code, 'cbor_missing_field');
});

test('unknown paths and methods are 501 under the prefix, 404 elsewhere', async (t) => {
  const { ask } = await serve(t);
  for (const [method, path] of [
    ['GET', ''],
    ['GET', 'ledger'],
    ['GET', 'ledger/x/y'],
    ['POST', 'transfer'],
    ['GET', 'log?x=1'],
    ['GET', 'm'],
    ['GET', `m/${live}/blind`],
    ['DELETE', `m/${live}`],
    ['GET', 'poll'],
    ['GET', 'notify'],
    ['PUT', 'domains/alpha.test'],
  ] as const) {
    const answer = await ask(path, { method });
    t.is(answer.status, 501, `${method} ${path}`);
    t.is(answer.headers['content-type'], 'application/beckon+cbor');
    t.is(answer.problem().code, 'unsupported');
  }
  for (const path of ['/', '/x', '/.well-known', '/%zz', '/.well-known/beckonx']) {
    const answer = await ask(path);
    t.is(answer.problem().code, 'not_found', path);
  }
});

test('the door says 204 to everything and hands datagrams on', async (t) => {
  const { ask, asked } = await serve(t);
  const datagram = new Uint8Array(512).fill(0x11);
  const bring = (body: Uint8Array, headers: Record<string, string> = {}, host = 'beckon.alpha.test') =>
    ask('notify', { method: 'POST', body, headers, host });
  const answers = [
    await bring(datagram),
    await bring(datagram, { 'content-type': 'application/octet-stream' }),
    await bring(datagram, { 'content-type': 'application/json' }),
    await bring(new Uint8Array(1200)),
    await bring(new Uint8Array()),
    await bring(new Uint8Array(1201)),
    await bring(new Uint8Array(100_000)),
    await bring(datagram, {}, 'beckon.beta.test'),
  ];
  for (const answer of answers) {
    t.is(answer.status, 204);
    t.is(answer.body.length, 0);
    t.is(answer.headers['content-type'], undefined);
  }
  // Calls come after the answers; one more round trip sees them all.
  await ask('domains/alpha.test');
  const brought = asked.calls.map(([, domain, body, source]) => [
    domain,
    (body as Uint8Array).length,
    source,
  ]);
  t.deepEqual(brought, [
    ['alpha.test', 512, '127.0.0.1'],
    ['alpha.test', 512, '127.0.0.1'],
    ['alpha.test', 512, '127.0.0.1'],
    ['alpha.test', 1200, '127.0.0.1'],
  ]);
});

test('CORS: any origin, without credentials, on errors too', async (t) => {
  const { ask } = await serve(t);
  for (const path of ['domains/alpha.test', 'm/x', 'ledger']) {
    const answer = await ask(path, { headers: { origin: 'https://app.example' } });
    t.is(answer.headers['access-control-allow-origin'], '*');
    t.is(answer.headers['access-control-allow-credentials'], undefined);
  }
  const preflight = await ask('poll', {
    method: 'OPTIONS',
    headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
  });
  t.is(preflight.status, 204);
  t.regex(String(preflight.headers['access-control-allow-methods']), /POST/);
  t.regex(String(preflight.headers['access-control-allow-headers']), /content-type/);
});

test('bodies over their limit are refused before they are read', async (t) => {
  const { ask, asked } = await serve(t);
  for (const [path, size] of [
    ['poll', 1024 * 1024 + 1],
    ['preferences', 16 * 1024 + 1],
    [`m/${live}/accept`, 1025],
  ] as const) {
    const answer = await ask(path, { method: 'POST', headers: cbor, body: new Uint8Array(size) });
    t.is(answer.status, 413);
    t.is(answer.problem().code, 'too_large');
  }
  t.deepEqual(asked.calls, []);
});
