/** The admin interface as its own types again, over the unix socket: what the command line uses. */
import type { Agent, IncomingMessage } from 'node:http';
import { BeckonError, errorCodes, type ErrorCode } from '../errors.ts';
import type { AdminHandlers } from './admin-handlers.ts';
import type { AdminRoute } from './admin-route.ts';
import { adminOperations, adminPath } from './admin-schemas.ts';
import { identityClient } from './identity-routes.ts';

export interface AdminClient extends AdminHandlers {
  close(): Promise<void>;
}

/** Without an answer for this long, the daemon counts as gone. */
const patienceMs = 60_000;
const maxAnswer = 64 * 1024 * 1024;

/**
 * Connects when first asked. Every call throws what the daemon answers with its code; `unavailable` where nobody
 * listens or answers, `unauthorized` where this user may not open the socket.
 */
export function openAdmin(socketPath: string, timeoutMs = patienceMs): AdminClient {
  // A connection each, which costs nothing here: the daemon may end a kept one at the moment that it is used again.
  const agent = new (loadHttp().Agent)({ keepAlive: false });
  const ask = <T>(
    { method, path }: AdminRoute,
    params: Readonly<Record<string, string>> = {},
    body?: object,
  ): Promise<T> => {
    const target = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
    return exchange(
      { agent, socketPath, method, path: adminPath + target, timeout: timeoutMs },
      body,
    ) as Promise<T>;
  };
  const operations = adminOperations;
  return {
    status: () => ask(operations.status),
    domains: () => ask(operations.domains),
    addDomain: (domain) => ask(operations.addDomain, {}, { domain }),
    setDomain: (domain, changes) => ask(operations.setDomain, { domain }, changes),
    domainDns: (domain) => ask(operations.domainDns, { domain }),
    users: (domain) => ask(operations.users, { domain }),
    inviteUser: (address) => ask(operations.inviteUser, {}, { address }),
    reinviteUser: (address, how) => ask(operations.reinviteUser, { address }, how),
    removeUser: (address) => ask(operations.removeUser, { address }),
    exportUser: (address, directory) => ask(operations.exportUser, { address }, { directory }),
    suspendUser: (address, suspended) => ask(operations.suspendUser, { address }, { suspended }),
    aliases: (address) => ask(operations.aliases, { address }),
    setAlias: (address, alias, held) => ask(operations.setAlias, { address }, { alias, held }),
    domainDkim: (domain) => ask(operations.domainDkim, { domain }),
    rotateDkim: (domain) => ask(operations.rotateDkim, { domain }, {}),
    domainKeys: (domain) => ask(operations.domainKeys, { domain }),
    rotateKeys: (domain, uses, identity) => ask(operations.rotateKeys, { domain }, { uses, identity }),
    revokeKey: (domain, id, identity) => ask(operations.revokeKey, { domain }, { id, identity }),
    publicKeys: (domain) => ask(operations.publicKeys, { domain }),
    identityKey: (domain) => ask(operations.identityKey, { domain }),
    keepIdentityKey: (domain, identity) => ask(operations.keepIdentityKey, { domain }, { identity }),
    forgetIdentityKey: (domain, identity) => ask(operations.forgetIdentityKey, { domain }, { identity }),
    trace: (handle) => ask(operations.trace, { handle }),
    queue: () => ask(operations.queue),
    retryMail: (handle) => ask(operations.retryMail, { handle }),
    dropMail: (handle) => ask(operations.dropMail, { handle }),
    takedown: (handle, reason) => ask(operations.takedown, { handle }, { reason }),
    startBackup: (backup) => ask(operations.startBackup, {}, backup),
    backupState: () => ask(operations.backupState),
    reload: () => ask(operations.reload),
    ...identityClient(ask),
    async close() {
      agent.destroy();
      await Promise.resolve();
    },
  };
}

/** An import statement would also load Node's own fetch and WebSocket, for half of the time that a short command takes. */
const loadHttp = () => process.getBuiltinModule('node:http');

interface Target {
  readonly agent: Agent;
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly timeout: number;
}

async function exchange(target: Target, body: object | undefined): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const asked = loadHttp().request({ ...target, headers }, resolve);
  asked.once('timeout', () => asked.destroy(new BeckonError('unavailable', 'the daemon does not answer')));
  asked.once('error', reject);
  asked.end(body === undefined ? undefined : JSON.stringify(body));
  try {
    const answer = await promise;
    return read(answer, await textOf(answer));
  } catch (cause) {
    throw cause instanceof BeckonError ? cause : unreachable(cause as NodeJS.ErrnoException);
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maxAnswer) throw new BeckonError('too_large', 'the daemon answers with too much');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function read({ statusCode }: IncomingMessage, text: string): unknown {
  const value = parse(text);
  if (statusCode === 200) return value;
  const { code, detail } = value as { code?: unknown; detail?: unknown };
  const known = errorCodes.find((known): known is ErrorCode => known === code) ?? 'internal';
  throw new BeckonError(known, typeof detail === 'string' ? detail : 'the daemon answers with an error');
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // said below
  }
  throw new BeckonError('internal', 'what answers at the admin socket is no daemon of ours');
}

function unreachable(cause: NodeJS.ErrnoException): BeckonError {
  if (cause.code === 'EACCES' || cause.code === 'EPERM')
    return new BeckonError('unauthorized', 'you may not open the admin socket', { cause });
  return new BeckonError('unavailable', `nobody answers at the admin socket (${cause.code})`, { cause });
}
