/** The routes of the account interface, wire-spec/account.md: authenticate, decode, call, encode. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify';
import { BeckonError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { publicPath } from '../wire/registry.ts';
import { addBodies, octetsOf, partOf } from './account-bodies.ts';
import type { AccountHandlers, Device, GatewayReport, Kept, SignerKind } from './account-handlers.ts';
import {
  cardIdOf,
  cardOf,
  countOf,
  deviceOf,
  enrolmentOf,
  gatewayKindOf,
  gatewayOf,
  handleOf,
  keepRequestOf,
  keptNameOf,
  mailRequestOf,
  newDeviceOf,
  offsetOf,
  pageOf,
  pairingOf,
  previousOf,
  pullsOf,
  recordOf,
  recoveryOf,
  sizeOf,
  submissionOf,
  uploadOf,
} from './account-requests.ts';
import { accountOperations, maxState, type AccountOperation, type AccountRoute } from './account-schemas.ts';
import { problemHandler } from './app.ts';
import { requestedDomain } from './domain.ts';
import { gatherSigned, textOf } from './gather.ts';
import { entityTag, sendPayload, type SentBytes } from './payload.ts';
import type { BodyDigests, SignedRequest } from './signed-request.ts';

export interface AccountParts<User> {
  readonly handlers: AccountHandlers<User>;
  readonly digests: BodyDigests;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** What is known about a request before its body arrives. `user` is absent while somebody enrols. */
interface Caller<User> {
  readonly domain: string;
  readonly signed: SignedRequest;
  readonly user?: User;
}

/** What is answered depends on the route: JSON, bytes, or the hash of bytes for their tag. */
type Answered = object | SentBytes | Uint8Array | undefined;

type Answers<User> = Record<
  AccountOperation,
  (request: FastifyRequest, user: User, caller: Caller<User>) => Promise<Answered>
>;

/** Adds the account interface to a listener. Strangers' bodies are not read, but for enrolments. */
export function accountRoutes<User>(app: FastifyInstance, parts: AccountParts<User>): void {
  const { handlers, digests, metrics, log } = parts;
  app.register(
    async (scope) => {
      const callers = new WeakMap<FastifyRequest, Caller<User>>();
      const callerOf = (request: FastifyRequest): Caller<User> => {
        const caller = callers.get(request);
        if (caller === undefined) throw new BeckonError('unauthorized', 'nobody has signed');
        return caller;
      };
      scope.setErrorHandler(problemHandler('json', log));
      scope.setNotFoundHandler(() => {
        throw new BeckonError('unsupported', 'this version has no such path');
      });
      scope.addHook('onRequest', async (request, reply) => {
        void reply.header('cache-control', 'no-store');
        if (request.is404) return;
        const domain = requestedDomain(request, handlers.serves);
        const signed = gatherSigned(request, domain, digests);
        const { signers = ['device'] } = request.routeOptions.config;
        const user =
          signers.length === 0 ? {} : { user: await handlers.authenticate(domain, signed, signers) };
        callers.set(request, { domain, signed, ...user });
      });
      // A body may take minutes: what counts is who speaks for the user when it is there. Streams are asked at their end.
      scope.addHook('preHandler', async (request) => {
        const user = request.is404 ? undefined : callerOf(request).user;
        const isWhole =
          request.body !== undefined && request.body !== null && !(request.body instanceof Readable);
        if (user !== undefined && isWhole) await handlers.stillSpeaks(user);
      });
      addBodies(scope, digests, (request) => callerOf(request).signed);
      addRoutes(scope, answers(handlers, digests), callerOf, metrics);
    },
    { prefix: `${publicPath}account` },
  );
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Known before anything of the body is read; none where whoever enrols is not known yet. */
    readonly signers?: readonly SignerKind[];
  }
}

function addRoutes<User>(
  scope: FastifyInstance,
  answers: Answers<User>,
  callerOf: (request: FastifyRequest) => Caller<User>,
  metrics: Metrics,
): void {
  for (const [operation, route] of Object.entries(accountOperations) as [AccountOperation, AccountRoute][])
    scope.route({
      method: route.method,
      url: `/${route.path}`,
      schema: schemaOf(route),
      config: { signers: route.signers ?? ['device'] },
      ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
      handler: async (request, reply) => {
        const caller = callerOf(request);
        const answer = await answers[operation](request, caller.user as User, caller);
        if (route.answer === 'octets' && answer === undefined) return reply.code(204).send();
        if (route.answer === 'octets') return sendPayload(request, reply, answer as SentBytes, metrics);
        if (route.answer === 'tag') void reply.header('etag', entityTag(answer as Uint8Array));
        const isEmpty = route.answer === 'tag' || route.answer === 'nothing';
        return reply.code(route.status).send(isEmpty ? undefined : answer);
      },
    });
}

function schemaOf({ params, query, body, status, answer }: AccountRoute): FastifySchema {
  return {
    ...(params === undefined ? {} : { params }),
    querystring: query ?? { type: 'object' },
    ...(body === undefined || body === 'octets' ? {} : { body }),
    ...(typeof answer === 'string' ? {} : { response: { [status]: answer } }),
  };
}

