/**
 * Tables for Postfix over its socketmap protocol (socketmap_table(5)), wire-spec/bridges.md section 7. It asks `NAME KEY`.
 *
 *   transport    where mail for a native address goes: users here and native ones elsewhere; NOTFOUND for all others, so that Postfix
 *                does with them what it always did
 *   recipients   who is a user here, for local_recipient_maps and the like
 *
 * Where it is not known now whether an address is native, the answer is TEMP: the mail waits, and nothing leaves in clear text.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { BeckonError, reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import type { FoundRecipient, NativeRecipients } from './native-recipients.ts';
import { createNetstringReader, netstring } from './netstring.ts';

export interface SocketmapLimits {
  /** Connections at a time, and questions of each that wait. */
  readonly connections: number;
  readonly questions: number;
  /** Without a byte, and until a question that has begun is complete. */
  readonly idleMs: number;
  /** For one answer. */
  readonly answerMs: number;
}

export const defaultSocketmapLimits: SocketmapLimits = {
  connections: 100,
  questions: 64,
  idleMs: 300_000,
  answerMs: 30_000,
};

export interface SocketmapParts {
  readonly recipients: NativeRecipients;
  /** Whether a domain is served here. */
  readonly serves: (domain: string) => boolean;
  /** What Postfix is to do with mail for native addresses, as transport(5) has it. */
  readonly transport: string;
  /** Binds, and gives the port. */
  readonly bind: (server: Server) => Promise<number>;
  readonly limits?: Partial<SocketmapLimits>;
  readonly log: Log;
}

export interface Socketmap {
  /** 0 for a socket. */
  readonly port: number;
  close(): Promise<void>;
}

/** More than an address has, and the name of a table. */
const maxQuestion = 1024;

/** Throws what binding throws. */
export async function openSocketmap(parts: SocketmapParts): Promise<Socketmap> {
  const { log } = parts;
  const limits = { ...defaultSocketmapLimits, ...parts.limits };
  const answer = createAnswer(parts, limits.answerMs);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // What happens to a connection is its own business: Postfix makes another.
    socket.on('error', () => socket.destroy());
    serve(socket, answer, limits);
  });
  server.maxConnections = limits.connections;
  server.on('error', (error) => log.warn('socketmap failed', { reason: reasonOf(error) }));
  const port = await parts.bind(server);
  return {
    port,
    async close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

type Answer = (question: string) => Promise<string>;

/** Questions of one connection are answered one after the other, in their order. */
function serve(socket: Socket, answer: Answer, limits: SocketmapLimits): void {
  const reader = createNetstringReader(maxQuestion);
  const waiting: string[] = [];
  let busy = false;
  let began: NodeJS.Timeout | undefined;
  socket.setTimeout(limits.idleMs, () => socket.destroy());

  /** Who sends a byte now and then does not hold a connection for ever. */
  function watchPatience(): void {
    if (!reader.isAmid()) {
      clearTimeout(began);
      began = undefined;
    } else began ??= setTimeout(() => socket.destroy(), limits.idleMs);
  }

  async function answerAll(): Promise<void> {
    if (busy) return;
    busy = true;
    for (let next = waiting.shift(); next !== undefined && !socket.destroyed; next = waiting.shift()) {
      const text = await answer(next);
      if (!socket.destroyed) socket.write(netstring(text));
    }
    busy = false;
  }

  socket.on('close', () => clearTimeout(began));
  socket.on('data', (bytes: Uint8Array) => {
    const texts = reader.push(bytes);
    if (texts === undefined || waiting.length + texts.length > limits.questions) return void socket.destroy();
    watchPatience();
    waiting.push(...texts);
    void answerAll();
  });
}

function createAnswer({ recipients, serves, transport, log }: SocketmapParts, answerMs: number): Answer {
  async function find(address: string): Promise<FoundRecipient | 'late'> {
    const stop = new AbortController();
    const late = pause(answerMs, 'late' as const, { signal: stop.signal }).catch(() => 'late' as const);
    try {
      return await Promise.race([recipients.find(address), late]);
    } finally {
      stop.abort();
    }
  }

  async function transportOf(address: string, local: boolean): Promise<string> {
    const found = await find(address);
    if (found === 'late') return 'TEMP it is not known in time whether the address is native';
    if (found.kind === 'native') return `OK ${transport}`;
    if (found.kind === 'unknown' || found.kind === 'legacy') return 'NOTFOUND ';
    // A user here who cannot be written to now is a user here: LMTP says more.
    return local ? `OK ${transport}` : 'TEMP it is not known now whether the address is native';
  }

  async function recipientOf(address: string, local: boolean): Promise<string> {
    if (!local) return 'NOTFOUND ';
    const found = await find(address);
    if (found === 'late') return 'TEMP it is not known in time whether there is such a user';
    return found.kind === 'native' || found.kind === 'later' ? `OK ${address}` : 'NOTFOUND ';
  }

  return async (question) => {
    const [, name = '', key = ''] = /^([!-~]{1,64}) (.*)$/s.exec(question) ?? [];
    const table = name === 'transport' ? transportOf : name === 'recipients' ? recipientOf : undefined;
    if (table === undefined) return 'PERM there is no such table: transport, recipients';
    const address = addressOf(key);
    if (address === undefined) return 'NOTFOUND ';
    try {
      return await table(address.text, serves(address.domain));
    } catch (error) {
      log.warn('socketmap could not answer', { reason: reasonOf(error) });
      return 'TEMP the look-up failed';
    }
  };
}

/** Postfix asks for domains, parts of addresses and "*" as well: none of them is an address. */
function addressOf(key: string): { readonly text: string; readonly domain: string } | undefined {
  try {
    const { address } = parseAddress(key);
    return { text: formatAddress(address), domain: address.domain };
  } catch (error) {
    if (error instanceof BeckonError) return undefined;
    throw error;
  }
}
