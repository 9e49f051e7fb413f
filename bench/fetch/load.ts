/**
 * The load of serving.ts: GET over TLS 1.3 and HTTP/1.1 on kept connections, one request at a time on each. It only counts bytes, because
 * a complete client would cost more than the servers that are measured.
 */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

export interface Target {
  readonly port: number;
  readonly host: string;
  /** PEM of the authority. */
  readonly ca: string;
}

export interface Load {
  /** Fetches these paths in turn, `count` times in all. Throws where an answer is not 200 with `size` bytes. */
  fetch(paths: readonly string[], count: number, size: number): Promise<void>;
  close(): void;
}

const headEnd = Buffer.from('\r\n\r\n');

export async function openLoad(target: Target, connections: number): Promise<Load> {
  const all = await Promise.all(Array.from({ length: connections }, () => openConnection(target)));
  return {
    async fetch(paths, count, size) {
      let next = 0;
      await Promise.all(
        all.map(async (connection) => {
          while (next < count) await connection.get(paths[next++ % paths.length] as string, size);
        }),
      );
    },
    close: () => all.forEach((connection) => connection.close()),
  };
}

interface Connection {
  get(path: string, size: number): Promise<void>;
  close(): void;
}

async function openConnection({ port, host, ca }: Target): Promise<Connection> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername: host, ca, minVersion: 'TLSv1.3' });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  let waiting: PromiseWithResolvers<void> | undefined;
  let head: Buffer | undefined = Buffer.alloc(0);
  let left = 0;
  let expected = 0;

  function fail(reason: string): void {
    waiting?.reject(new Error(reason));
    waiting = undefined;
    socket.destroy();
  }

  function take(data: Buffer): void {
    let body = data.length;
    if (head !== undefined) {
      const seen = head.length === 0 ? data : Buffer.concat([head, data]);
      const end = seen.indexOf(headEnd);
      if (end < 0) return void (head = seen);
      const text = seen.toString('latin1', 0, end);
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
      if (!text.startsWith('HTTP/1.1 200') || length !== expected)
        return fail(text.split('\r\n', 1)[0] ?? '');
      head = undefined;
      left = length;
      body = seen.length - end - headEnd.length;
    }
    left -= body;
    if (left > 0) return;
    const done = waiting;
    waiting = undefined;
    done?.resolve();
  }

  socket.on('data', take);
  socket.on('error', (error) => fail(error.message));
  socket.on('close', () => fail('the server closed a connection'));
  return {
    get(path, size) {
      waiting = Promise.withResolvers();
      head = Buffer.alloc(0);
      expected = size;
      socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
      return waiting.promise;
    },
    close: () => socket.destroy(),
  };
}
