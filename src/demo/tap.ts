/** The wire between two domains, as someone on the path sees it: who speaks to whom, when, and sizes. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

/** One datagram, or one TCP connection once it ended. */
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
  close(): void;
}

const loopback = '127.0.0.1';
const shownBytes = 16;

/** Every forwarder reports what passed to `report`; nothing is changed, nothing is decrypted. */
export function createTap(report: (seen: Seen) => void): Tap {
  const closers: (() => void)[] = [];
  return {
    async udp(domain, port) {
      const inside = createSocket('udp4');
      const outside = createSocket('udp4');
      outside.on('message', (datagram) => {
        report({
          to: domain,
          transport: 'udp',
          sent: datagram.length,
          answered: 0,
          first: datagram.subarray(0, shownBytes),
        });
        inside.send(datagram, port, loopback);
      });
      closers.push(
        () => outside.close(),
        () => inside.close(),
      );
      return await boundPort(outside);
    },
    async tcp(domain, port) {
      const server = createServer((client) => forward(domain, port, client, report));
      server.listen(0, loopback);
      await once(server, 'listening');
      closers.push(() => server.close());
      return (server.address() as AddressInfo).port;
    },
    close() {
      for (const close of closers) close();
    },
  };
}

async function boundPort(socket: Socket): Promise<number> {
  socket.bind(0, loopback);
  await once(socket, 'listening');
  return socket.address().port;
}

type Client = ReturnType<typeof connect>;

function forward(domain: string, port: number, client: Client, report: (seen: Seen) => void): void {
  const upstream = connect(port, loopback);
  let first: Uint8Array = new Uint8Array(0);
  client.once('data', (data: Buffer) => (first = data.subarray(0, shownBytes)));
  client.pipe(upstream).pipe(client);
  const end = (): void => {
    client.destroy();
    upstream.destroy();
  };
  client.on('error', end);
  upstream.on('error', end);
  client.on('close', () => {
    end();
    report({ to: domain, transport: 'tcp', sent: client.bytesRead, answered: client.bytesWritten, first });
  });
}
