/** The keys of the configuration, as data. In the file and the environment `trustedProxies` is `trusted_proxies`. */
import {
  anyText,
  choice,
  count,
  duration,
  hostName,
  listenAddress,
  listOf,
  network,
  orNone,
  path,
  reserve,
  resolverAddress,
  size,
  tcpAddress,
  unixAddress,
} from './config-values.ts';
import { bridgeSections } from './config-bridges.ts';
import { entry, live, required, type Entry } from './config-entry.ts';
import type { LogLevel } from './log.ts';

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[];

export const schema = {
  host: required(
    hostName,
    'The name of this machine that the SRV and CNAME records of all domains point to.',
  ),
  contact: entry(
    orNone(anyText),
    '',
    'Where to report abuse, published in the records of all domains; empty: postmaster at the host.',
  ),
  data: entry(path, '/var/lib/beckon', 'The directory of the store and the keys.'),
  logLevel: entry(
    choice(logLevels),
    'info',
    'The least important events that are logged, on standard error.',
  ),
  listen: {
    https: entry(listenAddress, ':443', 'The public and the account interface.'),
    udp: entry(
      orNone(tcpAddress),
      ':4620',
      'Notifications; without it they come through the HTTPS door only.',
    ),
    admin: entry(
      unixAddress,
      'unix:/run/beckon/admin.sock',
      'The admin interface; who may open the socket is admin.',
    ),
    metrics: entry(
      orNone(listenAddress),
      '127.0.0.1:9620',
      'Figures for Prometheus; loopback or a socket only.',
    ),
    trustedProxies: entry(
      listOf(network),
      [],
      'With tls.mode = "proxy": who may connect, besides this machine, and is believed about the client\'s address.',
    ),
  },
  dns: {
    resolvers: entry(listOf(resolverAddress), [], 'Asked in this order; none: those of the system.'),
    dnssec: entry(
      choice(['auto', 'off']),
      'auto',
      '"auto": when a resolver on loopback says that it validated an answer, that counts. "off": nobody is believed; for a resolver on loopback that only hands on what a far one claims.',
    ),
  },
  tls: {
    mode: entry(
      choice(['files', 'proxy', 'none'], {
        acme: 'not in this version: use "files" with any ACME client',
      }),
      'files',
      '"files": certificates from files. "proxy": a proxy in front ends TLS. "none": plain HTTP, on loopback only.',
    ),
    directory: entry(
      orNone(path),
      '/etc/letsencrypt/live',
      'Certificates of the domains: beckon.DOMAIN/fullchain.pem and beckon.DOMAIN/privkey.pem. A reload reads them again.',
    ),
    certificate: entry(orNone(path), '', 'A certificate chain for names that the directory does not have.'),
    key: entry(orNone(path), '', 'The private key of that certificate.'),
  },
  keys: {
    rotate: live(
      entry(
        duration('14d', '180d'),
        '30d',
        'How long a notification, envelope or poll key of a domain is used before its successor takes over.',
      ),
    ),
    passphraseFile: entry(
      orNone(path),
      '',
      'A file whose first line is the passphrase of the key files; with it they are encrypted, those that are plain at the next start.',
    ),
  },
  storage: {
    max: entry(
      size,
      '50GB',
      'What messages that wait, users’ states and what is kept for them may take, of all domains together.',
    ),
    reserve: entry(reserve, '10%', 'Of the disk: with less free than this, nothing is accepted.'),
    pulled: live(
      entry(
        size,
        '10GB',
        'What messages that were pulled for the users of a domain may take, of each domain.',
      ),
    ),
    pulledKeep: live(
      entry(duration('1d', '365d'), '90d', 'How long a pulled message waits here for its recipient.'),
    ),
    fetches: live(
      entry(
        count(2, 1_000_000),
        200,
        'How often one message may be fetched in a day; reading it once takes two, header and payload.',
      ),
    ),
    egress: live(
      entry(
        size,
        '1TB',
        'What a domain serves of its messages in a day; a quarter of it for one message. More than the largest message.',
      ),
    ),
  },
  defaults: {
    unknownUsers: live(
      entry(
        choice(['mail', '404', 'decoy']),
        'mail',
        'What look-ups of unknown addresses get: "mail", it takes mail over SMTP; "404", there is none; "decoy", a record like any other, so that nobody learns who has an address.',
      ),
    ),
    introductions: live(
      entry(choice(['open', 'closed']), 'open', 'Whether strangers may make first contact.'),
    ),
    introductionsPerHour: live(
      entry(
        count(0, 1_000_000),
        1000,
        'First contacts that a domain takes in an hour, shared fairly by senders.',
      ),
    ),
    transit: live(
      entry(duration('1h', '90d'), '14d', 'How long a message waits where its sender does not say.'),
    ),
    quota: live(
      entry(size, '2GB', "What one user's waiting messages, and what is kept for the user, may take."),
    ),
    pullQuota: live(
      entry(
        size,
        '500MB',
        'What messages that were pulled for one user may take, beside the quota; "0B": nothing is pulled.',
      ),
    ),
    keep: live(
      entry(
        duration('0d', '3650d'),
        '90d',
        'How long the domain keeps ciphertext for its users, so that what was read opens on another device; "0d": not at all.',
      ),
    ),
  },
  outbound: {
    allow: entry(listOf(network), [], 'Private networks that may be dialled all the same.'),
    caFiles: entry(listOf(path), [], 'Certificate authorities to trust besides the public ones, PEM.'),
  },
  ...bridgeSections,
};

type ConfigOf<S> = {
  readonly [K in keyof S]: S[K] extends Entry<infer T> ? T : ConfigOf<S[K]>;
};

/** Sizes in bytes, durations in seconds, paths absolute; what is switched off is null. */
export type Config = ConfigOf<typeof schema>;

export interface Setting extends Entry<unknown> {
  /** Keys in the schema and in `Config`. */
  readonly path: readonly string[];
  /** Keys in the file. */
  readonly tomlPath: readonly string[];
  /** As people write it: `listen.trusted_proxies`. */
  readonly name: string;
  /** `BECKON_LISTEN_TRUSTED_PROXIES` */
  readonly variable: string;
}

export function tomlName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function isEntry(value: object): value is Entry<unknown> {
  return 'kind' in value;
}

function collect(section: object, above: readonly string[]): Setting[] {
  return Object.entries(section).flatMap(([key, value]: [string, object]) => {
    const path = [...above, key];
    if (!isEntry(value)) return collect(value, path);
    const tomlPath = path.map(tomlName);
    const name = tomlPath.join('.');
    return [{ ...value, path, tomlPath, name, variable: `BECKON_${tomlPath.join('_').toUpperCase()}` }];
  });
}

/** All keys, in the order of the schema. */
export const settings: readonly Setting[] = collect(schema, []);
