import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { sha256 } from '../../src/crypto/kdf.ts';
import { BeckonError } from '../../src/errors.ts';
import { signRequest } from '../../src/message/http-signature.ts';
import { device, now, serveAccount, signers, type AskAccount } from './account-stub.ts';
import { prefix } from './public-stub.ts';

const bytes = (length: number, value = 0) => new Uint8Array(length).fill(value);
const text = (length: number, value = 0) => base64urlnopad.encode(bytes(length, value));
const tagOf = (content: Uint8Array) => `"${base64urlnopad.encode(sha256(content))}"`;
const user = { domain: 'alpha.test' };
const key = text(32, 7);
const shown = { device: key, name: 'the phone', added: now, kind: 'device' };
const kinds = ['device', 'recovery', 'pairing'] as const;

test('enrolment takes a name and a recovery key', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const json = { token: text(16), record: text(300), device: key, name: 'laptop', recovery: text(32, 8) };
  t.is((await ask('enroll', { json })).status, 201);
  const keys = { device: bytes(32, 7), name: 'laptop', recovery: bytes(32, 8) };
  t.deepEqual(calls, [['enroll', 'alpha.test', { token: bytes(16), record: bytes(300), ...keys }]]);
  t.is((await ask('enroll', { json: { ...json, name: '' } })).status, 201);
  for (const wrong of [{ name: 'x'.repeat(65) }, { name: 1 }, { recovery: text(31) }, { recovery: null }])
    t.is((await ask('enroll', { json: { ...json, ...wrong } })).json['code'], 'request_invalid');
});

test('the user, devices, recovery key and pairings', async (t) => {
  const { ask, calls } = await serveAccount(t);
  t.deepEqual((await ask('user')).json, {
    address: 'ann@alpha.test',
    local: 'ann',
    record: text(300),
    aliases: [{ address: 'a@alpha.test', record: text(1) }, { address: 'b@alpha.test' }],
    devices: [shown],
    state: { size: 9, changed: now },
    used: 5,
    quota: 10,
    keep: 7,
  });
  const added = await ask('devices', { json: { device: key, name: 'the phone' } });
  t.deepEqual([added.status, added.json], [201, shown]);
  const removed = await ask(`devices/${key}`, { method: 'DELETE' });
  t.deepEqual([removed.status, removed.bytes.length], [204, 0]);
  t.is((await ask('recovery', { method: 'PUT', json: { recovery: key } })).status, 204);
  t.is((await ask('record', { method: 'PUT', json: { record: text(300) } })).status, 204);
  const paired = await ask('pairings', { json: { pairing: key, expires: now + 9 } });
  t.deepEqual([paired.status, paired.json], [201, { expires: now }]);
  t.deepEqual(calls, [
    ['user', user],
    ['addDevice', user, { device: bytes(32, 7), name: 'the phone' }],
    ['removeDevice', user, bytes(32, 7)],
    ['setRecovery', user, bytes(32, 7)],
    ['putRecord', user, bytes(300)],
    ['openPairing', user, { pairing: bytes(32, 7), expires: now + 9 }],
  ]);
});

test('the state is read with its tag, in parts too, and 204 where there is none', async (t) => {
  const { ask } = await serveAccount(t);
  const state = await ask('state');
  t.deepEqual([state.status, state.type], [200, 'application/octet-stream']);
  t.deepEqual(state.bytes, bytes(9, 8));
  t.is(state.etag, tagOf(bytes(9, 8)));
  const part = await ask('state', { headers: { range: 'bytes=2-4' } });
  t.deepEqual([part.status, part.bytes.length], [206, 3]);
  t.is((await ask('state', { conditions: { 'if-none-match': tagOf(bytes(9, 8)) } })).status, 304);
  const { ask: askNew } = await serveAccount(t, { readState: () => Promise.resolve(undefined) });
  const none = await askNew('state');
  t.deepEqual([none.status, none.bytes.length, none.etag], [204, 0, undefined]);
});

