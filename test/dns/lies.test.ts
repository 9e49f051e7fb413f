/** Every way in which a DNS server can lie or fail about a native domain: it is *later*, and never legacy. */
import test from 'ava';
import { AUTHORITATIVE_ANSWER, RECURSION_DESIRED, TRUNCATED_RESPONSE } from 'dns-packet';
import type { Answer } from 'dns-packet';
import { createDiscover } from '../../src/dns/discover.ts';
import { createResolver } from '../../src/dns/resolver.ts';
import {
  cname,
  reply,
  soa,
  startLiar,
  type Lie,
  type LiarOptions,
  type Query,
} from '../support/lying-dns.ts';

const service = '_beckon._tcp.a.test';
const authoritative = AUTHORITATIVE_ANSWER | RECURSION_DESIRED;
const nxDomain = 3;

/** Lies about the SRV record alone, and gives a sound MX record: whoever believes the lie has a legacy domain. */
const about =
  (lie: Lie): Lie =>
  (query) =>
    query.question.type === 'SRV' ? lie(query) : reply(query, { answers: [mx] });

const mx: Answer = {
  type: 'MX',
  name: 'a.test',
  ttl: 1,
  class: 'IN',
  data: { preference: 10, exchange: 'mx.a.test' },
};

const srv = (name: string): Answer => ({
  type: 'SRV',
  name,
  ttl: 1,
  class: 'IN',
  data: { priority: 0, weight: 0, port: 443, target: 'post.hoster.test' },
});

const opt = (extendedRcode: number): Answer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1232,
  extendedRcode,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
});

/** An absence that is well-formed but for one thing. */
const absence = (query: Query): Buffer => reply(query, { rcode: nxDomain, authorities: [soa('a.test')] });

/** @param timeoutMs long enough for a busy machine, but where the lie is not heard at all */
async function discover(lie: Lie, options: LiarOptions = {}, timeoutMs = 60_000) {
  await using liar = await startLiar(about(lie), options);
  const resolver = createResolver({ servers: [liar.address], timeoutMs, tries: 1 });
  return await createDiscover(resolver).discoverDomain('a.test');
}

test('a well-formed "no such name" is believed, so the lies below are tested for themselves', async (t) => {
  t.like(await discover(absence), { kind: 'legacy', dnssec: false });
  t.like(await discover((query) => reply(query, { authorities: [soa('a.test')] })), { kind: 'legacy' });
  t.like(await discover((query) => reply(query, { rcode: nxDomain })), { kind: 'legacy' });
});

const lies: [string, string, Lie, LiarOptions?][] = [
  ['SERVFAIL', 'servfail', (query) => reply(query, { rcode: 2 })],
  [
    'SERVFAIL with a SOA record',
    'servfail',
    (query) => reply(query, { rcode: 2, authorities: [soa('a.test')] }),
  ],
  ['REFUSED', 'refused', (query) => reply(query, { rcode: 5 })],
  ['NOTIMP', 'refused', (query) => reply(query, { rcode: 4 })],
  ['FORMERR, with and without EDNS', 'malformed', (query) => reply(query, { rcode: 1 })],
  ['FORMERR without the question', 'malformed', (query) => reply(query, { rcode: 1, questions: [] })],
  ['any other error', 'failed', (query) => reply(query, { rcode: 9 })],
  ['an extended error beside "no error"', 'failed', (query) => reply(query, { additionals: [opt(1)] })],
  [
    'an extended error beside "no such name"',
    'failed',
    (query) => reply(query, { rcode: nxDomain, additionals: [opt(1)] }),
  ],
  ['silence', 'timeout', () => null],

  ['another id', 'timeout', (query) => reply(query, { id: (query.packet.id ?? 0) ^ 1, rcode: nxDomain })],
  [
    '"no such name" for another name',
    'timeout',
    (query) => reply(query, { rcode: nxDomain, questions: [{ ...query.question, name: 'b.test' }] }),
  ],
  [
    '"no such record" of another type',
    'timeout',
    (query) => reply(query, { questions: [{ ...query.question, type: 'TXT' }] }),
  ],
  [
    '"no such name" in another class',
    'timeout',
    (query) => reply(query, { rcode: nxDomain, questions: [{ ...query.question, class: 'CH' }] }),
  ],
  ['"no such name" to no question', 'timeout', (query) => reply(query, { rcode: nxDomain, questions: [] })],
  [
    '"no such name" to two questions',
    'timeout',
    (query) => reply(query, { rcode: nxDomain, questions: [query.question, query.question] }),
  ],
  ['the question itself', 'timeout', (query) => reply(query, { type: 'query', rcode: nxDomain })],
  ['an answer from elsewhere', 'timeout', absence, { elsewhere: true }],
  ['eleven bytes', 'timeout', (query) => absence(query).subarray(0, 11)],

  ['an answer cut in the middle', 'malformed', (query) => absence(query).subarray(0, -3)],
  ['an answer with more behind it', 'malformed', (query) => Buffer.concat([absence(query), Buffer.of(0)])],
  ['more records announced than there are', 'malformed', (query) => withCount(absence(query), 6, 1)],
  ['a name that points at itself', 'malformed', pointingAtItself],
  [
    '"no such name" beside the record',
    'malformed',
    (query) => reply(query, { rcode: nxDomain, answers: [srv(service)] }),
  ],
  [
    'the record of another name',
    'malformed',
    (query) => reply(query, { answers: [srv('_beckon._tcp.b.test')] }),
  ],
  [
    '"no such name", by another zone',
    'malformed',
    (query) => reply(query, { rcode: nxDomain, authorities: [soa('b.test')] }),
  ],
  [
    '"no such record", by another zone',
    'malformed',
    (query) => reply(query, { authorities: [soa('b.a.test')] }),
  ],

  ['a referral', 'lame', (query) => reply(query, { authorities: [ns('a.test')] })],
  [
    'a referral without recursion',
    'lame',
    (query) => reply(query, { flags: RECURSION_DESIRED, authorities: [ns('test')] }),
  ],
  ['nothing, by who neither knows nor asks', 'lame', (query) => reply(query, { flags: RECURSION_DESIRED })],
  [
    '"no such name", by who neither knows nor asks',
    'lame',
    (query) => reply(query, { flags: RECURSION_DESIRED, rcode: nxDomain }),
  ],
  [
    'an alias out of the zone of who does not ask',
    'lame',
    (query) => reply(query, { flags: authoritative, answers: [cname(service, 'srv.hoster.test')] }),
  ],
  ['an alias of itself', 'alias_loop', (query) => reply(query, { answers: [cname(service, service)] })],
  [
    'aliases in a circle',
    'alias_loop',
    (query) => reply(query, { answers: [cname(service, 'b.test'), cname('b.test', service)] }),
  ],
  [
    '"no such name" behind aliases in a circle',
    'alias_loop',
    (query) =>
      reply(query, { rcode: nxDomain, answers: [cname(service, 'b.test'), cname('b.test', service)] }),
  ],
  ['aliases without end', 'alias_loop', (query) => reply(query, { answers: manyAliases(40) })],

  ['a cut answer, and nobody there over TCP', 'unreachable', cut, { tcp: false }],
  ['a cut answer over TCP as well', 'malformed', (query) => reply(query, { flags: TRUNCATED_RESPONSE })],
  [
    'a cut answer, and a closed connection',
    'malformed',
    (query) => (query.over === 'udp' ? cut(query) : null),
  ],
  ['a cut answer, and silence', 'timeout', (query) => (query.over === 'udp' ? cut(query) : [])],
  [
    'a cut answer, and another id over TCP',
    'malformed',
    overTcp((query) => reply(query, { id: (query.packet.id ?? 0) ^ 1, rcode: nxDomain })),
  ],
  [
    'a cut answer, and another question over TCP',
    'malformed',
    overTcp((query) => reply(query, { rcode: nxDomain, questions: [{ ...query.question, name: 'b.test' }] })),
  ],
  ['a cut answer, and nonsense over TCP', 'malformed', overTcp(() => Buffer.alloc(40, 1))],
  [
    'a cut "no such name", and a failure over TCP',
    'servfail',
    overTcp((query) => reply(query, { rcode: 2 })),
  ],
];
for (const [name, reason, lie, options] of lies)
  test(`never legacy: ${name}`, async (t) => {
    t.deepEqual<unknown, unknown>(await discover(lie, options, reason === 'timeout' ? 400 : 60_000), {
      kind: 'later',
      reason,
    });
  });

