/** The fastify instance of a listener: what all routes have in common. */
import AjvCompiler from '@fastify/ajv-compiler';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Server } from 'node:http';
import { constants, type Http2SecureServer, type Http2ServerRequest } from 'node:http2';
import type { Socket } from 'node:net';
import { BeckonError, reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { HttpLimits } from './limits.ts';
import {
  adminProblem,
  encodeProblem,
  jsonProblem,
  problemTypes,
  publicProblem,
  type ShownProblem,
} from './problems.ts';

/** For routes that set none of their own, in bytes. */
const bodyLimit = 64 * 1024;

/** One for all apps: each would compile the schemas anew, and those of schemas too. */
const buildValidator = AjvCompiler();

export interface AppOptions {
  readonly server: Server | Http2SecureServer;
  readonly limits: HttpLimits;
  /** Who is believed about the client's address; undefined: nobody. */
  readonly trusted: ((peer: string | undefined) => boolean) | undefined;
  readonly clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => void;
  readonly log: Log;
}

/**
 * An app on a server of our own. Schemas are strict: nothing is coerced, filled in or taken away. Nothing is logged by
 * fastify, because it would log paths, and paths hold ids.
 */
export function createApp({ server, limits, trusted, clientErrorHandler, log }: AppOptions): FastifyInstance {
  const app = fastify({
    // The compatible interface of HTTP/2 serves as that of HTTP/1.1.
    serverFactory: (handler) => (server as Server).on('request', handler),
    bodyLimit,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    clientErrorHandler,
    rewriteUrl: ({ url = '' }) => (isDecodable(url) ? url : url.replaceAll('%', '%25')),
    routerOptions: { maxParamLength: limits.maxHeaderBytes },
    frameworkErrors: (error, _request, reply) => {
      void sendCborProblem(reply, publicProblem(error));
    },
    schemaController: { compilersFactory: { buildValidator } },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
    ...(trusted === undefined ? {} : { trustProxy: (peer) => trusted(peer) }),
  });
  app.removeAllContentTypeParsers();
  app.setErrorHandler(problemHandler('cbor', log));
  app.setNotFoundHandler((_request, reply) =>
    sendCborProblem(reply, publicProblem(new BeckonError('not_found', 'there is nothing here'))),
  );
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.raw.httpVersionMajor === 2) limitStream(request, limits.requestMs);
    done();
  });
  app.addHook('onSend', (request, reply, _payload, done) => {
    // Fastify sets it on bodies that are too large; HTTP/2 has no such header.
    if (request.raw.httpVersionMajor === 2) reply.removeHeader('connection');
    done();
  });
  return app;
}

/** Percent signs that encode nothing are taken as they stand, so that a malformed id is an id like others. */
function isDecodable(url: string): boolean {
  if (!url.includes('%')) return true;
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}

/** The server's own timeout for whole requests knows HTTP/1.1 only. */
function limitStream(request: FastifyRequest, requestMs: number): void {
  const { stream } = request.raw as unknown as Http2ServerRequest;
  if (stream.endAfterHeaders) return;
  const late = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), requestMs);
  stream.once('end', () => clearTimeout(late));
  stream.once('close', () => clearTimeout(late));
}

/** Answers what a route throws; own faults are logged, without the path. */
export function problemHandler(form: 'cbor' | 'json' | 'admin', log: Log) {
  const show = form === 'admin' ? adminProblem : publicProblem;
  const send = form === 'cbor' ? sendCborProblem : sendJsonProblem;
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const shown = show(error);
    if (shown.status === 500)
      log.error('request failed', { route: request.routeOptions.url, reason: reasonOf(error) });
    return send(reply, shown);
  };
}

/** The problem of the public interface. */
export function sendCborProblem(reply: FastifyReply, shown: ShownProblem): FastifyReply {
  return sendProblem(reply, shown, problemTypes.cbor, encodeProblem(shown));
}

export function sendJsonProblem(reply: FastifyReply, shown: ShownProblem): FastifyReply {
  return sendProblem(reply, shown, problemTypes.json, Buffer.from(jsonProblem(shown)));
}

function sendProblem(reply: FastifyReply, shown: ShownProblem, type: string, body: Uint8Array): FastifyReply {
  if (shown.retryAfter !== undefined) void reply.header('retry-after', shown.retryAfter);
  return reply.code(shown.status).header('content-type', type).send(body);
}
