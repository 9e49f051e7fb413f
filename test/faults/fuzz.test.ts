/** Whatever strangers, users and administrators send, the daemons stay up, say what is wrong by its code, and deliver. */
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import fc from 'fast-check';
import { loadDomainKeys } from '../../src/admin/key-files.ts';
import { concat } from '../../src/crypto/kdf.ts';
import { errorCodes } from '../../src/errors.ts';
import { accountOperations } from '../../src/http/account-schemas.ts';
import { adminOperations, adminPath } from '../../src/http/admin-schemas.ts';
import type { KeyPair } from '../../src/keys/key-pair.ts';
import type { HttpsRequest } from '../../src/outbound/https.ts';
import { pollRequest } from '../../src/wire/collect.ts';
import { acceptRequest } from '../../src/wire/message.ts';
import { mediaTypes } from '../../src/wire/registry.ts';
import { encode } from '../../src/wire/schema.ts';
import { keyOf } from '../support/identities.ts';
import { deviceOf, openCaller, type Caller } from '../network/caller.ts';
import { eventually } from '../network/eventually.ts';
import type { Person } from '../network/person.ts';
import { startTown, type Town } from '../network/town.ts';
import { standBefore, type Wire } from '../network/wire.ts';

const b64 = base64urlnopad.encode;
/** Requests to each interface; BECKON_FUZZ_RUNS for more. */
const numRuns = Number(process.env['BECKON_FUZZ_RUNS'] ?? 250);

/** A domain for what may be spoilt, beside one that delivers. */
const spoilt = 'spoilt.test';
const hosters = { alpha: ['alpha.test'], beta: ['beta.test', spoilt] };

test('datagrams and bodies of every kind on every route, while messages are delivered', async (t) => {
  t.timeout(400_000 + numRuns * 200);
  await using town = await startTown({ hosters });
  await using wire = await standBefore(town, 'beta');
  await using caller = openCaller(town);
  wire.passOn();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const mallory = await town.enroll(`mallory@${spoilt}`);
  const device = await deviceOf(mallory);

  const over = new AbortController();
  const delivering = deliverUntil(town, ann, bob, over.signal);
  const fuzzing = Promise.all([
    fuzzDatagrams(town, wire),
    fuzzPublic(caller),
    fuzzAccount(caller, device),
    fuzzAdmin(join(town.hoster('beta').data, 'admin.sock')),
  ]).finally(() => over.abort());
  const [delivered] = await Promise.all([delivering, fuzzing]);
  t.log(`${delivered} messages delivered meanwhile`);
  t.true(delivered > 0);

  const { received } = await town.hoster('beta').admin.status();
  t.true(received.stored >= Math.floor(delivered / 2), 'every other message is for beta');
  t.true(Object.values(received.dropped).some((count) => count > 10));
  t.deepEqual(
    town.logged.filter(({ level }) => level === 'error'),
    [],
  );
});

/** Message after message, each read by the other; how many. */
async function deliverUntil(town: Town, ann: Person, bob: Person, over: AbortSignal): Promise<number> {
  let delivered = 0;
  for (let [from, to] = [ann, bob]; ; [from, to] = [to, from]) {
    const text = `message ${delivered}`;
    await from.send([to.address], text);
    const [entry] = await to.arrivals();
    if ((await to.read(entry?.number ?? 0)) !== text) throw new Error('another text arrived');
    delivered += 1;
    // Allowances grow with time.
    town.clock.advance(5);
    if (over.aborted) return delivered;
  }
}

/** Noise, or something valid with a few bytes changed, cut off or doubled. */
function nearly(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(valid.length - 1), fc.nat(255));
  return fc.oneof(
    fc.uint8Array({ maxLength: 3000 }),
    fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
      const copy = valid.slice();
      for (const [at, value] of changes) copy[at] = value;
      return copy;
    }),
    fc.nat(valid.length).map((length) => valid.slice(0, length)),
    fc.nat(valid.length).map((at) => concat(valid, valid.slice(at))),
  );
}

