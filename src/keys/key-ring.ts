/** The private keys of all domains that one daemon serves, found by what incoming objects name. */
import type { Secret } from '../crypto/secret.ts';
import { BeckonError, codeOf } from '../errors.ts';
import type { DomainKeys } from './domain-keys.ts';
import { findKey, type KeyPair } from './key-pair.ts';

export interface KeyRing {
  /** Adds the keys of a domain, or puts them in the place of its earlier ones. */
  set(keys: DomainKeys): void;
  /** The same object until `set` is called for the domain. */
  keysOf(domain: string): DomainKeys | undefined;
  domains(): readonly string[];
  /** The notification key, active or retired, with this id (8 bytes), of whichever domain has it. */
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

  return {
    set(keys) {
      for (const key of byDomain.get(keys.domain)?.keys ?? []) byNotificationId.delete(nameOf(key.id));
      byDomain.set(keys.domain, keys);
      for (const key of keys.keys)
        if (key.use === 'notification') byNotificationId.set(nameOf(key.id), keys.domain);
    },
    keysOf: (domain) => byDomain.get(domain),
    domains: () => [...byDomain.keys()],
    notificationKey(id, now) {
      const domain = byNotificationId.get(nameOf(id));
      const keys = domain === undefined ? undefined : byDomain.get(domain);
      // A domain that leaves takes nothing new.
      if (domain === undefined || keys === undefined || keys.gone !== undefined) return undefined;
      try {
        return { domain, pair: findKey(keys.keys, 'notification', id, now) };
      } catch (error) {
        if (codeOf(error) === 'internal') throw error;
        return undefined;
      }
    },
    pollKey(domain, id, now) {
      const keys = byDomain.get(domain);
      if (keys === undefined) throw new BeckonError('key_unknown', 'this domain has no keys here');
      if (keys.revoked.some((key) => nameOf(key.id) === nameOf(id)))
        throw new BeckonError('key_not_active', 'the key named is revoked');
      return findKey(keys.keys, 'poll', id, now).secret;
    },
  };
}

function nameOf(id: Uint8Array): string {
  return String.fromCharCode(...id);
}