test('more than sixteen kilobytes are not read', async (t) => {
  const filler = (bytes: number): Answer => ({
    type: 'TXT',
    name: 'a.test',
    ttl: 1,
    class: 'IN',
    data: Array.from({ length: bytes / 250 }, () => 'x'.repeat(249)),
  });
  const large = (bytes: number): Lie =>
    overTcp((query) => reply(query, { rcode: nxDomain, additionals: [filler(bytes)] }));
  t.like(await discover(large(15_000)), { kind: 'legacy' });
  t.deepEqual(await discover(large(20_000)), { kind: 'later', reason: 'malformed' });
});

test('a forged answer beside the real one is passed over', async (t) => {
  const forged = (query: Query, real: Buffer): Uint8Array[] => [
    reply(query, { id: (query.packet.id ?? 0) ^ 1, rcode: nxDomain }),
    reply(query, { rcode: nxDomain, questions: [{ ...query.question, name: 'b.test' }] }),
    real,
  ];
  const outcome = await discover((query) =>
    forged(query, reply(query, { answers: [srv(query.question.name)] })),
  );
  t.like(outcome, { kind: 'later', reason: 'txt_missing' });
});

test('a server that does not know EDNS is asked without it', async (t) => {
  const old: Lie = (query) => (query.edns ? reply(query, { rcode: 1, questions: [] }) : absence(query));
  t.like(await discover(old), { kind: 'legacy' });
});

test('each question has an id and a port of its own', async (t) => {
  await using liar = await startLiar((query) => reply(query, { rcode: nxDomain }));
  const { srv } = createResolver({ servers: [liar.address], timeoutMs: 60_000, tries: 1 });
  for (let count = 0; count < 20; count++) await srv(service);
  t.true(new Set(liar.queries.map(({ packet }) => packet.id)).size > 10);
});

function cut(query: Query): Buffer {
  return reply(query, { flags: TRUNCATED_RESPONSE, rcode: nxDomain });
}

function overTcp(lie: Lie): Lie {
  return (query) => (query.over === 'udp' ? cut(query) : lie(query));
}

function withCount(bytes: Buffer, at: number, count: number): Buffer {
  bytes.writeUInt16BE(count, at);
  return bytes;
}

/** Its one record has a name that is a pointer to that very place. */
function pointingAtItself(query: Query): Buffer {
  const bytes = reply(query, { answers: [srv(service)] });
  const place = reply(query).length;
  bytes.writeUInt16BE(0xc000 | place, place);
  return bytes;
}

function manyAliases(count: number): Answer[] {
  return Array.from({ length: count }, (_, at) =>
    cname(at === 0 ? service : `n${at}.test`, `n${at + 1}.test`),
  );
}

function ns(zone: string): Answer {
  return { type: 'NS', name: zone, ttl: 1, class: 'IN', data: `ns.${zone}` };
}
