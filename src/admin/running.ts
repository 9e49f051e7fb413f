/** What a hoster asks of a running daemon: domains, users, traces, figures. Values in, values out; the http room serves it. */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Random } from '../crypto/random.ts';
import type { TextSealer } from '../crypto/sealed-text.ts';
import { BeckonError } from '../errors.ts';
import { bridgeLocal } from '../keys/bridge-user.ts';
import { addressHash, parseTraceHandle } from '../keys/fingerprints.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { identityWanted } from '../keys/key-report.ts';
import { nextIdentity } from '../keys/next-identity.ts';
import type { Metrics } from '../metrics.ts';
import type { DomainChanges, DomainSettings } from '../store/api/domains.ts';
import type { Store } from '../store/api/store.ts';
import type { User } from '../store/api/users.ts';
import { formatAddress, parseAddress, type Address } from '../wire/address.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import { aliasOperations } from './aliases.ts';
import { serveDomain } from './adopt-domains.ts';
import type { Backups } from './backup.ts';
import { createDnsOf, type PublicPorts } from './domain-dns.ts';
import type { EffectiveSettings } from './domain-settings.ts';
import { createDomain } from './new-domain.ts';
import type { LookAtOwnDns } from './own-dns.ts';
import { mailQueueOperations } from './mail-queue.ts';
import { takedownOperations } from './takedown.ts';
import { exportOperations } from './user-export.ts';

export interface RunningParts {
  readonly version: string;
  readonly config: () => Config;
  /** Ports as bound: what the published records name, unless a proxy or a socket stands before them. */
  readonly ports: () => PublicPorts;
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly settings: EffectiveSettings;
  /** Encrypts the key files of new domains, where there is a passphrase. */
  readonly sealer?: TextSealer | undefined;
  /** An invitation for a new user. Throws `not_found`, `exists`. */
  readonly invite: (address: Address) => Promise<{ readonly invitation: string; readonly expires: number }>;
  /** One for an enrolled user; with `revoke` what they have is refused at once. Throws `not_found`. */
  readonly reinvite: (
    address: Address,
    how: { readonly revoke: boolean },
  ) => Promise<{ readonly invitation: string; readonly expires: number }>;
  /** What a domain's keys owe to its settings. */
  readonly settleKeys: (domain: string) => Promise<void>;
  readonly reload: () => Promise<{ readonly restartNeeded: readonly string[] }>;
  /** What DNS shows of a domain that is served here. */
  readonly ownDns: LookAtOwnDns;
  /** Watches that are open. */
  readonly watchers: () => number;
  readonly backups: Backups;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
}

/** The operations, all of them throwing BeckonError with the codes that the admin interface documents. */
export type RunningOperations = ReturnType<typeof createRunningOperations>;

export function createRunningOperations(parts: RunningParts) {
  return {
    ...serverOperations(parts),
    ...domainOperations(parts),
    ...userOperations(parts),
    ...aliasOperations(parts),
    ...exportOperations(parts),
    ...takedownOperations(parts),
    ...mailQueueOperations(parts),
  };
}

function serverOperations(parts: RunningParts) {
  const { version, config, store, keyRing, reload, backups, watchers, metrics, clock } = parts;
  const started = clock.seconds();

  function identityIsWanted() {
    return keyRing.domains().flatMap((domain) => {
      const keys = keyRing.keysOf(domain);
      const mandateEnds = keys && identityWanted(keys, clock.seconds());
      return mandateEnds === undefined ? [] : [{ domain, mandateEnds }];
    });
  }

  return {
    async status() {
      const stats = await store.stats();
      const { stored = 0, ...dropped } = await metrics.datagramOutcomes();
      const { messages, hasRoom, oldest } = stats;
      return {
        version,
        uptime: clock.seconds() - started,
        domains: stats.domains,
        users: stats.users,
        waiting: {
          messages,
          bytes: stats.bytes - stats.asideBytes,
          hasRoom,
          ...(oldest === undefined ? {} : { oldest }),
        },
        stored: { bytes: stats.bytes, maxBytes: config().storage.max, aside: stats.asideBytes },
        mailQueue: stats.mailQueue,
        pulled: { messages: stats.pulled, bytes: stats.pulledBytes },
        received: { since: started, stored, introductions: stats.feed, dropped },
        watchers: watchers(),
        identityWanted: identityIsWanted(),
      };
    },

    /** Events of a message at either end; an unknown handle has none. Throws `request_invalid` for what is no handle. */
    async trace(typed: string) {
      const handle = parseTraceHandle(typed);
      if (handle === undefined)
        throw new BeckonError('request_invalid', 'a trace handle has 16 letters and digits');
      const events = await store.events.byHandle(handle);
      return events.map(({ time, kind, counterpart }) => {
        const [event = '', detail] = kind.split(':');
        return {
          time,
          event,
          ...(counterpart === undefined ? {} : { peer: counterpart }),
          ...(detail === undefined ? {} : { detail }),
        };
      });
    },

    /** Throws `request_invalid`, `exists`, `conflict`. */
    startBackup: ({ directory, configuration }: { directory: string; configuration: string }) =>
      backups.start(directory, configuration),
    backupState: async () => await Promise.resolve(backups.progress()),
    reload,
  };
}

