import { createPrivateKey, createPublicKey, verify as verifySignature } from 'node:crypto';
import test from 'ava';
import { httpbis } from 'http-message-signatures';
import { sha256 } from '../../src/crypto/kdf.ts';
import { createDeviceKey } from '../../src/keys/user-keys.ts';
import {
  claimedDigest,
  signRequest,
  verifyRequest,
  type ReceivedSignature,
  type SignedRequest,
} from '../../src/message/http-signature.ts';
import { now, seededRandom, thrown } from '../support/identities.ts';

const device = createDeviceKey('a.test', seededRandom('device'), now);
const path = '/.well-known/beckon/account/messages';
const get: SignedRequest = { method: 'GET', domain: 'a.test', target: `${path}?after=x%20y&limit=5` };
const body = new TextEncoder().encode('{"count":3}');
const post: SignedRequest = { method: 'POST', domain: 'a.test', target: path, body };
const put: SignedRequest = { ...post, method: 'PUT', conditions: { 'if-match': '"abc"' } };
const code = (request: SignedRequest, headers: ReceivedSignature, at = now) =>
  thrown(() => verifyRequest(request, headers, at));

test('a signed request gives its device key', (t) => {
  for (const request of [get, post, put, { ...get, conditions: { 'if-none-match': '*' } }])
    t.deepEqual(verifyRequest(request, signRequest(request, device, now), now), device.publicKey);
  t.is(signRequest(get, device, now)['content-digest'], undefined);
});

test('the headers read as the specification says', (t) => {
  const headers = signRequest(post, device, 1_700_000_000);
  const keyid = Buffer.from(device.publicKey).toString('base64url');
  t.is(
    headers['signature-input'],
    'beckon=("@method" "@authority" "@path" "@query" "content-digest")' +
      `;created=1700000000;keyid="${keyid}";alg="ed25519";tag="beckon/1 account"`,
  );
  t.is(headers['content-digest'], `sha-256=:${Buffer.from(sha256(body)).toString('base64')}:`);
  t.regex(headers.signature, /^beckon=:[A-Za-z0-9+/]{86}==:$/);
});

const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const privateKey = createPrivateKey({
  key: Buffer.concat([prefix, device.secret.expose()]),
  format: 'der',
  type: 'pkcs8',
});
const keyid = Buffer.from(device.publicKey).toString('base64url');

test('another implementation of RFC 9421 accepts what we sign', async (t) => {
  for (const request of [get, post, put]) {
    const headers = { ...signRequest(request, device, now), ...request.conditions };
    const accepted = await httpbis.verifyMessage(
      {
        keyLookup: async ({ keyid: named }) =>
          named === keyid
            ? {
                verify: async (data, signature) =>
                  verifySignature(null, data, createPublicKey(privateKey), signature),
              }
            : null,
        tolerance: 10 ** 9,
      },
      { method: request.method, url: `https://beckon.a.test${request.target}`, headers },
    );
    t.true(accepted);
  }
});

