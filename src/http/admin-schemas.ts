/** The routes of the admin interface as data: what the server checks and where the client asks. */
import { maxDomainLength } from '../wire/domain-name.ts';
import { counts, takedownReasonNames, times } from '../wire/registry.ts';
import {
  bridgePolicies,
  mailPolicies,
  introductionPolicies,
  keyUseNames,
  unknownUsersPolicies,
  type AdminHandlers,
} from './admin-handlers.ts';
import type { AdminRoute } from './admin-route.ts';
import { identityOperations } from './identity-routes.ts';
import { byteCount, integer, list, object, oneOf, text, type JsonSchema } from './json-schemas.ts';

/** In front of every path. */
export const adminPath = '/admin';

const domain = text(maxDomainLength);
const address = text(512);
const inDomain = object({ domain });

/** The file of an identity key: what it holds is for the keys room to judge. */
const anyObject: JsonSchema = { type: 'object' };

function orDefault(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] };
}

/** Ten years. */
const maxKeep = 3650 * 86_400;

const changes = object({
  'bridge?': orDefault(oneOf(bridgePolicies)),
  'mailPolicy?': orDefault(oneOf(mailPolicies)),
  'contact?': orDefault(text(256)),
  'unknownUsers?': orDefault(oneOf(unknownUsersPolicies)),
  'introductions?': orDefault(oneOf(introductionPolicies)),
  'transit?': orDefault(integer(times.transitMin, times.transitMax)),
  'quota?': orDefault(byteCount),
  'pullQuota?': orDefault(byteCount),
  'egress?': orDefault(byteCount),
  'keep?': orDefault(integer(0, maxKeep)),
  'introductionsPerHour?': orDefault(integer(0, 1_000_000)),
  'bucketBits?': orDefault(integer(0, counts.bucketBits)),
});

export const adminOperations = {
  status: { method: 'GET', path: '/status' },
  domains: { method: 'GET', path: '/domains' },
  addDomain: { method: 'POST', path: '/domains', body: object({ domain }) },
  setDomain: { method: 'PATCH', path: '/domains/:domain', params: inDomain, body: changes },
  domainDns: { method: 'GET', path: '/domains/:domain/dns', params: inDomain },
  users: { method: 'GET', path: '/domains/:domain/users', params: inDomain },
  inviteUser: { method: 'POST', path: '/users', body: object({ address }) },
  reinviteUser: {
    method: 'POST',
    path: '/users/:address/invitations',
    params: object({ address }),
    body: object({ revoke: { type: 'boolean' } }),
  },
  removeUser: { method: 'DELETE', path: '/users/:address', params: object({ address }) },
  exportUser: {
    method: 'POST',
    path: '/users/:address/exports',
    params: object({ address }),
    body: object({ directory: text(4096) }),
  },
  suspendUser: {
    method: 'PATCH',
    path: '/users/:address',
    params: object({ address }),
    body: object({ suspended: { type: 'boolean' } }),
  },
  aliases: { method: 'GET', path: '/users/:address/aliases', params: object({ address }) },
  setAlias: {
    method: 'PATCH',
    path: '/users/:address/aliases',
    params: object({ address }),
    body: object({ alias: address, held: { type: 'boolean' } }),
  },
  domainDkim: { method: 'GET', path: '/domains/:domain/dkim', params: inDomain },
  rotateDkim: { method: 'POST', path: '/domains/:domain/dkim', params: inDomain, body: object({}) },
  domainKeys: { method: 'GET', path: '/domains/:domain/keys', params: inDomain },
  rotateKeys: {
    method: 'POST',
    path: '/domains/:domain/keys/rotate',
    params: inDomain,
    body: object({ 'uses?': list(oneOf(keyUseNames), 1, keyUseNames.length), 'identity?': anyObject }),
  },
  revokeKey: {
    method: 'POST',
    path: '/domains/:domain/keys/revoke',
    params: inDomain,
    body: object({ id: text(64), 'identity?': anyObject }),
  },
  publicKeys: { method: 'GET', path: '/domains/:domain/keys/public', params: inDomain },
  identityKey: { method: 'GET', path: '/domains/:domain/keys/identity', params: inDomain },
  keepIdentityKey: {
    method: 'POST',
    path: '/domains/:domain/keys/identity',
    params: inDomain,
    body: object({ identity: anyObject }),
  },
  forgetIdentityKey: {
    method: 'POST',
    path: '/domains/:domain/keys/identity/forget',
    params: inDomain,
    body: object({ identity: anyObject }),
  },
  trace: { method: 'GET', path: '/traces/:handle', params: object({ handle: text(64) }) },
  takedown: {
    method: 'POST',
    path: '/messages/:handle/takedown',
    params: object({ handle: text(64) }),
    body: object({ reason: oneOf(takedownReasonNames) }),
  },
  queue: { method: 'GET', path: '/mail' },
  retryMail: { method: 'POST', path: '/mail/:handle/retry', params: object({ handle: text(64) }) },
  dropMail: { method: 'POST', path: '/mail/:handle/drop', params: object({ handle: text(64) }) },
  startBackup: {
    method: 'POST',
    path: '/backups',
    body: object({ directory: text(4096), configuration: text(1 << 20) }),
  },
  backupState: { method: 'GET', path: '/backups/last' },
  reload: { method: 'POST', path: '/reload' },
  ...identityOperations,
} as const satisfies Record<keyof AdminHandlers, AdminRoute>;
