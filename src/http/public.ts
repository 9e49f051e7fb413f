/** The routes of the public interface, wire-spec/fetch.md: decode, call, encode. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BeckonError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { blindRequest, maxBlindRequest } from '../wire/blind.ts';
import { feedResponse, maxPollRequest, pollRequest, pollResponse, watchEvent } from '../wire/collect.ts';
import { acceptRequest } from '../wire/message.ts';
import { maxPreferencesRequest, preferencesRequest } from '../wire/preferences.ts';
import { counts, mediaTypes, publicPath, sizes } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { problemHandler } from './app.ts';
import { addCors } from './cors.ts';
import { addDoor } from './door.ts';
import { requestedDomain } from './domain.ts';
import { bytesOf, gatherSigned, textOf } from './gather.ts';
import { sendEvents } from './events.ts';
import { entityTag, sendPayload } from './payload.ts';
import type { FeedPage, PublicHandlers, ReadableCopy } from './public-handlers.ts';
import type { BodyDigests } from './signed-request.ts';

export interface PublicParts {
  readonly handlers: PublicHandlers;
  readonly digests: BodyDigests;
  readonly metrics: Metrics;
  readonly log: Log;
}

const maxAcceptRequest = 1024;
const maxCursor = 64;

type Params = Readonly<Record<string, string | undefined>>;

/** Adds the public interface to a listener. */
export function publicRoutes(app: FastifyInstance, parts: PublicParts): void {
  app.register(
    async (scope) => {
      scope.setErrorHandler(problemHandler('cbor', parts.log));
      scope.setNotFoundHandler(() => {
        throw new BeckonError('unsupported', 'this version has no such path');
      });
      addCors(scope);
      scope.addHook('onRequest', (_request, reply, done) => {
        void reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
        done();
      });
      scope.addContentTypeParser(mediaTypes.beckon, { parseAs: 'buffer' }, (_request, body, done) =>
        done(null, body),
      );
      addDoor(scope, parts.handlers);
      addRecords(scope, parts);
      addCards(scope, parts);
      addCollecting(scope, parts);
      addFeed(scope, parts);
      addMessages(scope, parts);
      addCopies(scope, parts);
    },
    { prefix: publicPath.slice(0, -1) },
  );
}

function addRecords(scope: FastifyInstance, { handlers }: PublicParts): void {
  const own = (request: FastifyRequest): string => {
    const domain = requestedDomain(request, handlers.serves);
    if ((request.params as Params)['domain'] !== domain)
      throw new BeckonError('not_found', 'another domain than that of the host');
    return domain;
  };

  scope.route({
    method: ['GET', 'HEAD'],
    url: '/domains/:domain',
    handler: async (request, reply) => {
      const answer = await handlers.domainAnswer(own(request));
      if (answer === undefined) throw new BeckonError('not_found', 'this domain has no record');
      return sendCbor(reply, answer);
    },
  });
  scope.route({
    method: ['GET', 'HEAD'],
    url: '/users/:domain/:addressHash',
    handler: async (request, reply) => {
      const domain = own(request);
      const hash = bytesOf((request.params as Params)['addressHash'], sizes.hash);
      const answer = hash === undefined ? undefined : await handlers.userAnswer(domain, hash, request.ip);
      if (answer === undefined) throw new BeckonError('user_unknown', 'nobody has this address');
      return sendCbor(reply, answer);
    },
  });
}

/** A malformed id is one that nobody has: dead ones answer alike. */
function addCards(scope: FastifyInstance, { handlers }: PublicParts): void {
  scope.route({
    method: ['GET', 'HEAD'],
    url: '/cards/:id',
    handler: async (request, reply) => {
      const domain = requestedDomain(request, handlers.serves);
      const id = bytesOf((request.params as Params)['id'], sizes.cardId) ?? new Uint8Array(sizes.cardId);
      const card = await handlers.readCard(domain, id, request.ip);
      if (card === undefined) throw new BeckonError('not_found', 'there is no such card');
      return reply.header('content-type', 'application/octet-stream').send(card);
    },
  });
}

function addCollecting(scope: FastifyInstance, { handlers }: PublicParts): void {
  scope.route({
    method: 'POST',
    url: '/poll',
    bodyLimit: maxPollRequest,
    handler: async (request, reply) => {
      const domain = requestedDomain(request, handlers.serves);
      const asked = decode(pollRequest, bodyOf(request), maxPollRequest);
      return sendCbor(reply, encode(pollResponse, await handlers.poll(domain, asked, request.ip)));
    },
  });
  scope.route({
    method: 'POST',
    url: '/preferences',
    bodyLimit: maxPreferencesRequest,
    handler: async (request, reply) => {
      const domain = requestedDomain(request, handlers.serves);
      const asked = decode(preferencesRequest, bodyOf(request), maxPreferencesRequest);
      await handlers.setPreferences(domain, asked, request.ip);
      return reply.code(204).send();
    },
  });
  scope.route({
    method: 'POST',
    url: '/watch',
    bodyLimit: maxPollRequest,
    handler: async (request, reply) => {
      const domain = requestedDomain(request, handlers.serves);
      const asked = decode(pollRequest, bodyOf(request), maxPollRequest);
      sendEvents(reply, handlers.watch(domain, asked, request.ip), (event) => encode(watchEvent, event));
    },
  });
}

