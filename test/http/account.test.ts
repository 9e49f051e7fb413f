import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { BeckonError } from '../../src/errors.ts';
import { accountOperations } from '../../src/http/account-schemas.ts';
import { accountDocument } from '../../src/http/openapi.ts';
import { ed25519Public } from '../../src/crypto/sign.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { signRequest } from '../../src/message/http-signature.ts';
import { device, now, sentMessage, serveAccount, shownMail } from './account-stub.ts';
import { prefix } from './public-stub.ts';

const bytes = (length: number, value = 0) => new Uint8Array(length).fill(value);
const text = (length: number, value = 0) => base64urlnopad.encode(bytes(length, value));
const upload = text(16, 5);
const handle = 'a'.repeat(16);
const user = { domain: 'alpha.test' };
const message = {
  id: text(32, 1),
  destination: 'beta.test',
  recipientHash: text(32, 2),
  header: text(4096, 3),
  envelope: text(100, 4),
  acceptTokenHash: text(32, 5),
  expires: now,
};
const submission = { upload, payloadHash: text(32, 6), messages: [message] };

test('enrolment: the device in the body signs', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const json = { token: text(16), record: text(300), device: text(32) };
  const answer = await ask('enroll', { json });
  t.is(answer.status, 201);
  t.deepEqual(answer.json, { addressHash: text(32, 1) });
  const enrolment = { token: bytes(16), record: bytes(300), device: bytes(32) };
  t.deepEqual(calls, [['enroll', 'alpha.test', enrolment]]);
  t.is((await ask('enroll', { json, unsigned: true })).status, 401);
  t.is((await ask('enroll', { json, signs: bytes(3) })).status, 401);
});

test('reservations, uploads, commit, what became of it, retract', async (t) => {
  const { ask, calls } = await serveAccount(t);
  t.like(await ask('reservations', { json: { count: 1 } }), {
    status: 201,
    type: 'application/json; charset=utf-8',
    json: { ids: [text(32)], expires: now },
  });
  t.deepEqual((await ask(`uploads/${upload}`, { method: 'PUT', json: { size: 9 } })).json, {
    size: 9,
    received: 0,
  });
  t.deepEqual((await ask(`uploads/${upload}`)).json, { size: 9, received: 3 });
  t.is((await ask(`uploads/${upload}`, { method: 'DELETE' })).status, 204);
  const part = await ask(`uploads/${upload}/parts/3`, { method: 'PUT', bytes: bytes(6, 7) });
  t.deepEqual([part.status, part.json], [200, { size: 9, received: 9 }]);
  const introduction = text(178);
  const { upload: _, ...rest } = submission;
  const payload = text(4096);
  t.is((await ask('messages', { json: { ...rest, payload } })).status, 201);
  const wrong = [
    rest,
    { ...submission, payload },
    { ...rest, payload: text(4095) },
    { ...rest, payload: text(32_769) },
  ];
  for (const json of wrong) t.is((await ask('messages', { json })).json.code, 'request_invalid');
  const committed = await ask('messages', {
    json: { ...submission, messages: [message, { ...message, introduction }] },
  });
  t.deepEqual([committed.status, committed.json], [201, { messages: [{ handle }] }]);
  t.deepEqual((await ask('messages?limit=7&after=AQ')).json, { messages: [sentMessage], next: 'AQ' });
  t.is((await ask('messages')).status, 200);
  t.deepEqual((await ask(`messages/${handle}`)).json, sentMessage);
  t.deepEqual((await ask(`messages/${handle}/retract`, { method: 'POST' })).json, { outcome: 'withdrawn' });
  const typed = { 'content-type': 'application/json' };
  t.is((await ask(`messages/${handle}/retract`, { method: 'POST', headers: typed })).status, 200);

  const submitted = {
    id: bytes(32, 1),
    destination: 'beta.test',
    recipientHash: bytes(32, 2),
    header: bytes(4096, 3),
    envelope: bytes(100, 4),
    acceptTokenHash: bytes(32, 5),
    expires: now,
  };
  t.deepEqual(calls.slice(0, 10), [
    ['reserve', user, 1],
    ['openUpload', user, bytes(16, 5), 9],
    ['uploadProgress', user, bytes(16, 5)],
    ['abandonUpload', user, bytes(16, 5)],
    ['writePart', user, bytes(16, 5), 3, bytes(6, 7)],
    ['commit', user, { payload: bytes(4096), payloadHash: bytes(32, 6), messages: [submitted] }],
    [
      'commit',
      user,
      {
        upload: bytes(16, 5),
        payloadHash: bytes(32, 6),
        messages: [submitted, { ...submitted, introduction: bytes(178) }],
      },
    ],
    ['sent', user, { limit: 7, after: Uint8Array.of(1) }],
    ['sent', user, { limit: 100 }],
    ['sentMessage', user, handle],
  ]);
});