test('the state is written on one condition, which is signed', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const put = (conditions: AskAccount['conditions'], more: AskAccount = {}) =>
    ask('state', { method: 'PUT', bytes: bytes(6), ...(conditions && { conditions }), ...more });
  const tag = tagOf(bytes(9, 8));
  const replaced = await put({ 'if-match': tag });
  t.deepEqual([replaced.status, replaced.etag, replaced.bytes.length], [204, tagOf(bytes(6)), 0]);
  t.is((await put({ 'if-none-match': '*' })).status, 204);
  const hash = sha256(bytes(6));
  t.deepEqual(calls, [
    ['writeState', user, { size: 6, hash, previous: sha256(bytes(9, 8)) }, bytes(6)],
    ['writeState', user, { size: 6, hash }, bytes(6)],
  ]);
  for (const conditions of [
    undefined,
    { 'if-match': '*' },
    { 'if-match': tag.slice(1, -1) },
    { 'if-match': `W/${tag}` },
    { 'if-match': `${tag}, ${tag}` },
    { 'if-match': `"${text(31)}"` },
    { 'if-none-match': tag },
    { 'if-match': tag, 'if-none-match': '*' },
  ])
    t.is((await put(conditions)).json['code'], 'request_invalid', JSON.stringify(conditions));
  t.is((await put({ 'if-match': tag }, { bytes: bytes(0) })).json['code'], 'request_invalid');
  t.is((await put({ 'if-match': tag }, { bytes: bytes(16 * 2 ** 20 + 1) })).json['code'], 'too_large');

  const unauthorized = async (more: AskAccount, conditions?: AskAccount['conditions']) =>
    t.is((await put(conditions, more)).json['code'], 'unauthorized');
  const target = `${prefix}account/state`;
  const body = bytes(6);
  const unsigned = { ...signRequest({ method: 'PUT', domain: 'alpha.test', target, body }, device, now) };
  await unauthorized({ unsigned: true, headers: { ...unsigned, 'if-match': tag } });
  await unauthorized({ headers: { 'if-match': tagOf(bytes(1)) } }, { 'if-match': tag });
  await unauthorized({ headers: { 'if-none-match': '*' } });
  await unauthorized({ signs: bytes(5) }, { 'if-match': tag });
  t.is(calls.length, 2);
});

test('ciphertext is kept, listed, read in parts and removed', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const json = { name: key, upload: text(16, 5), payloadHash: text(32, 6) };
  const shownKept = { name: text(32, 9), size: 5000, created: now, expires: now + 9 };
  const kept = await ask('kept', { json });
  t.deepEqual([kept.status, kept.json], [201, shownKept]);
  t.is((await ask('kept', { json: { ...json, expires: now + 5 } })).status, 201);
  t.deepEqual((await ask('kept?limit=3&after=AQ')).json, { kept: [shownKept], next: 'AQ' });
  const whole = await ask(`kept/${key}`);
  t.deepEqual([whole.status, whole.bytes, whole.etag], [200, bytes(5000, 8), tagOf(bytes(5000, 8))]);
  const part = await ask(`kept/${key}`, { headers: { range: 'bytes=4990-' } });
  t.deepEqual([part.status, part.bytes.length], [206, 10]);
  const behind = await ask(`kept/${key}`, { headers: { range: 'bytes=5000-' } });
  t.deepEqual([behind.status, behind.json['code']], [416, 'range_invalid']);
  t.is((await ask(`kept/${key}`, { method: 'DELETE' })).status, 204);
  const request = { name: bytes(32, 7), upload: bytes(16, 5), payloadHash: bytes(32, 6) };
  t.deepEqual(calls, [
    ['keep', user, request],
    ['keep', user, { ...request, expires: now + 5 }],
    ['listKept', user, { limit: 3, after: Uint8Array.of(1) }],
    ...Array.from({ length: 3 }, () => ['readKept', user, bytes(32, 7)]),
    ['removeKept', user, bytes(32, 7)],
  ]);
  for (const wrong of [{ name: text(31) }, { expires: -1 }, { upload: key }, { more: 1 }])
    t.is((await ask('kept', { json: { ...json, ...wrong } })).json['code'], 'request_invalid');
  t.is((await ask(`kept/${text(31)}`)).json['code'], 'request_invalid');
});

