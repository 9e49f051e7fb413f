import test from 'ava';
import { createOwnDomain } from '../../src/client/own-domain.ts';
import { createAskOwn } from '../../src/client/own-request.ts';
import { BeckonError } from '../../src/errors.ts';
import { createDeviceKey } from '../../src/keys/user-keys.ts';
import { problem } from '../../src/wire/collect.ts';
import { encode } from '../../src/wire/schema.ts';
import { testClock } from '../support/clock.ts';
import { makeDomain, now, rejected, seededRandom } from '../support/identities.ts';

interface Given {
  readonly status?: number;
  readonly type?: string;
  readonly body: string | Uint8Array;
}

const home = makeDomain('alpha.test');
const device = createDeviceKey('alpha.test', seededRandom('device'), now);

/** Calls to a domain that answers one thing. */
function answering(given: Given | (() => Given)) {
  const waits: number[] = [];
  const peer = { kind: 'native', domain: 'alpha.test', record: home.verified, targets: [] };
  const ask = createAskOwn({
    network: {
      domains: { domain: async () => peer } as never,
      https: {
        stream: () => Promise.reject(new BeckonError('unsupported', 'not here')),
        async request() {
          const {
            status = 200,
            type = 'application/json',
            body,
          } = typeof given === 'function' ? given() : given;
          const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
          return { status, headers: { 'content-type': type }, body: bytes };
        },
      },
    },
    signer: async () => ({ domain: 'alpha.test', device }),
    clock: testClock(now),
    wait: async (ms) => void waits.push(ms),
  });
  return { own: createOwnDomain(ask), waits };
}

const id = new Uint8Array(16);

test('answers that are not what was asked for are refused', async (t) => {
  const page = (message: string): string => `{"messages":[${message}]}`;
  const bodies = [
    '',
    'null',
    '[]',
    '{"size":1}',
    '{"size":1,"received":-1}',
    '{"size":1,"received":0.5}',
    '{"size":"1","received":0}',
  ];
  for (const body of bodies)
    t.is(await rejected(answering({ body }).own.uploadProgress(id)), 'unavailable', body);
  t.is(await rejected(answering({ body: Uint8Array.of(0xff) }).own.uploadProgress(id)), 'unavailable');
  t.is(await rejected(answering({ body: '{}', type: 'text/html' }).own.uploadProgress(id)), 'unavailable');
  t.is(await rejected(answering({ body: page('{}') }).own.sent()), 'unavailable');
  t.is(await rejected(answering({ body: '{"outcome":"maybe"}' }).own.retract('x')), 'unavailable');
  t.is(await rejected(answering({ body: '{"ids":[],"expires":1}' }).own.reserve(1)), 'unavailable');
  t.is(await rejected(answering({ body: '{"ids":["AA"],"expires":1}' }).own.reserve(1)), 'unavailable');
  t.is(
    await rejected(
      answering({ body: '{"addressHash":"x"}' }).own.enroll({ token: id, record: id, device: id }),
    ),
    'unavailable',
  );
  const type = 'application/beckon+cbor';
  t.is(await rejected(answering({ type, body: Uint8Array.of(0xa0) }).own.feed({})), 'unavailable');
});

test('what is more than known is left out', async (t) => {
  const { own } = answering({ body: '{"size":5,"received":2,"later":{}}' });
  t.deepEqual(await own.uploadProgress(id), { size: 5, received: 2 });
});

test('a problem is its code, as JSON or CBOR; anything else is unavailable', async (t) => {
  const json = { status: 507, type: 'application/problem+json' };
  const cases: readonly (readonly [Given, string])[] = [
    [{ ...json, body: '{"code":"quota_exceeded","detail":"no room"}' }, 'quota_exceeded'],
    [{ ...json, body: '{"code":"of a later version"}' }, 'unavailable'],
    [{ ...json, body: '{"code":"internal"}' }, 'unavailable'],
    [{ ...json, body: 'null' }, 'unavailable'],
    [{ status: 401, type: 'text/html', body: '<html>' }, 'unauthorized'],
    [{ status: 302, type: 'text/html', body: '' }, 'unavailable'],
    [
      {
        status: 400,
        type: 'application/beckon+cbor',
        body: encode(problem, { code: 'proof_stale', detail: '' }),
      },
      'proof_stale',
    ],
  ];
  for (const [given, code] of cases) t.is(await rejected(answering(given).own.uploadProgress(id)), code);
});

test('a network failure is tried again, three times in all', async (t) => {
  let failures = 2;
  const given = (): Given => {
    if (failures-- > 0) throw new BeckonError('network_failed', 'no line');
    return { body: '{"size":1,"received":1}' };
  };
  const once = answering(given);
  t.deepEqual(await once.own.uploadProgress(id), { size: 1, received: 1 });
  t.is(once.waits.length, 2);
  failures = 9;
  t.is(await rejected(answering(given).own.uploadProgress(id)), 'network_failed');
  t.is(failures, 6);
});

test('more ids than one reservation gives are reserved in several', async (t) => {
  const asked: number[] = [];
  const { own } = answering(() => {
    const count = Math.min(64, 130 - asked.reduce((sum, n) => sum + n, 0));
    asked.push(count);
    return { body: JSON.stringify({ ids: Array.from({ length: count }, () => 'A'.repeat(43)), expires: 1 }) };
  });
  t.is((await own.reserve(130)).length, 130);
  t.deepEqual(asked, [64, 64, 2]);
});
