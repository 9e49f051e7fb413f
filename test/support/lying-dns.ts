/** A DNS server on loopback that says whatever a test wants, byte for byte, over UDP and TCP. */
import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { decode, encode, RECURSION_AVAILABLE, RECURSION_DESIRED } from 'dns-packet';
import type { Answer, Packet, Question } from 'dns-packet';

export interface Query {
  readonly over: 'udp' | 'tcp';
  readonly packet: Packet;
  readonly question: Question;
  /** Has an OPT record. */
  readonly edns: boolean;
  /** Has the AD flag: wants to know whether the answer was validated. */
  readonly wantsAd: boolean;
}

/** What is sent back, packet by packet; null closes a connection, and says nothing over UDP. */
export type Lie = (query: Query) => readonly Uint8Array[] | Uint8Array | null;

export interface Liar {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly queries: Query[];
  [Symbol.asyncDispose](): Promise<void>;
}

export interface LiarOptions {
  /** false: nobody listens on the TCP port. */
  readonly tcp?: boolean;
  /** Where UDP answers come from, another port than was asked. */
  readonly elsewhere?: boolean;
}

export async function startLiar(
  lie: Lie,
  { tcp = true, elsewhere = false }: LiarOptions = {},
): Promise<Liar> {
  const queries: Query[] = [];
  const answersTo = (bytes: Buffer, over: Query['over']): readonly Uint8Array[] | null => {
    const query = readQuery(bytes, over);
    queries.push(query);
    const answers = lie(query);
    return answers instanceof Uint8Array ? [answers] : answers;
  };
  const { port, server, udp } = await listen();
  const other = createSocket('udp4');
  udp.on('message', (bytes: Buffer, from: RemoteInfo) => {
    for (const answer of answersTo(bytes, 'udp') ?? [])
      (elsewhere ? other : udp).send(answer, from.port, from.address);
  });
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      const answers = answersTo(bytes.subarray(2), 'tcp');
      if (answers === null) socket.end();
      for (const answer of answers ?? []) socket.write(framed(answer));
    });
  });
  if (!tcp) server.close();
  return {
    address: `127.0.0.1:${port}`,
    queries,
    async [Symbol.asyncDispose]() {
      udp.close();
      other.close();
      if (tcp) server.close();
    },
  };
}

async function listen() {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const udp = createSocket('udp4').bind(port, '127.0.0.1');
    // A free TCP port may be taken for UDP.
    const free = await new Promise<boolean>((resolve) => {
      udp.once('listening', () => resolve(true)).once('error', () => resolve(false));
    });
    if (free) return { port, server, udp };
    server.close();
  }
}

function readQuery(bytes: Buffer, over: Query['over']): Query {
  const packet = decode(bytes);
  const [question = { name: '', type: 'A' as const }] = packet.questions ?? [];
  const edns = packet.additionals?.some(({ type }) => type === 'OPT') ?? false;
  return { over, packet, question, edns, wantsAd: packet.flag_ad };
}

function framed(bytes: Uint8Array): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export interface Said {
  readonly id?: number;
  readonly rcode?: number;
  /** Beside "response"; as of a recursive server unless told. */
  readonly flags?: number;
  readonly type?: 'query' | 'response';
  readonly questions?: readonly Question[];
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly additionals?: readonly Answer[];
}

/** A well-formed answer to a query, but for what is said otherwise. */
export function reply({ packet }: Pick<Query, 'packet'>, said: Said = {}): Buffer {
  const { rcode = 0, flags = RECURSION_DESIRED | RECURSION_AVAILABLE } = said;
  return encode({
    type: said.type ?? 'response',
    id: said.id ?? packet.id ?? 0,
    flags: flags | rcode,
    questions: [...(said.questions ?? packet.questions ?? [])],
    answers: [...(said.answers ?? [])],
    authorities: [...(said.authorities ?? [])],
    additionals: [...(said.additionals ?? [])],
  });
}

export function soa(zone: string): Answer {
  const data = {
    mname: `ns.${zone}`,
    rname: `h.${zone}`,
    serial: 1,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum: 1,
  };
  return { type: 'SOA', name: zone, ttl: 1, class: 'IN', data };
}

export const cname = (name: string, data: string): Answer => ({
  type: 'CNAME',
  name,
  ttl: 1,
  class: 'IN',
  data,
});
