/** Mail that leaves over SMTP, where `[smtp_out]` says how. A list, as daemon.ts is. */
import { readFile } from 'node:fs/promises';
import type { EffectiveSettings } from './admin/domain-settings.ts';
import { ownAddresses } from './account/mail.ts';
import type { Deliver } from './bridges/deliver-api.ts';
import type { OwnAddress } from './bridges/clear-text.ts';
import type { MailOut } from './bridges/smtp-out.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { ConfirmLegacy } from './directory/confirm-legacy.ts';
import type { Resolver } from './dns/resolver.ts';
import { createDiscover } from './dns/discover.ts';
import { BeckonError } from './errors.ts';
import { addressHash } from './keys/fingerprints.ts';
import type { KeyRing } from './keys/key-ring.ts';
import { ownKey } from './keys/key-pair.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Https } from './outbound/https.ts';
import type { Store } from './store/api/store.ts';
import { formatAddress, splitAddress } from './wire/address.ts';

export interface MailOutSideParts {
  readonly store: Store;
  readonly settings: EffectiveSettings;
  readonly keyRing: KeyRing;
  readonly resolver: Resolver;
  readonly https: Https;
  readonly config: () => Config;
  readonly deliver: Deliver;
  readonly confirmLegacy: ConfirmLegacy;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Jobs at once to one smarthost, and to one domain. */
const limits = { server: 8, direct: 2 } as const;

/** Undefined where no mail leaves. Throws `config_invalid` for a password file or an authority that cannot be used. */
export async function createMailOutSide(parts: MailOutSideParts): Promise<MailOut | undefined> {
  const { store, keyRing, resolver, clock, config } = parts;
  const { smtpOut, host, outbound } = config();
  if (smtpOut.via === null) return undefined;
  // Loaded where mail leaves: most daemons start faster without.
  const [
    { createSmtpTransport },
    { createRoutes },
    { createMailOut },
    { createTell },
    { createRefuseRecipient },
  ] = await Promise.all([
    import('./bridges/smtp-transport.ts'),
    import('./bridges/mail-routes.ts'),
    import('./bridges/smtp-out.ts'),
    import('./bridges/mail-tell.ts'),
    import('./bridges/clear-text.ts'),
  ]);
  const { kind } = smtpOut.via;
  const draw = Math.random;
  const carry = createSmtpTransport({
    route: smtpOut.via,
    password: smtpOut.passwordFile === null ? undefined : await passwordIn(smtpOut.passwordFile),
    hello: smtpOut.hello ?? host,
    resolver,
    allow: outbound.allow,
    caFiles: outbound.caFiles,
    cache: store.directory,
    dkimOf: (domain) => keyRing.keysOf(domain)?.dkim,
    clock,
    random: draw,
  });
  const queue = store.mailQueue;
  const tell = createTell({
    queue,
    deliver: parts.deliver,
    bridgeAddress(domain) {
      const local = keyRing.keysOf(domain)?.bridge?.local;
      return local === undefined ? undefined : formatAddress({ local, domain });
    },
    addressOf: async (owner) => (await ownAddresses(store, owner))[0],
    host,
    clock,
    draw,
  });
  return createMailOut({
    queue,
    blobs: store.blobs,
    bridgeKey(domain, keyId) {
      const keys = keyRing.keysOf(domain);
      if (keys === undefined) throw new BeckonError('key_unknown', 'this domain has no keys here');
      // As long as its private half is here, whatever its dates say: what waits was taken in time.
      return ownKey(keys.keys, 'bridge', keyId).secret;
    },
    ownAddresses: (owner) => ownAddresses(store, owner),
    refuse: createRefuseRecipient({
      ...parts,
      discover: createDiscover(resolver),
      own: createOwnAddress(parts),
    }),
    routes: createRoutes({
      carry,
      routeOf: (domain) => (kind === 'direct' ? domain : kind),
      limit: limits[kind],
      clock,
    }),
    tell,
    host,
    draw,
    ...parts,
  });
}

async function passwordIn(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new BeckonError('config_invalid', `smtp_out.password_file: ${path} cannot be read`, { cause });
  }
}

/** What addresses of the domains that are served here are. */
function createOwnAddress({ store, settings, keyRing }: MailOutSideParts): OwnAddress {
  return async (address) => {
    const { domain } = splitAddress(address);
    if (keyRing.keysOf(domain) === undefined) return undefined;
    const listed = await store.listed.get(domain, addressHash(address));
    if (listed !== undefined && listed.gone === undefined) return 'native';
    return (await settings.of(domain))?.unknownUsers === 'mail' ? 'mail' : 'unknown';
  };
}
