/**
 * One question to one server: over UDP, and over TCP where the answer does not fit. Each from a port of its own that the
 * system draws, with a random id, connected to the server, so that nobody else's packets are even read.
 */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { AUTHENTIC_DATA, encode, RECURSION_DESIRED } from 'dns-packet';
import type { Answer } from 'dns-packet';
import { readAnswer } from './answer.ts';
import type { Lookup, Question, Reply } from './answer.ts';

export interface Server {
  readonly address: string;
  readonly port: number;
}

/** What the server says; `later` with `timeout` or `unreachable` where it says nothing. Does not throw. */
export type Exchange = (server: Server, question: Question, timeoutMs: number) => Promise<Lookup<Answer>>;

/** What all paths carry unfragmented. */
const udpPayloadSize = 1232;

type Transport = (server: Server, query: Query, timeoutMs: number) => Promise<Reply>;

interface Query {
  readonly id: number;
  readonly question: Question;
  readonly bytes: Buffer;
}

export const exchange: Exchange = async (server, question, timeoutMs) => {
  const extended = await ask(server, question, timeoutMs, true);
  const reply = extended.kind === 'without_edns' ? await ask(server, question, timeoutMs, false) : extended;
  return isLookup(reply) ? reply : malformed;
};

async function ask(server: Server, question: Question, timeoutMs: number, edns: boolean): Promise<Reply> {
  const reply = await overUdp(server, queryOf(question, edns), timeoutMs);
  return reply.kind === 'truncated' ? overTcp(server, queryOf(question, edns), timeoutMs) : reply;
}

function isLookup(reply: Reply): reply is Lookup<Answer> {
  return reply.kind === 'found' || reply.kind === 'absent' || reply.kind === 'later';
}

/** AD in a question asks for AD in the answer (RFC 6840 section 5.7), without the signatures that DO would bring. */
function queryOf(question: Question, edns: boolean): Query {
  const [id = 0] = crypto.getRandomValues(new Uint16Array(1));
  const opt: Answer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  const bytes = encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ ...question, class: 'IN' }],
    additionals: edns ? [opt] : [],
  });
  return { id, question, bytes };
}

const malformed: Lookup<Answer> = { kind: 'later', reason: 'malformed' };
const timedOut: Reply = { kind: 'later', reason: 'timeout' };
const unreachable: Reply = { kind: 'later', reason: 'unreachable' };

const overUdp: Transport = (server, query, timeoutMs) =>
  new Promise((resolve) => {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    const end = (reply: Reply): void => {
      clearTimeout(timer);
      socket.removeAllListeners().on('error', () => {});
      socket.close();
      resolve(reply);
    };
    const timer = setTimeout(() => end(timedOut), timeoutMs);
    socket.on('error', () => end(unreachable));
    socket.on('message', (bytes) => {
      const reply = readAnswer(bytes, query.id, query.question);
      if (reply.kind !== 'other') end(reply);
    });
    socket.on('connect', () => socket.send(query.bytes));
    socket.connect(server.port, server.address);
  });

const overTcp: Transport = (server, query, timeoutMs) =>
  new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port, noDelay: true });
    let received = Buffer.alloc(0);
    const end = (reply: Reply): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reply);
    };
    const timer = setTimeout(() => end(timedOut), timeoutMs);
    socket.on('error', () => end(unreachable));
    socket.on('end', () => end(malformed));
    socket.on('connect', () => socket.write(framed(query.bytes)));
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      const whole = firstFrame(received);
      if (whole === null) return;
      const reply = readAnswer(whole, query.id, query.question);
      // Nobody but the server writes here, so there is nothing else to wait for.
      end(reply.kind === 'other' ? malformed : reply);
    });
  });

/** RFC 1035 section 4.2.2: two bytes of length in front. */
function framed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function firstFrame(received: Buffer): Buffer | null {
  if (received.length < 2) return null;
  const end = 2 + received.readUInt16BE(0);
  return received.length < end ? null : received.subarray(2, end);
}