test('what is to be pulled is handed on, and each entry has a state', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const json = { time: now, nonce: text(16, 1), keyId: text(8, 2), entries: [text(90, 3)] };
  const answer = await ask('pulls', { json });
  t.deepEqual([answer.status, answer.json], [200, { states: ['set', 'waiting', 'pulled', 'unknown'] }]);
  const request = { time: now, nonce: bytes(16, 1), keyId: bytes(8, 2), entries: [bytes(90, 3)] };
  t.deepEqual(calls, [['setPulls', user, request]]);
  const tooMany = Array.from({ length: 65 }, () => text(90, 3));
  for (const wrong of [
    { nonce: text(15, 1) },
    { keyId: text(9, 2) },
    { entries: [] },
    { entries: tooMany },
    { entries: [text(513, 3)] },
    { more: 1 },
  ])
    t.is((await ask('pulls', { json: { ...json, ...wrong } })).json['code'], 'request_invalid');
});

test('contact cards are put and removed, all of one size', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const sealed = text(4168, 3);
  const json = { sealed, expires: now + 9 };
  t.is((await ask(`cards/${text(16, 5)}`, { method: 'PUT', json })).status, 204);
  t.is((await ask(`cards/${text(16, 5)}`, { method: 'DELETE' })).status, 204);
  const card = { id: bytes(16, 5), sealed: bytes(4168, 3), expires: now + 9 };
  t.deepEqual(calls, [
    ['putCard', user, card],
    ['removeCard', user, card.id],
  ]);
  for (const wrong of [{ sealed: text(4167, 3) }, { sealed: text(4169, 3) }, { expires: -1 }, { more: 1 }]) {
    const answer = await ask(`cards/${text(16, 5)}`, { method: 'PUT', json: { ...json, ...wrong } });
    t.is(answer.json['code'], 'request_invalid');
  }
  for (const method of ['PUT', 'DELETE'] as const)
    t.is(
      (await ask(`cards/${text(15, 5)}`, { method, ...(method === 'PUT' ? { json } : {}) })).json['code'],
      'request_invalid',
    );
  t.is(calls.length, 2);
});

test('recovery keys and pairings may do what they are for, and nothing else', async (t) => {
  const { ask, calls } = await serveAccount(t);
  const state = { method: 'PUT', bytes: bytes(6), conditions: { 'if-none-match': '*' } } as const;
  const requests: readonly [string, AskAccount, readonly (typeof kinds)[number][]][] = [
    ['state', {}, kinds],
    ['state', state, ['device', 'recovery']],
    ['devices', { json: { device: key, name: '' } }, kinds],
    ['user', {}, ['device']],
    [`devices/${key}`, { method: 'DELETE' }, ['device']],
    ['recovery', { method: 'PUT', json: { recovery: key } }, ['device']],
    ['pairings', { json: { pairing: key, expires: now } }, ['device']],
    ['record', { method: 'PUT', json: { record: text(300) } }, ['device']],
    ['kept', {}, ['device']],
    [`kept/${key}`, {}, ['device']],
    [`kept/${key}`, { method: 'DELETE' }, ['device']],
    ['messages', {}, ['device']],
    ['reservations', { json: { count: 1 } }, ['device']],
    [`uploads/${text(16)}`, {}, ['device']],
    [`messages/${'a'.repeat(16)}/retract`, { method: 'POST' }, ['device']],
  ];
  let expected = 0;
  for (const [path, options, allowed] of requests)
    for (const kind of kinds) {
      const { status } = await ask(path, { ...options, signer: signers[kind] });
      t.is(status === 401, !allowed.includes(kind), `${kind}: ${path}`);
      if (allowed.includes(kind)) expected++;
    }
  t.is(calls.length, expected);
});

test('who was removed while the body came is refused, and nothing is done', async (t) => {
  const { ask, calls } = await serveAccount(t, {
    stillSpeaks: () => Promise.reject(new BeckonError('unauthorized', 'removed meanwhile')),
  });
  const conditions = { 'if-none-match': '*' };
  const offset = `uploads/${text(16)}/parts/0`;
  for (const [path, request] of [
    ['state', { method: 'PUT', bytes: bytes(6), conditions }],
    [offset, { method: 'PUT', bytes: bytes(6) }],
    ['record', { method: 'PUT', json: { record: text(300) } }],
    ['recovery', { method: 'PUT', json: { recovery: key } }],
    ['reservations', { json: { count: 1 } }],
  ] as const)
    t.like(await ask(path, request), { status: 401, json: { code: 'unauthorized' } }, path);
  t.deepEqual(calls, []);
});