test('mail: submitted, listed, looked at and dropped', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const json = { id: text(10), upload: text(16), payloadHash: text(32), keyId: text(8), sealed: text(4096) };
  const submitted = await ask('mail', { json });
  t.deepEqual([submitted.status, submitted.json], [201, shownMail]);
  t.is((await ask('mail', { json: { ...json, sealed: text(65_536) } })).status, 201);
  for (const wrong of [
    { ...json, sealed: text(4095) },
    { ...json, sealed: text(65_537) },
    { ...json, id: text(9) },
  ])
    t.is((await ask('mail', { json: wrong })).json['code'], 'request_invalid');
  t.deepEqual((await ask('mail?limit=7&after=AQ')).json, { mail: [shownMail], next: 'AQ' });
  t.deepEqual((await ask(`mail/${shownMail.handle}`)).json, shownMail);
  t.deepEqual((await ask(`mail/${shownMail.handle}/drop`, { method: 'POST' })).json, shownMail);
  t.deepEqual(
    calls.map(([name]) => name),
    ['submitMail', 'submitMail', 'listMail', 'mail', 'dropMail'],
  );
  t.deepEqual(calls[0]?.[2], {
    id: bytes(10),
    upload: bytes(16),
    payloadHash: bytes(32),
    keyId: bytes(8),
    sealed: bytes(4096),
  });
});

test('only who signed what was sent gets in', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const stranger = bytes(32, 9);
  const signer = { publicKey: ed25519Public(stranger), secret: new Secret(stranger) };
  const json = { count: 1 };
  const refused = [
    await ask('messages', { unsigned: true }),
    await ask('messages', { signer }),
    await ask('reservations', { json, unsigned: true }),
    await ask('reservations', { json, signs: Buffer.from('{"count":2}') }),
    await ask('reservations', { json, headers: { 'content-digest': 'sha-256=:AA==:' } }),
    await ask('reservations', { json, headers: { 'content-digest': 'nonsense' } }),
    await ask(`uploads/${upload}/parts/0`, { method: 'PUT', bytes: bytes(6), signs: bytes(5) }),
    await ask(`uploads/${upload}/parts/0`, { method: 'PUT', bytes: bytes(6), unsigned: true }),
    await ask(`messages/${handle}/retract`, { method: 'POST', signs: bytes(1) }),
  ];
  for (const [at, { status, type, json: problem }] of refused.entries()) {
    t.is(status, 401, String(at));
    t.is(type, 'application/problem+json');
    t.is(problem['code'], 'unauthorized');
    t.is(problem['status'], 401);
  }
  t.deepEqual(calls, []);
});

test('a body that was signed without its digest is refused', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const target = `${prefix}account/reservations`;
  const headers = { ...signRequest({ method: 'POST', domain: 'alpha.test', target }, device, now) };
  t.is(
    (await ask('reservations', { json: { count: 1 }, unsigned: true, headers })).json['code'],
    'unauthorized',
  );
  const part = `${prefix}account/uploads/${upload}/parts/0`;
  const partHeaders = { ...signRequest({ method: 'PUT', domain: 'alpha.test', target: part }, device, now) };
  const sent = { method: 'PUT', bytes: bytes(6), unsigned: true, headers: partHeaders } as const;
  t.is((await ask(`uploads/${upload}/parts/0`, sent)).json['code'], 'unauthorized');
  t.deepEqual(calls, []);
});

