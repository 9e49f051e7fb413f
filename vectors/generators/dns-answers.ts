/** Cases of wire-spec/discovery.md section 4: DNS packets, written byte by byte. */
import type { Collection, Json } from './cases.ts';
import { nameOf } from './conventions.ts';

const id = 0x1234;
const service = '_beckon._tcp.example.org';
const types = { NS: 2, CNAME: 5, SOA: 6, TXT: 16, SRV: 33 } as const;
type Type = keyof typeof types;

interface Row {
  readonly name: string;
  readonly type: Type;
  readonly data: Uint8Array;
  /** IN unless told. */
  readonly class?: number;
}

interface Packet {
  readonly id?: number;
  /** The 16 bits of flags but the response code. */
  readonly flags?: number;
  readonly rcode?: number;
  readonly questions?: readonly { readonly name: string; readonly type: Type; readonly class?: number }[];
  readonly answers?: readonly Row[];
  readonly authorities?: readonly Row[];
  readonly additionals?: readonly Row[];
}

const response = 0x8000;
const aa = 0x0400;
const tc = 0x0200;
const ra = 0x0080;
const ad = 0x0020;
const recursive = response | ra;

const u16 = (value: number): readonly number[] => [value >> 8, value & 255];

function nameBytes(name: string): readonly number[] {
  const labels = name.split('.').filter((label) => label !== '');
  return [...labels.flatMap((label) => [label.length, ...Buffer.from(label, 'ascii')]), 0];
}

function rowBytes({ name, type, data, class: of = 1 }: Row): readonly number[] {
  return [...nameBytes(name), ...u16(types[type]), ...u16(of), 0, 0, 0, 60, ...u16(data.length), ...data];
}

function packetBytes(packet: Packet): Uint8Array {
  const { flags = recursive, rcode = 0, answers = [], authorities = [], additionals = [] } = packet;
  const questions = packet.questions ?? [{ name: service, type: 'SRV' as const }];
  return Uint8Array.from([
    ...u16(packet.id ?? id),
    ...u16(flags | rcode),
    ...[questions, answers, authorities, additionals].flatMap(({ length }) => u16(length)),
    ...questions.flatMap(({ name, type, class: of = 1 }) => [
      ...nameBytes(name),
      ...u16(types[type]),
      ...u16(of),
    ]),
    ...[...answers, ...authorities, ...additionals].flatMap(rowBytes),
  ]);
}

const target = { priority: 0, weight: 5, port: 443, target: 'post.hoster.net' };
const srv = (name = service): Row => ({
  name,
  type: 'SRV',
  data: Uint8Array.from([
    ...u16(target.priority),
    ...u16(target.weight),
    ...u16(target.port),
    ...nameBytes(target.target),
  ]),
});
const alias = (name: string, to: string): Row => ({
  name,
  type: 'CNAME',
  data: Uint8Array.from(nameBytes(to)),
});
const soa = (zone: string): Row => ({
  name: zone,
  type: 'SOA',
  data: Uint8Array.from([
    ...nameBytes(`ns.${zone}`),
    ...nameBytes(`h.${zone}`),
    ...Array.from({ length: 20 }, () => 1),
  ]),
});
const ns = (zone: string): Row => ({
  name: zone,
  type: 'NS',
  data: Uint8Array.from(nameBytes(`ns.${zone}`)),
});

const nxDomain = 3;
const found = { kind: 'found', records: [target] };
const absent = (reason: 'nxdomain' | 'nodata', dnssec = false): Json => ({ kind: 'absent', reason, dnssec });
const elsewhere = 'srv.hoster.net';
const other = 'example.net';
const zone = 'example.org';

const answers: readonly (readonly [string, Packet, Json])[] = [
  ['the record', { answers: [srv()] }, { ...found, dnssec: false }],
  ['the record, validated', { flags: recursive | ad, answers: [srv()] }, { ...found, dnssec: true }],
  [
    'the record, from who has authority',
    { flags: response | aa, answers: [srv()] },
    { ...found, dnssec: false },
  ],
  [
    'the question in capitals',
    { questions: [{ name: service.toUpperCase(), type: 'SRV' }], answers: [srv()] },
    { ...found, dnssec: false },
  ],
  [
    'at the end of an alias',
    { answers: [alias(service, elsewhere), srv(elsewhere)] },
    { ...found, dnssec: false },
  ],
  [
    'aliases in any order',
    { answers: [srv(elsewhere), alias('b.example.net', elsewhere), alias(service, 'b.example.net')] },
    { ...found, dnssec: false },
  ],
  ['no such name', { rcode: nxDomain, authorities: [soa(zone)] }, absent('nxdomain')],
  [
    'no such name, validated',
    { flags: recursive | ad, rcode: nxDomain, authorities: [soa(zone)] },
    absent('nxdomain', true),
  ],
  ['no such name, without SOA', { rcode: nxDomain }, absent('nxdomain')],
  ['no such record', { authorities: [soa(zone)] }, absent('nodata')],
  ['no such record, validated', { flags: recursive | ad, authorities: [soa(zone)] }, absent('nodata', true)],
  ['no such record, by who has authority', { flags: response | aa }, absent('nodata')],
  [
    'no such record at the end of an alias',
    { answers: [alias(service, elsewhere)], authorities: [soa('hoster.net')] },
    absent('nodata'),
  ],
  ['another id', { id: id + 1, rcode: nxDomain }, { kind: 'passed over' }],
  ['a question', { flags: 0x0100, rcode: nxDomain }, { kind: 'passed over' }],
  [
    'another name asked for',
    { questions: [{ name: other, type: 'SRV' }], rcode: nxDomain },
    { kind: 'passed over' },
  ],
  [
    'another type asked for',
    { questions: [{ name: service, type: 'TXT' }], rcode: nxDomain },
    { kind: 'passed over' },
  ],
  [
    'another class asked for',
    { questions: [{ name: service, type: 'SRV', class: 3 }], rcode: nxDomain },
    { kind: 'passed over' },
  ],
  ['no question', { questions: [], rcode: nxDomain }, { kind: 'passed over' }],
  [
    'the question twice',
    {
      questions: [
        { name: service, type: 'SRV' },
        { name: service, type: 'SRV' },
      ],
      rcode: nxDomain,
    },
    { kind: 'passed over' },
  ],
  ['a cut answer', { flags: recursive | tc, rcode: nxDomain }, { kind: 'cut' }],
  ['FORMERR', { rcode: 1 }, { kind: 'without EDNS' }],
  ['FORMERR without the question', { rcode: 1, questions: [] }, { kind: 'without EDNS' }],
];

