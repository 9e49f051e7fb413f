/** The routes of the admin interface: decode, call, encode. Who may open its socket may do everything here. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BeckonError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { TakedownReason } from '../wire/registry.ts';
import type { AdminHandlers, DomainChanges, KeyUseName } from './admin-handlers.ts';
import type { AdminRoute } from './admin-route.ts';
import { adminOperations, adminPath } from './admin-schemas.ts';
import { identityCalls } from './identity-routes.ts';
import { problemHandler } from './app.ts';

export interface AdminParts {
  readonly handlers: AdminHandlers;
  readonly log: Log;
}

type Operation = keyof typeof adminOperations;
interface KeyRequest {
  readonly uses?: readonly KeyUseName[];
  readonly identity?: object;
}
type Texts = Readonly<Record<string, string>>;

/** Adds the admin interface to a listener, which must be on a unix socket that only administrators can open. */
export function adminRoutes(app: FastifyInstance, { handlers, log }: AdminParts): void {
  app.register(async (scope) => addOperations(scope, handlers, log), { prefix: adminPath });
}

function addOperations(scope: FastifyInstance, handlers: AdminHandlers, log: Log): void {
  scope.setErrorHandler(problemHandler('admin', log));
  scope.setNotFoundHandler(() => {
    throw new BeckonError('unsupported', 'this daemon has no such operation');
  });
  const parseJson = scope.getDefaultJsonParser('error', 'error');
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, parseJson);
  const calls = callsOf(handlers);
  for (const [operation, route] of Object.entries(adminOperations) as [Operation, AdminRoute][])
    scope.route({
      method: route.method,
      url: route.path,
      schema: {
        ...(route.params === undefined ? {} : { params: route.params }),
        ...(route.body === undefined ? {} : { body: route.body }),
      },
      handler: (request) => calls[operation](request),
    });
}

function callsOf(handlers: AdminHandlers): Record<Operation, (request: FastifyRequest) => Promise<object>> {
  const param = (request: FastifyRequest, name: string): string => (request.params as Texts)[name] ?? '';
  const member = (request: FastifyRequest, name: string): string => (request.body as Texts)[name] ?? '';
  return {
    status: () => handlers.status(),
    domains: () => handlers.domains(),
    addDomain: (request) => handlers.addDomain(member(request, 'domain')),
    setDomain: (request) => handlers.setDomain(param(request, 'domain'), request.body as DomainChanges),
    domainDns: (request) => handlers.domainDns(param(request, 'domain')),
    users: (request) => handlers.users(param(request, 'domain')),
    inviteUser: (request) => handlers.inviteUser(member(request, 'address')),
    reinviteUser: (request) =>
      handlers.reinviteUser(param(request, 'address'), request.body as { revoke: boolean }),
    removeUser: (request) => handlers.removeUser(param(request, 'address')),
    exportUser: (request) => handlers.exportUser(param(request, 'address'), member(request, 'directory')),
    suspendUser: (request) =>
      handlers.suspendUser(param(request, 'address'), (request.body as { suspended: boolean }).suspended),
    domainDkim: (request) => handlers.domainDkim(param(request, 'domain')),
    rotateDkim: (request) => handlers.rotateDkim(param(request, 'domain')),
    domainKeys: (request) => handlers.domainKeys(param(request, 'domain')),
    rotateKeys: (request) => {
      const { uses, identity } = request.body as KeyRequest;
      return handlers.rotateKeys(param(request, 'domain'), uses, identity);
    },
    revokeKey: (request) =>
      handlers.revokeKey(
        param(request, 'domain'),
        member(request, 'id'),
        (request.body as KeyRequest).identity,
      ),
    publicKeys: (request) => handlers.publicKeys(param(request, 'domain')),
    identityKey: (request) => handlers.identityKey(param(request, 'domain')),
    keepIdentityKey: (request) =>
      handlers.keepIdentityKey(param(request, 'domain'), (request.body as { identity: object }).identity),
    forgetIdentityKey: (request) =>
      handlers.forgetIdentityKey(param(request, 'domain'), (request.body as { identity: object }).identity),
    aliases: (request) => handlers.aliases(param(request, 'address')),
    setAlias: (request) =>
      handlers.setAlias(
        param(request, 'address'),
        member(request, 'alias'),
        (request.body as { held: boolean }).held,
      ),
    trace: (request) => handlers.trace(param(request, 'handle')),
    takedown: (request) =>
      handlers.takedown(param(request, 'handle'), (request.body as { reason: TakedownReason }).reason),
    queue: () => handlers.queue(),
    retryMail: (request) => handlers.retryMail(param(request, 'handle')),
    dropMail: (request) => handlers.dropMail(param(request, 'handle')),
    startBackup: (request) =>
      handlers.startBackup({
        directory: member(request, 'directory'),
        configuration: member(request, 'configuration'),
      }),
    backupState: () => handlers.backupState(),
    reload: () => handlers.reload(),
    ...identityCalls(handlers),
  };
}