async function fuzzDatagrams(town: Town, wire: Wire): Promise<void> {
  const genuine = await eventually('datagram', () => wire.seen[0]);
  const keys = await loadDomainKeys(town.hoster('beta').data);
  const ids = keys.map((domain) => keyOf(domain, 'notification').id);
  const framed = fc
    .tuple(fc.nat(255), fc.constantFrom(...ids), fc.constantFrom(503, 1191), fc.nat(255))
    .map(([type, id, length, fill]) => concat(Uint8Array.of(type), id, new Uint8Array(length).fill(fill)));
  const property = fc.asyncProperty(fc.oneof(nearly(genuine), framed), (datagram) => wire.inject(datagram));
  await fc.assert(property, { numRuns: 4 * numRuns });
}

/** An answer that may be given to anything: success, or a problem with one of our codes that blames nobody here. */
function isAnswer({ status, code }: { readonly status: number; readonly code: string | undefined }): boolean {
  if (status < 400) return status >= 200 && status < 300;
  return code !== 'internal' && (errorCodes as readonly (string | undefined)[]).includes(code);
}

const methods = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE') as fc.Arbitrary<
  HttpsRequest['method']
>;
const types = fc.constantFrom(
  mediaTypes.beckon,
  'application/json',
  'application/octet-stream',
  'text/plain',
  `${mediaTypes.beckon}; charset=x`,
);

async function fuzzPublic(caller: Caller): Promise<void> {
  const [id, hash] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const poll = encode(pollRequest, {
    time: 1_800_000_000,
    nonce: new Uint8Array(16),
    keyId: new Uint8Array(8),
    entries: [{ pollKey: hash, proof: new Uint8Array(16), done: [[id, 0]] }],
  });
  const accept = encode(acceptRequest, { id, acceptToken: hash });
  const path = fc.constantFrom(
    'poll',
    'notify',
    'introductions',
    'introductions?bucket=1&after=AA',
    `m/${b64(id)}`,
    `m/${b64(id)}/payload`,
    `m/${b64(id)}/accept`,
    'm/%00',
    'domains/alpha.test',
    'domains/beta.test',
    `users/beta.test/${b64(hash)}`,
    'ledger',
    'blind/x',
    '',
    '%2e%2e/',
  );
  const property = fc.asyncProperty(
    path,
    methods,
    types,
    fc.oneof(nearly(poll), nearly(accept)),
    async (target, method, type, body) => {
      const bodied = method === 'GET' ? {} : { body, type };
      const answer = await caller.call('beta.test', target, { method, ...bodied });
      if (!isAnswer(answer)) throw new Error(`${method} ${target}: ${answer.status} ${answer.code}`);
    },
  );
  await fc.assert(property, { numRuns: 2 * numRuns });
}

/** Values that a member of a JSON body may have though it must not. */
const wrongValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    -1,
    2 ** 60,
    '',
    'A'.repeat(5000),
    '\u{0}',
    null,
    [],
    {},
    1.5,
    b64(new Uint8Array(33)),
  ),
);

/** A valid body with members replaced, taken away or added, or no object at all. */
function nearlyJson(valid: Readonly<Record<string, unknown>>): fc.Arbitrary<unknown> {
  const keys = fc.constantFrom(...Object.keys(valid), 'more', '__proto__');
  return fc.oneof(
    fc.constant(valid),
    fc
      .tuple(keys, wrongValue)
      .map(([key, value]) => Object.fromEntries([...Object.entries(valid), [key, value]])),
    keys.map((key) => Object.fromEntries(Object.entries(valid).filter(([name]) => name !== key))),
    fc.jsonValue({ maxDepth: 2 }),
  );
}

/** A body as bytes: JSON, or JSON that is cut or changed. */
function jsonBytes(value: fc.Arbitrary<unknown>): fc.Arbitrary<Uint8Array> {
  const encoded = value.map((body) => new TextEncoder().encode(JSON.stringify(body)));
  return fc.oneof(
    { weight: 3, arbitrary: encoded },
    encoded.chain((bytes) => (bytes.length > 0 ? nearly(bytes) : encoded)),
  );
}

