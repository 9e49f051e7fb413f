/** The wire between two domains, as someone on the path sees it: who speaks to whom, when, and sizes. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket as Connection } from 'node:net';
import { createSearch, type Needle } from './search.ts';

/** One datagram, or one TCP connection as far as it got. */
export interface Seen {
  readonly to: string;
  readonly transport: 'udp' | 'tcp';
  /** Bytes towards the domain, and back. */
  readonly sent: number;
  readonly answered: number;
  /** The first bytes, to show that they say nothing. */
  readonly first: Uint8Array;
}

export interface Tap {
  /** Listens in place of a domain's UDP port and passes datagrams on. */
  udp(domain: string, port: number): Promise<number>;
  /** Listens in place of a domain's HTTPS port and passes connections on. */
  tcp(domain: string, port: number): Promise<number>;
  /** Everything so far, in the order in which it began. */
  seen(): readonly Seen[];
  /** Names of the needles that occurred in anything that passed. */
  found(): ReadonlySet<string>;
  /** Breaks everything off. */
  close(): void;
}

type Passage = { -readonly [K in keyof Seen]: Seen[K] };

const loopback = '127.0.0.1';
const shownBytes = 16;

/** Changes nothing, decrypts nothing, and looks for `needles` in all that passes. */
export function createTap(needles: readonly Needle[]): Tap {
  const passages: Passage[] = [];
  const found = new Set<string>();
  const closers: (() => void)[] = [];
  const begin = (to: string, transport: Seen['transport']): Passage => {
    const passage: Passage = { to, transport, sent: 0, answered: 0, first: new Uint8Array(0) };
    passages.push(passage);
    return passage;
  };
  /** Follows one direction of a passage. */
  const watch = (passage: Passage, count: 'sent' | 'answered'): ((piece: Uint8Array) => void) => {
    const search = createSearch(needles);
    return (piece) => {
      if (count === 'sent' && passage.sent === 0) passage.first = piece.slice(0, shownBytes);
      passage[count] += piece.length;
      search.push(piece);
      for (const name of search.found) found.add(name);
    };
  };
  return {
    async udp(domain, port) {
      const [inside, outside] = [createSocket('udp4'), createSocket('udp4')];
      outside.on('message', (datagram) => {
        watch(begin(domain, 'udp'), 'sent')(datagram);
        inside.send(datagram, port, loopback);
      });
      closers.push(
        () => outside.close(),
        () => inside.close(),
      );
      return await boundPort(outside);
    },
    async tcp(domain, port) {
      const server = createServer({ allowHalfOpen: true }, (client) => {
        const passage = begin(domain, 'tcp');
        const upstream = connect({ port, host: loopback, allowHalfOpen: true });
        client.on('data', watch(passage, 'sent'));
        upstream.on('data', watch(passage, 'answered'));
        join(client, upstream);
        closers.push(() => client.destroy());
      });
      server.listen(0, loopback);
      await once(server, 'listening');
      closers.push(() => server.close());
      return (server.address() as AddressInfo).port;
    },
    seen: () => passages.map((passage) => ({ ...passage })),
    found: () => found,
    close() {
      for (const close of closers.splice(0)) close();
    },
  };
}

async function boundPort(socket: Socket): Promise<number> {
  socket.bind(0, loopback);
  await once(socket, 'listening');
  return socket.address().port;
}

/** Passes on what either side says; when one breaks off, so does the other. */
function join(client: Connection, upstream: Connection): void {
  client.pipe(upstream).pipe(client);
  client.on('error', () => upstream.destroy()).on('close', () => upstream.destroySoon());
  upstream.on('error', () => client.destroy()).on('close', () => client.destroySoon());
}