/** The feed, and how it grows, to whoever signed as a user of the domain. */
function addFeed(scope: FastifyInstance, { handlers, digests }: PublicParts): void {
  const asked = (request: FastifyRequest) => {
    const domain = requestedDomain(request, handlers.serves);
    const page = feedPageOf(request.query as Readonly<Record<string, unknown>>);
    return [domain, gatherSigned(request, domain, digests), page] as const;
  };
  scope.route({
    method: 'GET',
    url: '/introductions',
    handler: async (request, reply) =>
      sendCbor(reply, encode(feedResponse, await handlers.introductions(...asked(request)))),
  });
  scope.route({
    method: 'GET',
    url: '/introductions/watch',
    handler: async (request, reply) => {
      const start = await handlers.watchIntroductions(...asked(request), request.ip);
      sendEvents(reply, start, (event) => encode(feedResponse, event));
    },
  });
}

function addMessages(scope: FastifyInstance, { handlers, metrics }: PublicParts): void {
  scope.route({
    method: ['GET', 'HEAD'],
    url: '/m/:id',
    handler: async (request, reply) => {
      const domain = requestedDomain(request, handlers.serves);
      return sendCbor(reply, (await handlers.readMessage(domain, idOf(request))) ?? gone());
    },
  });
  scope.route({
    method: ['GET', 'HEAD'],
    url: '/m/:id/payload',
    handler: async (request, reply) => {
      const domain = requestedDomain(request, handlers.serves);
      const payload = (await handlers.readPayload(domain, idOf(request))) ?? gone();
      return sendPayload(request, reply, payload, metrics);
    },
  });
  scope.route({
    method: 'POST',
    url: '/m/:id/accept',
    bodyLimit: maxAcceptRequest,
    handler: async (request, reply) => {
      const domain = requestedDomain(request, handlers.serves);
      const accept = decode(acceptRequest, bodyOf(request), maxAcceptRequest);
      const named = idOf(request).every((byte, at) => byte === accept.id[at]);
      if (!named || !(await handlers.accept(domain, accept))) gone();
      return reply.code(204).send();
    },
  });
}

/** What was pulled: both routes take the same request, whose id is the one in the path. */
function addCopies(scope: FastifyInstance, { handlers, metrics }: PublicParts): void {
  const asked = async (request: FastifyRequest): Promise<{ copy: ReadableCopy; start: number }> => {
    const domain = requestedDomain(request, handlers.serves);
    const wanted = decode(blindRequest, bodyOf(request), maxBlindRequest);
    const isNamed = idOf(request).every((byte, at) => byte === wanted.entry.id[at]);
    const copy = await handlers.readCopy(domain, wanted, request.ip);
    return copy === undefined || !isNamed ? gone() : { copy, start: wanted.start ?? 0 };
  };
  scope.route({
    method: 'POST',
    url: '/blind/:id',
    bodyLimit: maxBlindRequest,
    handler: async (request, reply) => sendCbor(reply, (await asked(request)).copy.object),
  });
  scope.route({
    method: 'POST',
    url: '/blind/:id/payload',
    bodyLimit: maxBlindRequest,
    handler: async (request, reply) => {
      const { copy, start } = await asked(request);
      if (start > copy.size) throw new BeckonError('range_invalid', 'the payload ends before that byte');
      reply.raw.once('finish', () => metrics.bytesServed.inc(copy.size - start));
      return reply
        .header('content-type', 'application/octet-stream')
        .header('content-length', copy.size - start)
        .header('etag', entityTag(copy.hash))
        .send(Readable.from(copy.open(start), { objectMode: false }));
    },
  });
}

/** A malformed id becomes one that nobody has, by the same work: so it goes the way of dead ones, in their time. */
function idOf(request: FastifyRequest): Uint8Array {
  const text = (request.params as Params)['id'] ?? '';
  const id = new Uint8Array(sizes.messageId);
  id.set(Buffer.from(text, 'base64url').subarray(0, id.length));
  // What reads as the id of somebody's message, and is not written as one, must not lead there.
  const change = textOf(id) === text ? 0 : 0xff;
  for (let at = 0; at < id.length; at++) id[at] = (id[at] as number) ^ change;
  return id;
}

/** Never existed, expired, retracted, accepted, malformed, wrong token: one answer. */
function gone(): never {
  throw new BeckonError('message_gone', 'there is no such message');
}

function bodyOf(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array();
}

function sendCbor(reply: FastifyReply, body: Uint8Array): FastifyReply {
  return reply.header('content-type', mediaTypes.beckon).send(body);
}

function feedPageOf({ bucket, after }: Readonly<Record<string, unknown>>): FeedPage {
  const cursor = bytesOf(after, 1, maxCursor);
  const number = typeof bucket === 'string' && /^(0|[1-9]\d{0,3})$/.test(bucket) ? Number(bucket) : undefined;
  if (after !== undefined && cursor === undefined)
    throw new BeckonError('request_invalid', 'after is not a cursor');
  if (bucket !== undefined && (number === undefined || number >= 2 ** counts.bucketBits))
    throw new BeckonError('request_invalid', 'bucket is not a number below 2^12');
  return {
    ...(number === undefined ? {} : { bucket: number }),
    ...(cursor === undefined ? {} : { after: cursor }),
  };
}