test('bodies and parameters that are not as the schema says', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const one = (changes: object) => ({ json: { ...submission, messages: [{ ...message, ...changes }] } });
  const wrong: [string, Parameters<typeof ask>[1]][] = [
    ['reservations', { json: {} }],
    ['reservations', { json: { count: 0 } }],
    ['reservations', { json: { count: 65 } }],
    ['reservations', { json: { count: '1' } }],
    ['reservations', { json: { count: 1.5 } }],
    ['reservations', { json: { count: 1, more: 1 } }],
    ['reservations', { json: [1] }],
    ['reservations', { json: null }],
    ['reservations', { method: 'POST' }],
    ['reservations', { bytes: bytes(3), method: 'POST' }],
    ['reservations', { json: { count: 1 }, headers: { 'content-type': 'text/plain' } }],
    ['enroll', { json: { token: text(15), record: text(9), device: text(32) } }],
    ['enroll', { json: { token: text(16), record: text(9), device: `${text(31)}=` } }],
    ['enroll', { json: { token: `${text(16).slice(0, -1)}B`, record: text(9), device: text(32) } }],
    ['messages', { json: { ...submission, messages: [] } }],
    ['messages', { json: { ...submission, messages: Array.from({ length: 65 }, () => message) } }],
    ['messages', { json: { ...submission, upload: text(17) } }],
    ['messages', one({ expires: -1 })],
    ['messages', one({ expires: 2 ** 40 })],
    ['messages', one({ id: text(31) })],
    ['messages', one({ header: text(4095) })],
    ['messages', one({ header: text(65_540) })],
    ['messages', one({ introduction: text(177) })],
    ['messages', one({ constructor: 1 })],
    ['messages?limit=0', {}],
    ['messages?limit=257', {}],
    ['messages?limit=x', {}],
    ['messages?limit=1&limit=2', {}],
    ['messages?after=%25', {}],
    ['messages?colour=blue', {}],
    ['messages/AAAA', {}],
    [`uploads/${text(15)}`, {}],
    [`uploads/${upload}`, { method: 'PUT', json: { size: 0 } }],
    [`uploads/${upload}/parts/-1`, { method: 'PUT', bytes: bytes(1) }],
    [`uploads/${upload}/parts/01`, { method: 'PUT', bytes: bytes(1) }],
    [`uploads/${upload}/parts/0`, { method: 'PUT', bytes: bytes(0) }],
  ];
  for (const [path, options] of wrong) {
    const { status, type, json } = await ask(path, options);
    t.is(
      `${status} ${String(json['code'])}`,
      '400 request_invalid',
      `${path} ${JSON.stringify(options).slice(0, 200)}`,
    );
    t.is(type, 'application/problem+json');
  }
  t.deepEqual(calls, []);
});

test('JSON that is broken, not UTF-8, or after the prototype', async (t) => {
  const { ask, calls } = await serveAccount(t);
  for (const raw of [
    '{',
    '{"count":1}x',
    '{"count":1,"__proto__":{}}',
    '{"count":1,"constructor":{"prototype":{}}}',
    '\xff',
  ]) {
    const body = Buffer.from(raw, 'latin1');
    const headers = { 'content-type': 'application/json' };
    const answer = await ask('reservations', { method: 'POST', bytes: body, headers });
    t.is(answer.json['code'], 'request_invalid', raw);
  }
  t.deepEqual(calls, []);
});

test('bodies over their limit', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const large = (size: number) => ({ method: 'PUT', json: { size: 1, filler: 'x'.repeat(size) } }) as const;
  t.is((await ask(`uploads/${upload}`, large(65_536))).json['code'], 'too_large');
  t.is((await ask('messages', { json: { filler: 'x'.repeat(8 * 1024 * 1024) } })).json['code'], 'too_large');
  const part = { method: 'PUT', bytes: bytes(32 * 1024 * 1024 + 1) } as const;
  t.deepEqual([(await ask(`uploads/${upload}/parts/0`, part)).json['code'], calls], ['too_large', []]);
});

