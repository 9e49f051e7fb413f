/** The private keys of all domains that one daemon serves, found by what incoming objects name. */
import type { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import type { KeyUse } from '../wire/registry.ts';
import type { DomainKeys } from './domain-keys.ts';
import { findKey, type KeyPair } from './key-pair.ts';

export interface KeyRing {
  /** Adds the keys of a domain, or puts them in the place of its earlier ones. */
  set(keys: DomainKeys): void;
  /** The same object until `set` is called for the domain. */
  keysOf(domain: string): DomainKeys | undefined;
  domains(): readonly string[];
  /**
   * The notification key, active or retired, with this id (8 bytes), of whichever domain has it; undefined where none has it. Throws
   * `key_not_active` for one that is pending, revoked or past its time.
   */
  notificationKey(
    id: Uint8Array,
    now: number,
  ): { readonly domain: string; readonly pair: KeyPair } | undefined;
  /** The private poll key of a domain that a poll names. Throws `key_unknown`, `key_not_active`. */
  pollKey(domain: string, id: Uint8Array, now: number): Secret;
}

export function createKeyRing(): KeyRing {
  const byDomain = new Map<string, DomainKeys>();
  /** Domain by the key id in the datagram: the first look-up of every datagram, so no loop over domains. */
  const byNotificationId = new Map<string, string>();

  function notificationIds({ keys, revoked }: DomainKeys): readonly string[] {
    return [...keys, ...revoked].filter(({ use }) => use === 'notification').map(({ id }) => nameOf(id));
  }

  return {
    set(keys) {
      const before = byDomain.get(keys.domain);
      if (before !== undefined) for (const id of notificationIds(before)) byNotificationId.delete(id);
      byDomain.set(keys.domain, keys);
      for (const id of notificationIds(keys)) byNotificationId.set(id, keys.domain);
    },
    keysOf: (domain) => byDomain.get(domain),
    domains: () => [...byDomain.keys()],
    notificationKey(id, now) {
      const domain = byNotificationId.get(nameOf(id));
      const keys = domain === undefined ? undefined : byDomain.get(domain);
      // A domain that leaves takes nothing new.
      if (domain === undefined || keys === undefined || keys.gone !== undefined) return undefined;
      return { domain, pair: ownKey(keys, 'notification', id, now) };
    },
    pollKey(domain, id, now) {
      const keys = byDomain.get(domain);
      if (keys === undefined) throw new BeckonError('key_unknown', 'this domain has no keys here');
      return ownKey(keys, 'poll', id, now).secret;
    },
  };
}

function ownKey({ keys, revoked }: DomainKeys, use: KeyUse, id: Uint8Array, now: number): KeyPair {
  if (revoked.some((key) => key.use === use && nameOf(key.id) === nameOf(id)))
    throw new BeckonError('key_not_active', 'the key named is revoked');
  return findKey(keys, use, id, now);
}

function nameOf(id: Uint8Array): string {
  return String.fromCharCode(...id);
}