const failures: readonly (readonly [string, Packet])[] = [
  ['SERVFAIL', { rcode: 2, authorities: [soa(zone)] }],
  ['NOTIMP', { rcode: 4 }],
  ['REFUSED', { rcode: 5 }],
  ['an unknown response code', { rcode: 9 }],
  ['no such name beside the record', { rcode: nxDomain, answers: [srv()] }],
  ['the record of another name', { answers: [srv(other)] }],
  ['no such name, by another zone', { rcode: nxDomain, authorities: [soa(other)] }],
  ['no such record, by a zone below', { authorities: [soa(`a.${service}`)] }],
  [
    'no such record, by the zone of the alias and not of its target',
    { answers: [alias(service, elsewhere)], authorities: [soa(zone)] },
  ],
  ['a referral', { authorities: [ns(zone)] }],
  ['a referral without recursion', { flags: response, authorities: [ns('org')] }],
  ['nothing, by who neither knows nor asks', { flags: response }],
  ['no such name, by who neither knows nor asks', { flags: response, rcode: nxDomain }],
  [
    'an alias out of the zone, by who does not ask',
    { flags: response | aa, answers: [alias(service, elsewhere)] },
  ],
  ['an alias of itself', { answers: [alias(service, service)] }],
  [
    'aliases in a circle',
    { rcode: nxDomain, answers: [alias(service, elsewhere), alias(elsewhere, service)] },
  ],
  ['seventeen aliases', { answers: [...aliases(17), srv('n17.example.net')] }],
];

function aliases(count: number): readonly Row[] {
  return Array.from({ length: count }, (_, at) =>
    alias(at === 0 ? service : `n${at}.example.net`, `n${at + 1}.example.net`),
  );
}

const record = packetBytes({ answers: [srv()] });
const bytes: readonly (readonly [string, Uint8Array])[] = [
  ['cut in the middle', record.slice(0, -3)],
  ['a byte behind it', Uint8Array.from([...record, 0])],
  ['more records announced than there are', record.with(9, 1)],
  ['a name that points at itself', pointingAtItself()],
  ['an extended response code', extended(1, 0)],
  ['an extended response code beside no such name', extended(1, nxDomain)],
];

/** The name of its record is a pointer to itself. */
function pointingAtItself(): Uint8Array {
  const place = packetBytes({}).length;
  const rest = rowBytes(srv()).slice(nameBytes(service).length);
  const head = packetBytes({}).with(7, 1);
  return Uint8Array.from([...head, 0xc0 | (place >> 8), place & 255, ...rest]);
}

/** RFC 6891 section 6.1.3: upper bits of the response code in an OPT record. */
function extended(upper: number, rcode: number): Uint8Array {
  const opt = [0, ...u16(41), ...u16(1232), upper, 0, 0, 0, 0, 0];
  return Uint8Array.from([...packetBytes({ rcode }).with(11, 1), ...opt]);
}

/** Sixteen aliases are followed. */
const longest: readonly [string, Packet, Json] = [
  'sixteen aliases',
  { answers: [...aliases(16), srv('n16.example.net')] },
  { ...found, dnssec: false },
];

export function addDnsAnswers(cases: Collection): void {
  const base = { spec: 'discovery.md section 4', operation: 'read DNS answer' } as const;
  const inputs = (packet: Uint8Array) => ({ packet, id, name: service, type: 'SRV' });
  for (const [description, packet, output] of [...answers, longest])
    cases.positive(nameOf('dns', description), {
      ...base,
      description,
      inputs: inputs(packetBytes(packet)),
      output,
    });
  const broken = failures.map(([description, packet]) => [description, packetBytes(packet)] as const);
  for (const [description, packet] of [...broken, ...bytes])
    cases.negative(nameOf('dns', description), 'discovery_later', {
      ...base,
      description,
      inputs: inputs(packet),
    });
}