test('we accept what another implementation of RFC 9421 signs', async (t) => {
  const { sign } = await import('node:crypto');
  const signed = await httpbis.signMessage(
    {
      key: { sign: async (data) => sign(null, data, privateKey) },
      name: 'beckon',
      fields: ['@method', '@authority', '@path', '@query', 'content-digest'],
      params: ['created', 'keyid', 'alg', 'tag'],
      paramValues: { created: new Date(now * 1000), keyid, alg: 'ed25519', tag: 'beckon/1 account' },
    },
    {
      method: 'POST',
      url: `https://beckon.a.test${path}?a=b`,
      headers: { 'content-digest': `sha-256=:${Buffer.from(sha256(body)).toString('base64')}:` },
    },
  );
  const headers = Object.fromEntries(
    Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  t.deepEqual(verifyRequest({ ...post, target: `${path}?a=b` }, headers, now), device.publicKey);
});

test('every part of the request is covered', (t) => {
  const headers = signRequest(post, device, now);
  t.is(code(post, headers), 'no error');
  t.is(code({ ...post, method: 'PUT' }, headers), 'unauthorized');
  t.is(code({ ...post, domain: 'b.test' }, headers), 'unauthorized');
  t.is(code({ ...post, target: `${path}s` }, headers), 'unauthorized');
  t.is(code({ ...post, target: `${path}?x=1` }, headers), 'unauthorized');
  t.is(code({ ...post, body: body.slice(1) }, headers), 'unauthorized');
  t.is(code({ ...post, body: undefined }, headers), 'unauthorized');
  t.is(code({ ...get, body }, signRequest(get, device, now)), 'unauthorized');
});

test('a signature is fresh for an hour', (t) => {
  const headers = signRequest(get, device, now);
  for (const at of [now - 3600, now + 3600]) t.is(code(get, headers, at), 'no error');
  for (const at of [now - 3601, now + 3601]) t.is(code(get, headers, at), 'unauthorized');
});

test('malformed, missing and foreign signatures are all unauthorized', (t) => {
  const good = signRequest(post, device, now);
  const input = good['signature-input'];
  const wrong: [string, ReceivedSignature][] = [
    ['nothing', {}],
    ['no signature', { ...good, signature: undefined }],
    ['no input', { ...good, 'signature-input': undefined }],
    ['no digest', { ...good, 'content-digest': undefined }],
    ['digest of another kind', { ...good, 'content-digest': 'sha-512=:AAAA:' }],
    ['not structured', { ...good, 'signature-input': 'beckon=((' }],
    ['another label', { ...good, 'signature-input': input.replace('beckon=', 'other=') }],
    ['a signature that is no bytes', { ...good, signature: 'beckon=1' }],
    ['a short signature', { ...good, signature: 'beckon=:AAAA:' }],
    ['an input that is no list', { ...good, 'signature-input': 'beckon=1' }],
    ['another tag', { ...good, 'signature-input': input.replace('account', 'other') }],
    ['another algorithm', { ...good, 'signature-input': input.replace('ed25519', 'hmac-sha256') }],
    ['no created', { ...good, 'signature-input': input.replace(`;created=${now}`, '') }],
    ['expired', { ...good, 'signature-input': `${input};expires=${now - 3601}` }],
    ['a component less', { ...good, 'signature-input': input.replace(' "@query"', '') }],
    ['a component twice', { ...good, 'signature-input': input.replace('"@query"', '"@path"') }],
    ['a component more', { ...good, 'signature-input': input.replace('"@query"', '"@query" "date"') }],
    [
      'a component with parameters',
      { ...good, 'signature-input': input.replace('"@query"', '"@query";req') },
    ],
    ['a short key', { ...good, 'signature-input': input.replace(/keyid="[^"]*"/, 'keyid="AAAA"') }],
    [
      'a key that is not base64url',
      { ...good, 'signature-input': input.replace(/keyid="[^"]*"/, 'keyid="?"') },
    ],
    [
      'a weak key',
      { ...good, 'signature-input': input.replace(/keyid="[^"]*"/, `keyid="${'A'.repeat(43)}"`) },
    ],
  ];
  for (const [name, headers] of wrong) t.is(code(post, headers), 'unauthorized', name);
});

test('another signature beside ours does no harm, and the order of components is free', (t) => {
  const good = signRequest(get, device, now);
  const both = {
    signature: `proxy=:AAAA:, ${good.signature}`,
    'signature-input': `proxy=("@path");created=1, ${good['signature-input']}`,
  };
  t.is(code(get, both), 'no error');
});

test('a streamed body is verified by its digest', (t) => {
  const headers = signRequest(post, device, now);
  t.deepEqual(claimedDigest(headers), sha256(body));
  t.deepEqual(
    verifyRequest({ ...post, body: { sha256: claimedDigest(headers) } }, headers, now),
    device.publicKey,
  );
  t.deepEqual(signRequest({ ...post, body: { sha256: sha256(body) } }, device, now), headers);
  for (const missing of [{}, { 'content-digest': 'x' }, { 'content-digest': 'sha-256=:AAAA:' }])
    t.is(
      thrown(() => claimedDigest(missing)),
      'unauthorized',
    );
});
