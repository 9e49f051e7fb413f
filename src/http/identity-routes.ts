/** The routes of the admin interface about a domain's identity: schemas, what the server calls, and how the client asks. */
import type { FastifyRequest } from 'fastify';
import { maxDomainLength } from '../wire/domain-name.ts';
import type { AdminRoute } from './admin-route.ts';
import type { IdentityHandlers } from './identity-handlers.ts';
import { object, text, type JsonSchema } from './json-schemas.ts';

const domain = text(maxDomainLength);
const params = object({ domain });
/** The file of an identity key: what it holds is for the keys room to judge. */
const identity: JsonSchema = { type: 'object' };
const flag: JsonSchema = { type: 'boolean' };
const recovery = text(256);
const nextRecovery = text(64);

export const identityOperations = {
  identity: { method: 'GET', path: '/domains/:domain/identity', params },
  prepareIdentity: {
    method: 'POST',
    path: '/domains/:domain/identity/prepare',
    params,
    body: object({
      'identity?': identity,
      'offline?': flag,
      'recovery?': recovery,
      'nextRecovery?': nextRecovery,
    }),
  },
  takeIdentity: {
    method: 'POST',
    path: '/domains/:domain/identity/take',
    params,
    body: object({ 'identity?': identity, 'unchecked?': flag }),
  },
  abandonIdentity: { method: 'POST', path: '/domains/:domain/identity/abandon', params, body: object({}) },
  replaceRecovery: {
    method: 'POST',
    path: '/domains/:domain/recovery',
    params,
    body: object({ 'identity?': identity, recovery, nextRecovery }),
  },
  retireDomain: {
    method: 'POST',
    path: '/domains/:domain/retire',
    params,
    body: object({ 'identity?': identity, 'back?': flag }),
  },
  vouch: {
    method: 'POST',
    path: '/domains/:domain/vouch',
    params,
    body: object({ child: domain, fingerprint: text(64) }),
  },
  attach: {
    method: 'POST',
    path: '/domains/:domain/attachments',
    params,
    body: object({ attachment: text(2048) }),
  },
} as const satisfies Record<keyof IdentityHandlers, AdminRoute>;

type Operation = keyof typeof identityOperations;

/** What each route calls. */
export function identityCalls(
  handlers: IdentityHandlers,
): Record<Operation, (request: FastifyRequest) => Promise<object>> {
  const of = (request: FastifyRequest): string => (request.params as { domain: string }).domain;
  const body = <K extends 'prepareIdentity' | 'takeIdentity' | 'replaceRecovery' | 'retireDomain' | 'vouch'>(
    request: FastifyRequest,
  ) => request.body as Parameters<IdentityHandlers[K]>[1];
  return {
    identity: (request) => handlers.identity(of(request)),
    prepareIdentity: (request) => handlers.prepareIdentity(of(request), body<'prepareIdentity'>(request)),
    takeIdentity: (request) => handlers.takeIdentity(of(request), body<'takeIdentity'>(request)),
    abandonIdentity: (request) => handlers.abandonIdentity(of(request)),
    replaceRecovery: (request) => handlers.replaceRecovery(of(request), body<'replaceRecovery'>(request)),
    retireDomain: (request) => handlers.retireDomain(of(request), body<'retireDomain'>(request)),
    vouch: (request) => handlers.vouch(of(request), body<'vouch'>(request)),
    attach: (request) => handlers.attach(of(request), (request.body as { attachment: string }).attachment),
  };
}

/** One question to the daemon. */
export type Ask = <T>(
  route: AdminRoute,
  params?: Readonly<Record<string, string>>,
  body?: object,
) => Promise<T>;

/** The same from the other side. */
export function identityClient(ask: Ask): IdentityHandlers {
  const routes = identityOperations;
  return {
    identity: (domain) => ask(routes.identity, { domain }),
    prepareIdentity: (domain, request) => ask(routes.prepareIdentity, { domain }, request),
    takeIdentity: (domain, request) => ask(routes.takeIdentity, { domain }, request),
    abandonIdentity: (domain) => ask(routes.abandonIdentity, { domain }, {}),
    replaceRecovery: (domain, request) => ask(routes.replaceRecovery, { domain }, request),
    retireDomain: (domain, request) => ask(routes.retireDomain, { domain }, request),
    vouch: (parent, request) => ask(routes.vouch, { domain: parent }, request),
    attach: (domain, attachment) => ask(routes.attach, { domain }, { attachment }),
  };
}
