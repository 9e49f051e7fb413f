/** Whatever is sent, the answer is the right one or a problem with a status below 500, and the server stays up. */
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import fc from 'fast-check';
import { domainOfHost } from '../../src/http/domain.ts';
import { bytesOf } from '../../src/http/gather.ts';
import { selectRange } from '../../src/http/ranges.ts';
import { errorCodes } from '../../src/errors.ts';
import { pollRequest } from '../../src/wire/collect.ts';
import { preferencesRequest } from '../../src/wire/preferences.ts';
import { acceptRequest } from '../../src/wire/message.ts';
import { encode } from '../../src/wire/schema.ts';
import { serveAccount, type AskAccount } from './account-stub.ts';
import { liveId, serve } from './public-stub.ts';

const cbor = 'application/beckon+cbor';
const live = base64urlnopad.encode(liveId);
const preferences = encode(preferencesRequest, {
  time: 5,
  nonce: new Uint8Array(16),
  keyId: new Uint8Array(8),
  entries: [{ pollKey: new Uint8Array(32), proof: new Uint8Array(16), counter: 5, preference: 1, until: 9 }],
});
const poll = encode(pollRequest, {
  time: 1_800_000_000,
  nonce: new Uint8Array(16),
  keyId: new Uint8Array(8),
  entries: [{ pollKey: new Uint8Array(32), proof: new Uint8Array(16), done: [[liveId, 0]] }],
});
const accept = encode(acceptRequest, { id: liveId, acceptToken: new Uint8Array(32).fill(1) });

/** Noise, or a valid body with a few bytes changed, cut off, or doubled. */
function nearly(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const changes = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  const changed = changes.map((list) => {
    const copy = valid.slice();
    for (const [at, value] of list) copy[at] = value;
    return copy;
  });
  const cut = fc.nat(valid.length).map((length) => valid.slice(0, length));
  const doubled = fc.nat(valid.length).map((at) => Uint8Array.from([...valid, ...valid.slice(at)]));
  return fc.oneof(fc.uint8Array({ maxLength: 2000 }), changed, cut, doubled);
}

const types = fc.constantFrom(
  cbor,
  cbor,
  cbor,
  'application/json',
  'text/plain',
  'a',
  '/',
  ';',
  `${cbor}; x=y`,
);

for (const [path, valid] of [
  ['poll', poll],
  ['preferences', preferences],
  [`m/${live}/accept`, accept],
  ['notify', new Uint8Array(512).fill(0x11)],
] as const)
  test(`POST ${path.replace(live, '{id}')}`, async (t) => {
    const { ask } = await serve(t);
    const property = fc.asyncProperty(nearly(valid), types, async (body, type) => {
      const answer = await ask(path, { method: 'POST', body, headers: { 'content-type': type } });
      if (path === 'notify') return answer.status === 204 && answer.body.length === 0;
      if (answer.status === 200 || answer.status === 204) return true;
      return answer.status < 500 && (errorCodes as readonly string[]).includes(answer.problem().code);
    });
    await fc.assert(property, { numRuns: 300 });
    t.is((await ask('domains/alpha.test')).status, 200);
  });

test('GET of any path under the prefix', async (t) => {
  const { ask } = await serve(t);
  const segment = fc.oneof(
    fc.constantFrom(
      'm',
      'domains',
      'users',
      'alpha.test',
      live,
      'payload',
      'poll',
      'introductions',
      'watch',
      'ledger',
      '..',
      '.',
    ),
    fc.stringMatching(/^[\x21-\x22\x24-\x3e\x40-\x7e]{0,40}$/),
  );
  const query = fc.stringMatching(/^(bucket|after|[a-z]{0,3})=[\x24-\x7e]{0,20}$/);
  const path = fc
    .tuple(fc.array(segment, { maxLength: 4 }), fc.option(query))
    .map(([segments, query]) => segments.join('/') + (query === null ? '' : `?${query}`));
  const property = fc.asyncProperty(path, async (target) => {
    const answer = await ask(target);
    return answer.status === 501 || answer.status < 500;
  });
  await fc.assert(property, { numRuns: 500 });
  t.is((await ask('domains/alpha.test')).status, 200);
});