test('a part of 32 MiB passes as a stream', async (t) => {
  const chunks: number[] = [];
  const { ask } = await serveAccount(t, {
    async writePart(_user, _upload, { bytes: stream, length }) {
      for await (const chunk of stream) chunks.push(chunk.length);
      return { size: length, received: length };
    },
  });
  const answer = await ask(`uploads/${upload}/parts/0`, { method: 'PUT', bytes: bytes(32 * 1024 * 1024) });
  t.is(answer.json['received'], 32 * 1024 * 1024);
  t.true(chunks.length > 100);
});

test('a part that ends early is told to the handler, and never counts', async (t) => {
  const outcome = Promise.withResolvers<unknown>();
  const { listener } = await serveAccount(t, {
    async writePart(_user, _upload, part) {
      try {
        for await (const chunk of part.bytes) t.truthy(chunk);
        outcome.resolve('complete');
      } catch (error) {
        outcome.resolve(error);
      }
      return { size: 0, received: 0 };
    },
  });
  const target = `${prefix}account/uploads/${upload}/parts/0`;
  const signed = signRequest({ method: 'PUT', domain: 'alpha.test', target, body: bytes(100) }, device, now);
  const lines = Object.entries({
    ...signed,
    'content-type': 'application/octet-stream',
    'content-length': 100,
  });
  const socket = connect(listener.port, '127.0.0.1');
  socket.write(`PUT ${target} HTTP/1.1\r\nHost: beckon.alpha.test\r\n`);
  socket.write(`${lines.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\nabc`);
  setImmediate(() => socket.end());
  const error = await outcome.promise;
  t.true(error instanceof BeckonError && error.code === 'request_invalid');
});

test('what handlers throw has its status and code', async (t) => {
  const codes = {
    not_found: 404,
    conflict: 409,
    quota_exceeded: 507,
    storage_full: 507,
    payload_mismatch: 400,
  } as const;
  for (const [code, status] of Object.entries(codes) as [keyof typeof codes, number][]) {
    const { ask } = await serveAccount(t, { commit: () => Promise.reject(new BeckonError(code, 'why')) });
    const answer = await ask('messages', { json: submission });
    t.deepEqual([answer.status, answer.json['code'], answer.json['detail']], [status, code, 'why']);
  }
  const { ask } = await serveAccount(t, { commit: () => Promise.reject(new Error('secret')) });
  const answer = await ask('messages', { json: submission });
  t.deepEqual([answer.status, answer.json['code']], [500, 'internal']);
  t.notRegex(JSON.stringify(answer.json), /secret/);
});

test('other hosts and unknown paths', async (t) => {
  const { ask } = await serveAccount(t);
  const other = await ask('messages', { host: 'beckon.beta.test' });
  t.deepEqual([other.status, other.type, other.json['code']], [404, 'application/problem+json', 'not_found']);
  for (const path of ['', 'x', 'messages/a/b', 'uploads']) {
    const unknown = await ask(path);
    t.deepEqual(
      [unknown.status, unknown.type, unknown.json['code']],
      [501, 'application/problem+json', 'unsupported'],
    );
  }
});

test('the OpenAPI document is what the schemas generate, and has every route of the spec', (t) => {
  const file = new URL('../../docs/account.openapi.json', import.meta.url);
  t.is(readFileSync(file, 'utf8'), `${JSON.stringify(accountDocument(), null, 2)}\n`, 'run npm run docs');
  const spec = readFileSync(new URL('../../wire-spec/account.md', import.meta.url), 'utf8');
  const named = [...spec.matchAll(/`(GET|POST|PUT|DELETE) account\/([^`?]+)[^`]*`/g)].map(
    ([, method, path = '']) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
  );
  const built = Object.values(accountOperations).map(({ method, path }) => `${method} ${path}`);
  t.deepEqual(built.toSorted(), [...new Set(named)].toSorted());
});