function answers<User>(handlers: AccountHandlers<User>, digests: BodyDigests): Answers<User> {
  return {
    async enroll(request, _user, { domain, signed }) {
      const addressHash = await handlers.enroll(domain, signed, enrolmentOf(request));
      return { addressHash: textOf(addressHash) };
    },
    async reserve(request, user) {
      const { ids, expires } = await handlers.reserve(user, countOf(request));
      return { ids: ids.map(textOf), expires };
    },
    openUpload: (request, user) => handlers.openUpload(user, uploadOf(request), sizeOf(request)),
    uploadProgress: (request, user) => handlers.uploadProgress(user, uploadOf(request)),
    async abandonUpload(request, user) {
      await handlers.abandonUpload(user, uploadOf(request));
    },
    writePart(request, user, { signed }) {
      const arrived = () => handlers.stillSpeaks(user);
      const part = partOf(request, offsetOf(request), signed, digests, arrived);
      return handlers.writePart(user, uploadOf(request), part);
    },
    async commit(request, user) {
      const handles = await handlers.commit(user, submissionOf(request));
      return { messages: handles.map((handle) => ({ handle })) };
    },
    async sent(request, user) {
      const { items, next } = await handlers.sent(user, pageOf(request));
      return { messages: items, ...(next === undefined ? {} : { next: textOf(next) }) };
    },
    sentMessage: (request, user) => handlers.sentMessage(user, handleOf(request)),
    retract: async (request, user) => ({ outcome: await handlers.retract(user, handleOf(request)) }),
    async user(_request, user) {
      const { record, aliases, devices, ...rest } = await handlers.user(user);
      return {
        ...rest,
        record: textOf(record),
        aliases: aliases.map(({ address, record: own }) => ({
          address,
          ...(own === undefined ? {} : { record: textOf(own) }),
        })),
        devices: devices.map(deviceJson),
      };
    },
    addDevice: async (request, user) => deviceJson(await handlers.addDevice(user, newDeviceOf(request))),
    async removeDevice(request, user) {
      await handlers.removeDevice(user, deviceOf(request));
      return undefined;
    },
    async setRecovery(request, user) {
      await handlers.setRecovery(user, recoveryOf(request));
      return undefined;
    },
    openPairing: (request, user) => handlers.openPairing(user, pairingOf(request)),
    async putRecord(request, user) {
      await handlers.putRecord(user, recordOf(request));
      return undefined;
    },
    readState: (_request, user) => handlers.readState(user),
    async writeState(request, user, { signed }) {
      const previous = previousOf(signed);
      const arrived = () => handlers.stillSpeaks(user);
      const { length: size, hash, bytes } = octetsOf(request, maxState, signed, digests, arrived);
      const replaced = previous === undefined ? {} : { previous };
      await handlers.writeState(user, { size, hash, bytes, ...replaced });
      return hash;
    },
    keep: async (request, user) => keptJson(await handlers.keep(user, keepRequestOf(request))),
    async listKept(request, user) {
      const { items, next } = await handlers.listKept(user, pageOf(request));
      return { kept: items.map(keptJson), ...(next === undefined ? {} : { next: textOf(next) }) };
    },
    readKept: (request, user) => handlers.readKept(user, keptNameOf(request)),
    async removeKept(request, user) {
      await handlers.removeKept(user, keptNameOf(request));
      return undefined;
    },
    setPulls: async (request, user) => ({ states: await handlers.setPulls(user, pullsOf(request)) }),
    async putCard(request, user) {
      await handlers.putCard(user, cardOf(request));
      return undefined;
    },
    async removeCard(request, user) {
      await handlers.removeCard(user, cardIdOf(request));
      return undefined;
    },
    submitMail: (request, user) => handlers.submitMail(user, mailRequestOf(request)),
    async listMail(request, user) {
      const { items, next } = await handlers.listMail(user, pageOf(request));
      return { mail: items, ...(next === undefined ? {} : { next: textOf(next) }) };
    },
    mail: (request, user) => handlers.mail(user, handleOf(request)),
    dropMail: (request, user) => handlers.dropMail(user, handleOf(request)),
    async gateways(_request, user) {
      const { gateways, ...rest } = await handlers.gateways(user);
      return { ...rest, gateways: gateways.map(gatewayJson) };
    },
    async putGateway(request, user) {
      await handlers.putGateway(user, gatewayOf(request));
      return undefined;
    },
    async removeGateway(request, user) {
      await handlers.removeGateway(user, gatewayKindOf(request));
      return undefined;
    },
  };
}

function keptJson({ name, size, created, expires }: Kept): object {
  return { name: textOf(name), size, created, expires };
}

function gatewayJson({ device, ...rest }: GatewayReport): object {
  return { ...rest, device: textOf(device) };
}

function deviceJson({ device, name, added, kind }: Device): object {
  return { device: textOf(device), name, added, kind };
}