const text = (bytes: number) => base64urlnopad.encode(new Uint8Array(bytes));
const bodies: Readonly<Record<string, { options?: AskAccount; valid: Record<string, unknown> }>> = {
  enroll: { valid: { token: text(16), record: text(50), device: text(32) } },
  reservations: { valid: { count: 3 } },
  [`uploads/${text(16)}`]: { options: { method: 'PUT' }, valid: { size: 5 } },
  messages: {
    valid: {
      upload: text(16),
      payloadHash: text(32),
      messages: [
        {
          id: text(32),
          destination: 'beta.test',
          recipientHash: text(32),
          header: text(4096),
          envelope: text(10),
          acceptTokenHash: text(32),
          expires: 1,
        },
      ],
    },
  },
};

for (const [path, { options = {}, valid }] of Object.entries(bodies))
  test(`account: ${path.replace(text(16), '{upload}')}`, async (t) => {
    const { ask } = await serveAccount(t);
    const member = fc.tuple(fc.constantFrom(...Object.keys(valid), '__proto__', 'x'), fc.jsonValue());
    const changed = fc
      .array(member, { maxLength: 2 })
      .map((members) => ({ ...valid, ...Object.fromEntries(members) }));
    const json = fc.oneof(fc.jsonValue(), changed).map((value) => Buffer.from(JSON.stringify(value)));
    const broken = nearly(Buffer.from(JSON.stringify(valid)));
    const property = fc.asyncProperty(fc.oneof(json, broken), async (bytes) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await ask(path, { method: 'POST', ...options, bytes, headers });
      if (answer.status < 300) return true;
      const code = String(answer.json['code']);
      return answer.status < 500 && (errorCodes as readonly string[]).includes(code);
    });
    await fc.assert(property, { numRuns: 200 });
    t.is((await ask('reservations', { json: { count: 1 } })).status, 201);
  });

test('signature headers of any kind are unauthorized', async (t) => {
  const { ask } = await serveAccount(t);
  const value = fc.oneof(
    fc.stringMatching(/^[\x21-\x7e][\x20-\x7e]{0,60}[\x21-\x7e]$/),
    fc.constantFrom('beckon=("@method");created=1', 'beckon=:AAAA:', 'sha-256=:AAAA:', 'a=b', '(', ':'),
  );
  const property = fc.asyncProperty(value, value, value, async (input, signature, digest) => {
    const headers = { 'signature-input': input, signature, 'content-digest': digest };
    const answer = await ask('reservations', { json: { count: 1 }, unsigned: true, headers });
    return answer.status === 401 && answer.json['code'] === 'unauthorized';
  });
  await fc.assert(property, { numRuns: 300 });
  t.is((await ask('reservations', { json: { count: 1 } })).status, 201);
});

test('pure readers: hosts, base64url, ranges', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (host) => {
      const domain = domainOfHost(host);
      return domain === undefined || host.toLowerCase().startsWith(`beckon.${domain}`);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.string(), (bytes, noise) => {
      const encoded = base64urlnopad.encode(bytes);
      const read = bytesOf(noise, 0, 40);
      return (
        Buffer.compare(bytesOf(encoded, bytes.length) ?? Buffer.of(1, 2, 3), bytes) === 0 &&
        (read === undefined || base64urlnopad.encode(read) === noise)
      );
    }),
  );
  const spec = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.option(fc.bigInt({ min: 0n, max: 10n ** 20n })), fc.option(fc.nat(300)))
      .map(([first, last]) => `bytes=${first ?? ''}-${last ?? ''}`),
  );
  fc.assert(
    fc.property(spec, fc.integer({ min: 1, max: 200 }), (range, size) => {
      const selected = selectRange(range, size);
      if (selected.kind !== 'part') return true;
      const { start, end } = selected;
      return Number.isSafeInteger(start) && start >= 0 && start < end && end <= size;
    }),
  );
  t.pass();
});
