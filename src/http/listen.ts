/** One listener: sockets, TLS and the limits on what clients may do before any route sees them. */
import type { FastifyInstance } from 'fastify';
import { createServer, type Server } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { BlockList, isIPv6, type Socket } from 'node:net';
import { BeckonError } from '../errors.ts';
import type { Log } from '../log.ts';
import { createApp } from './app.ts';
import { bind, type BindAddress } from './bind.ts';
import { loadCertificates, type CertificateFiles, type Certificates } from './certificates.ts';
import { createLocalRequests, type LocalRequests } from './local.ts';
import { defaultHttpLimits, type HttpLimits } from './limits.ts';
import { encodeProblem, problemTypes, publicProblem } from './problems.ts';

/** `plain`: loopback and unix sockets. `proxy`: a proxy in front ends TLS; only this machine and `trusted` may connect. */
export type Transport =
  | ({ readonly kind: 'tls' } & CertificateFiles)
  | { readonly kind: 'proxy'; readonly trusted: readonly string[] }
  | { readonly kind: 'plain' };

export interface ListenOptions {
  readonly address: BindAddress;
  readonly transport: Transport;
  readonly limits?: HttpLimits;
  readonly log: Log;
}

export interface Listener {
  /** 0 for a unix socket. */
  readonly port: number;
  /** Until when a handshake for this server name finds a good certificate, unix seconds; undefined: it finds none. Infinity where this listener does no TLS. */
  certifiedUntil(serverName: string): number | undefined;
  /** The same routes without a socket. */
  readonly local: LocalRequests;
  /** Reads the certificates again. Throws `tls_failed`, and then keeps those it had. */
  reload(): Promise<void>;
  /** Takes nothing new, lets what is under way end for a while, then cuts it off. */
  close(): Promise<void>;
}

/**
 * Listens with the routes that `register` adds. HTTP/1.1, over TLS (1.3 only) also HTTP/2. Throws `tls_failed`,
 * `network_failed`, `exists`.
 */
export async function listen(
  options: ListenOptions,
  register: (app: FastifyInstance) => void,
): Promise<Listener> {
  const { transport, address, log, limits = defaultHttpLimits } = options;
  const certificates = transport.kind === 'tls' ? await loadCertificates(transport) : undefined;
  const trusted = trustedPeers(transport, address);
  const server = certificates === undefined ? plainServer(limits) : tlsServer(certificates, limits);
  const sockets = limitSockets(server, limits, trusted);
  const app = createApp({ server, limits, trusted, clientErrorHandler: refuseMalformed, log });
  register(app);
  await app.ready();
  const port = await bind(server, address);
  return {
    port,
    local: createLocalRequests(app),
    certifiedUntil: (serverName) => (certificates === undefined ? Infinity : certificates.until(serverName)),
    reload: async () => await certificates?.reload(),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      if ('closeIdleConnections' in server) server.closeIdleConnections();
      const late = setTimeout(() => sockets.forEach((socket) => socket.destroy()), limits.closeMs);
      await closed;
      clearTimeout(late);
      await app.close();
    },
  };
}

/** Whether a peer (undefined on unix sockets) is believed about the address of the client; undefined: nobody is. */
type Trust = ((peer: string | undefined) => boolean) | undefined;

function trustedPeers(transport: Transport, address: BindAddress): Trust {
  if (transport.kind !== 'proxy') return undefined;
  const list = new BlockList();
  for (const network of ['127.0.0.0/8', '::1/128', ...transport.trusted]) {
    const [base = '', bits = ''] = network.split('/');
    list.addSubnet(base, Number(bits), isIPv6(base) ? 'ipv6' : 'ipv4');
  }
  return (peer) =>
    peer === undefined ? address.kind === 'unix' : list.check(peer, isIPv6(peer) ? 'ipv6' : 'ipv4');
}

function httpOptions(limits: HttpLimits) {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkMs,
    requireHostHeader: true,
  };
}

function plainServer(limits: HttpLimits): Server {
  return createServer(httpOptions(limits));
}

function tlsServer(certificates: Certificates, limits: HttpLimits): Http2SecureServer {
  return createSecureServer({
    ...httpOptions(limits),
    allowHTTP1: true,
    minVersion: 'TLSv1.3',
    handshakeTimeout: limits.handshakeMs,
    settings: { maxConcurrentStreams: 100, maxHeaderListSize: limits.maxHeaderBytes, enablePush: false },
    SNICallback(serverName, done) {
      const context = certificates.find(serverName);
      if (context === undefined) done(new Error('no certificate for this name'));
      else done(null, context);
    },
  });
}

function limitSockets(server: Server | Http2SecureServer, limits: HttpLimits, trusted: Trust): Set<Socket> {
  const sockets = new Set<Socket>();
  server.setTimeout(limits.idleMs);
  server.maxConnections = limits.maxConnections;
  server.on('connection', (socket: Socket) => {
    if (trusted !== undefined && !trusted(socket.remoteAddress)) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

/** What is not HTTP, too large or too slow is told so once, where it can be told; failed handshakes just end. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  const isHttp = error.code?.startsWith('HPE_') || error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  // What was written may be the beginning of an answer.
  if (!isHttp || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const { status, body } = rawProblem(error.code);
  const head = [
    `HTTP/1.1 ${status} -`,
    `Content-Type: ${problemTypes.cbor}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.end(body);
}

function rawProblem(code: string | undefined): { status: number; body: Uint8Array } {
  const error =
    code === 'HPE_HEADER_OVERFLOW'
      ? new BeckonError('too_large', 'the header section is larger than its limit')
      : new BeckonError('request_invalid', 'the request is malformed or took too long');
  const shown = publicProblem(error);
  return { status: shown.status, body: encodeProblem(shown) };
}
