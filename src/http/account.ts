/** The routes of the account interface, wire-spec/account.md: authenticate, decode, call, encode. */
import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify';
import { BeckonError } from '../errors.ts';
import type { Log } from '../log.ts';
import { publicPath } from '../wire/registry.ts';
import { addBodies, partOf } from './account-bodies.ts';
import type { AccountHandlers } from './account-handlers.ts';
import {
  countOf,
  enrolmentOf,
  handleOf,
  offsetOf,
  pageOf,
  sizeOf,
  submissionOf,
  uploadOf,
} from './account-requests.ts';
import { accountOperations, type AccountOperation, type AccountRoute } from './account-schemas.ts';
import { problemHandler } from './app.ts';
import { requestedDomain } from './domain.ts';
import { gatherSigned, textOf } from './gather.ts';
import type { BodyDigests, SignedRequest } from './signed-request.ts';

export interface AccountParts<User> {
  readonly handlers: AccountHandlers<User>;
  readonly digests: BodyDigests;
  readonly log: Log;
}

/** What is known about a request before its body arrives. `user` is absent while somebody enrols. */
interface Caller<User> {
  readonly domain: string;
  readonly signed: SignedRequest;
  readonly user?: User;
}

type Answers<User> = Record<
  AccountOperation,
  (request: FastifyRequest, user: User, caller: Caller<User>) => Promise<object>
>;

/** Adds the account interface to a listener. Strangers' bodies are not read, but for enrolments. */
export function accountRoutes<User>(app: FastifyInstance, parts: AccountParts<User>): void {
  const { handlers, digests, log } = parts;
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
        const enrols = request.routeOptions.url?.endsWith(`/${accountOperations.enroll.path}`) === true;
        const user = enrols ? {} : { user: await handlers.authenticate(domain, signed) };
        callers.set(request, { domain, signed, ...user });
      });
      addBodies(scope, digests, (request) => callerOf(request).signed);
      addRoutes(scope, answers(handlers, digests), callerOf);
    },
    { prefix: `${publicPath}account` },
  );
}

function addRoutes<User>(
  scope: FastifyInstance,
  answers: Answers<User>,
  callerOf: (request: FastifyRequest) => Caller<User>,
): void {
  for (const [operation, route] of Object.entries(accountOperations) as [AccountOperation, AccountRoute][])
    scope.route({
      method: route.method,
      url: `/${route.path}`,
      schema: schemaOf(route),
      ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
      handler: async (request, reply) => {
        const caller = callerOf(request);
        const answer = await answers[operation](request, caller.user as User, caller);
        return reply.code(route.status).send(answer);
      },
    });
}

function schemaOf({ params, query, body, status, answer }: AccountRoute): FastifySchema {
  return {
    ...(params === undefined ? {} : { params }),
    querystring: query ?? { type: 'object' },
    ...(body === undefined || body === 'octets' ? {} : { body }),
    response: { [status]: answer },
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
    writePart(request, user, { signed }) {
      return handlers.writePart(user, uploadOf(request), partOf(request, offsetOf(request), signed, digests));
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
  };
}
