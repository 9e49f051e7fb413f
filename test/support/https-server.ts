/** A real TLS server on loopback, with whatever behaviour a test gives it. */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import type { TestAuthority } from './certificates.ts';

export interface TestHttps {
  readonly port: number;
  /** Of all requests so far. */
  readonly requests: { method: string; url: string; host: string; servername: string; connection: number }[];
  /** Connections accepted so far, TLS done or not. */
  connections(): number;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface TestHttpsOptions extends TlsOptions {
  authority: TestAuthority;
  /** For the certificate. */
  names: readonly string[];
  handle?: (request: IncomingMessage, response: ServerResponse) => void;
  host?: string;
}

export async function startHttps(options: TestHttpsOptions): Promise<TestHttps> {
  const {
    authority,
    names,
    handle = (_, response) => response.end('ok'),
    host = '127.0.0.1',
    ...tls
  } = options;
  const requests: TestHttps['requests'] = [];
  const serials = new WeakMap<object, number>();
  let connections = 0;
  // As long as clients want: on a slow machine any time may pass between two requests.
  const kept = { keepAliveTimeout: 120_000 };
  const certificate = await authority.issue(names);
  const server = createServer({ ...kept, ...certificate, ...tls }, (request, response) => {
    const { method = '', url = '', headers, socket } = request;
    requests.push({
      method,
      url,
      host: headers.host ?? '',
      servername: String(Reflect.get(socket, 'servername')),
      connection: serials.get(socket) ?? 0,
    });
    handle(request, response);
  });
  // A connection whose answer broke off is not among those that `closeAllConnections` knows.
  const open = new Set<Duplex>();
  server.on('connection', (socket) => {
    connections += 1;
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  server.on('secureConnection', (socket) => serials.set(socket, connections));
  server.on('tlsClientError', () => {});
  server.listen(0, host);
  await once(server, 'listening');
  const bound = server.address();
  const close = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    requests,
    connections: () => connections,
    close,
    [Symbol.asyncDispose]: close,
  };
}