function domainOperations(parts: RunningParts) {
  const { config, store, keyRing, settings, settleKeys, sealer, clock, random } = parts;

  function fingerprintOf(domain: string): Uint8Array {
    const keys = keyRing.keysOf(domain);
    if (keys === undefined) throw new BeckonError('not_found', 'this domain is not served here');
    return keys.fingerprint;
  }

  const recordsOf = createDnsOf(parts);

  function identityState(domain: string): { readonly identity?: 'leaving' | 'changing' } {
    const keys = keyRing.keysOf(domain);
    if (keys?.gone !== undefined) return { identity: 'leaving' };
    return keys !== undefined && nextIdentity(keys) !== undefined ? { identity: 'changing' } : {};
  }

  async function summary(domain: string) {
    const known = await store.domains.get(domain);
    const effective = await settings.of(domain);
    if (known === undefined || effective === undefined)
      throw new BeckonError('not_found', 'this domain is not served here');
    return {
      domain,
      fingerprint: base64urlnopad.encode(fingerprintOf(domain)),
      users: (await store.users.list(domain)).length,
      settings: effective,
      own: Object.keys(known.own) as (keyof DomainSettings)[],
      ...identityState(domain),
    };
  }

  return {
    /** Those that are served: a domain whose keys were taken away keeps its row, but nothing is served for it. */
    async domains() {
      const known = await store.domains.list();
      const served = known.filter(({ domain }) => keyRing.keysOf(domain) !== undefined);
      return await Promise.all(
        served.map(async ({ domain }) => {
          const dns = await parts.ownDns(domain, fingerprintOf(domain));
          return { ...(await summary(domain)), dns };
        }),
      );
    },

    /** Keys first, then the row, which the next start adds where it is missing. Throws `domain_invalid`, `exists`. */
    async addDomain(typed: string) {
      const domain = canonicalDomain(typed);
      if (keyRing.keysOf(domain) !== undefined)
        throw new BeckonError('exists', 'the domain is served here already');
      const { keys, recoveryKey } = await createDomain(domain, {
        dataDir: config().data,
        clock,
        random,
        sealer,
      });
      await serveDomain(keys, keyRing, store.domains);
      await settleKeys(domain);
      return {
        domain,
        fingerprint: base64urlnopad.encode(keys.fingerprint),
        recoveryKey,
        dns: recordsOf(domain),
      };
    },

    /** Throws `domain_invalid`, `not_found`, `conflict` for decoys beside SMTP. */
    async setDomain(typed: string, changes: DomainChanges) {
      const domain = canonicalDomain(typed);
      if (changes.unknownUsers === 'decoy' && config().smtpIn.listen !== null)
        throw new BeckonError('conflict', 'decoys beside smtp_in: SMTP tells who has an address');
      await store.domains.update(domain, changes);
      if (changes.bridge !== undefined) await settleKeys(domain);
      return await summary(domain);
    },

    /** Throws `domain_invalid`, `not_found`. */
    async domainDns(typed: string) {
      return await Promise.resolve(recordsOf(canonicalDomain(typed)));
    },
  };
}

/** Throws `exists` for the name that a bridge user of the domain takes, be it there or not. */
function expectFree({ local }: Address): void {
  if (local === bridgeLocal)
    throw new BeckonError('exists', 'this name is kept for the bridge of the domain to mail');
}

function userOperations({ store, keyRing, invite, reinvite }: RunningParts) {
  async function summary(user: User) {
    const { domain, local, status, created, devices, addressHash: owner } = user;
    const { bytes } = await store.transit.usage(domain, owner);
    return {
      address: formatAddress({ local, domain }),
      state: status,
      created,
      bytes,
      devices: devices.filter(({ kind }) => kind === 'device').length,
    };
  }

  return {
    /** Throws `domain_invalid`, `not_found`. */
    async users(typed: string) {
      const domain = canonicalDomain(typed);
      if ((await store.domains.get(domain)) === undefined)
        throw new BeckonError('not_found', 'this domain is not served here');
      return await Promise.all((await store.users.list(domain)).map(summary));
    },

    /** Throws `address_invalid`, `domain_invalid`, `not_found`, `exists`. */
    async inviteUser(typed: string) {
      const { address, tag } = parseAddress(typed);
      if (tag !== undefined) throw new BeckonError('address_invalid', 'an address of a user has no +tag');
      expectFree(address);
      if (keyRing.keysOf(address.domain)?.gone !== undefined)
        throw new BeckonError('conflict', 'the domain leaves: beckon domain retire --back takes that back');
      return { address: formatAddress(address), ...(await invite(address)) };
    },

    /** Throws `address_invalid`, `domain_invalid`, `not_found`. */
    async reinviteUser(typed: string, how: { readonly revoke: boolean }) {
      const { address } = parseAddress(typed);
      return { address: formatAddress(address), ...(await reinvite(address, how)) };
    },

    /** Throws `not_found`. */
    async removeUser(typed: string) {
      const { address } = parseAddress(typed);
      await store.users.remove(address.domain, addressHash(formatAddress(address)));
      return { address: formatAddress(address) };
    },

    /** Throws `not_found`. */
    async suspendUser(typed: string, suspended: boolean) {
      const { address } = parseAddress(typed);
      const hash = addressHash(formatAddress(address));
      await store.users.suspend(address.domain, hash, suspended);
      const user = await store.users.get(address.domain, hash);
      if (user === undefined) throw new BeckonError('not_found', 'there is no such user');
      return await summary(user);
    },
  };
}
