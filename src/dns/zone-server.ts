/** A small authoritative DNS server for the demo and the tests: a few records in memory, UDP and TCP on one port. */
import { once } from 'node:events';
import { createTCPServer, createUDPServer, Packet } from 'dns2';
import type { DnsHandler, TCPServer, UDPServer } from 'dns2';
import { BeckonError } from '../errors.ts';
import { plainName, txtStrings } from './record.ts';
import type { DnsRecord } from './record.ts';

export interface ZoneServer {
  /** `address:port`, as `createResolver` takes it. */
  readonly address: string;
  /** Replaces all records at once. */
  set(records: readonly DnsRecord[]): void;
  close(): Promise<void>;
}

export interface ZoneServerOptions {
  /** 0, the default: any free port. */
  port?: number;
  /**
   * Asked before the zone, for faults: a response code, the bytes of a whole answer (its id is filled in), or `null` for
   * silence; `undefined` goes on to the zone.
   */
  intercept?: (name: string, type: string) => { rcode: number } | Uint8Array | null | undefined;
}

/**
 * Serves `records` on 127.0.0.1 until closed. A name exists when it, or one below it, has a record: then a missing type
 * is "no data", else "no such name". CNAMEs are followed inside the zone. Throws `network_failed` when it cannot listen.
 */
export async function startZoneServer(
  records: readonly DnsRecord[],
  options: ZoneServerOptions = {},
): Promise<ZoneServer> {
  let zone = records;
  function answer(request: Packet, maxBytes: number): Uint8Array | null {
    const question = request.questions[0];
    if (question === undefined) return null;
    const name = plainName(question.name);
    const type = typeNames.get(question.type) ?? '';
    const fault = options.intercept?.(name, type);
    if (fault === null) return null;
    if (fault instanceof Uint8Array) return withId(fault, request.header.id);
    const found = fault ? { rcode: fault.rcode, records: [] } : find(zone, name, type);
    return encode(request, found, maxBytes);
  }
  const { tcp, udp, port } = await listen(answer, options.port ?? 0);
  return {
    address: `127.0.0.1:${port}`,
    set(records) {
      zone = records;
    },
    async close() {
      const closed = Promise.all([once(tcp, 'close'), once(udp, 'close')]);
      tcp.close();
      udp.close();
      await closed;
    },
  };
}

function find(zone: readonly DnsRecord[], name: string, type: string, depth = 0): Found {
  const here = zone.filter((record) => plainName(record.name) === name);
  const alias = here.find((record) => record.type === 'CNAME');
  if (alias && type !== 'CNAME' && depth < maxAliases) {
    const target = find(zone, plainName(alias.target), type, depth + 1);
    return { rcode: target.rcode, records: [alias, ...target.records] };
  }
  const exists = here.length > 0 || zone.some((record) => plainName(record.name).endsWith(`.${name}`));
  return { rcode: exists ? noError : nxDomain, records: here.filter((record) => record.type === type) };
}

interface Found {
  rcode: number;
  records: DnsRecord[];
}

const maxAliases = 8;
const noError = 0;
const nxDomain = 3;
const typeNames = new Map<number, string>(
  Object.entries(Packet.TYPE).map(([name, number]) => [number, name]),
);

type Resource = InstanceType<typeof Packet.Resource>;

function toResource(record: DnsRecord): Resource {
  const resource = new Packet.Resource(plainName(record.name), Packet.TYPE[record.type], Packet.CLASS.IN, 1);
  return Object.assign(resource, dataOf(record));
}

function dataOf(record: DnsRecord): Partial<Resource> {
  switch (record.type) {
    case 'SRV':
      return { priority: record.priority, weight: record.weight, port: record.port, target: record.target };
    case 'TXT':
      return { data: txtStrings(record.text) };
    case 'CNAME':
    case 'PTR':
      return { domain: record.target };
    case 'MX':
      return { priority: record.priority, exchange: record.exchange };
    case 'A':
    case 'AAAA':
      return { address: record.address };
  }
}

/** The answer, or where that is too large one that sends the asker to TCP. */
function encode(request: Packet, { rcode, records }: Found, maxBytes: number): Buffer {
  const answer = Packet.createResponseFromRequest(request);
  Object.assign(answer.header, { aa: 1, rcode });
  answer.answers = records.map(toResource);
  const bytes = uncompressed(answer);
  if (bytes.length <= maxBytes) return bytes;
  answer.header.tc = 1;
  answer.answers = [];
  return uncompressed(answer);
}

/** c-ares refuses compressed SRV targets, rightly (RFC 2782): a writer without a table of names does not compress. */
function uncompressed(packet: Packet): Buffer {
  const writer = Object.assign(new Packet.Writer(), { names: {} });
  return Reflect.apply(packet.toBuffer, packet, [writer]);
}

function withId(answer: Uint8Array, id: number): Buffer {
  const bytes = Buffer.from(answer);
  bytes.writeUInt16BE(id, 0);
  return bytes;
}

type Answer = (request: Packet, maxBytes: number) => Uint8Array | null;

/** One number for both: a free TCP port may be taken for UDP, so that is tried a few times. */
async function listen(
  answer: Answer,
  wanted: number,
): Promise<{ tcp: TCPServer; udp: UDPServer; port: number }> {
  for (let tries = wanted === 0 ? 20 : 1; tries > 0; tries--) {
    const tcp = createTCPServer(handler(answer, () => 65535));
    const udp = createUDPServer(handler(answer, maxUdpBytes));
    try {
      tcp.listen(wanted, '127.0.0.1');
      await once(tcp, 'listening');
      const bound = tcp.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : wanted;
      udp.bind(port, '127.0.0.1');
      await once(udp, 'listening');
      return { tcp, udp, port };
    } catch {
      tcp.close();
    }
  }
  throw new BeckonError('network_failed', 'the DNS server cannot listen');
}

function handler(answer: Answer, maxBytes: (request: Packet) => number): DnsHandler {
  return (request, send) => {
    const bytes = answer(request, maxBytes(request));
    if (bytes) void send(Buffer.from(bytes));
  };
}

/** RFC 1035 section 4.2.1, and with EDNS what all paths carry unfragmented. */
function maxUdpBytes(request: Packet): number {
  return request.additionals.some(({ type }) => type === Packet.TYPE.EDNS) ? 1232 : 512;
}