/** Paths with their parameters filled in, `:upload` with something that fits or does not. */
function filled(path: string, values: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<string> {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  const choices = names.map((name) =>
    fc.oneof(fc.constantFrom(...(values[name] ?? ['x'])), fc.string({ minLength: 1, maxLength: 40 })),
  );
  return fc
    .tuple(...choices)
    .map((chosen) =>
      names.reduce(
        (filling, name, at) => filling.replace(`:${name}`, encodeURIComponent(chosen[at] ?? '')),
        path,
      ),
    );
}

async function fuzzAccount(caller: Caller, device: KeyPair): Promise<void> {
  const text = (length: number): string => b64(new Uint8Array(length).fill(3));
  const message = {
    id: text(32),
    destination: 'beta.test',
    recipientHash: text(32),
    header: text(4096),
    envelope: text(100),
    acceptTokenHash: text(32),
    expires: 1_800_100_000,
  };
  const bodies: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    enroll: { token: text(16), record: text(100), device: b64(device.publicKey) },
    reserve: { count: 2 },
    openUpload: { size: 5000 },
    commit: { upload: text(16), payloadHash: text(32), messages: [message] },
  };
  const calls = Object.entries(accountOperations).map(([operation, { method, path }]) =>
    fc.record({
      method: fc.constant(method),
      path: filled(path, { upload: [text(16)], offset: ['0', '10'], handle: ['a'.repeat(16)] }),
      body: jsonBytes(nearlyJson(bodies[operation] ?? { any: 1 })),
      type: operation === 'writePart' ? fc.constant('application/octet-stream') : types,
      isSigned: fc.integer({ min: 0, max: 5 }).map((draw) => draw > 0),
    }),
  );
  const property = fc.asyncProperty(fc.oneof(...calls), async ({ method, path, body, type, isSigned }) => {
    const bodied = method === 'GET' ? {} : { body, type };
    const signed = isSigned ? { device } : {};
    const answer = await caller.call(spoilt, `account/${path}`, { method, ...bodied, ...signed });
    if (!isAnswer(answer)) throw new Error(`${method} ${path}: ${answer.status} ${answer.code}`);
  });
  await fc.assert(property, { numRuns: 2 * numRuns });
}

async function fuzzAdmin(socketPath: string): Promise<void> {
  const address = `mallory@${spoilt}`;
  const bodies: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    addDomain: { domain: spoilt },
    setDomain: { quota: 5000, introductions: 'closed', contact: null, bucketBits: 3 },
    inviteUser: { address },
    suspendUser: { suspended: true },
    setAlias: { alias: `alias@${spoilt}`, held: true },
  };
  const calls = Object.entries(adminOperations).map(([operation, { method, path }]) =>
    fc.record({
      method: fc.constant(method),
      path: filled(path, { domain: [spoilt, 'missing.test'], address: [address], handle: ['a'.repeat(16)] }),
      body: jsonBytes(nearlyJson(bodies[operation] ?? { any: 1 })),
      type: types,
    }),
  );
  const property = fc.asyncProperty(fc.oneof(...calls), async ({ method, path, body, type }) => {
    const answer = await askSocket(
      socketPath,
      method,
      adminPath + path,
      method === 'GET' ? undefined : body,
      type,
    );
    if (!isAnswer(answer)) throw new Error(`${method} ${path}: ${answer.status} ${answer.code}`);
  });
  await fc.assert(property, { numRuns });
}

async function askSocket(
  socketPath: string,
  method: string,
  path: string,
  body: Uint8Array | undefined,
  type: string,
): Promise<{ readonly status: number; readonly code: string | undefined }> {
  return await new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': type, 'content-length': body.length };
    const request = httpRequest({ socketPath, method, path, headers }, (response) => {
      const chunks: Uint8Array[] = [];
      response.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status, code: status < 400 ? undefined : (JSON.parse(text) as { code?: string }).code });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}
