/** The bridges of the daemon, as far as it has any: mail in and out, for the domains that want it. A list, as daemon.ts is. */
import type { EffectiveSettings } from './admin/domain-settings.ts';
import { createWays } from './bridges/bridge-sender.ts';
import { createDeliver } from './bridges/deliver.ts';
import type { Deliver } from './bridges/deliver-api.ts';
import { createMailQuota } from './bridges/mail-quota.ts';
import { createNativeRecipients, type NativeRecipients } from './bridges/native-recipients.ts';
import type { MailOut } from './bridges/smtp-out.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Random } from './crypto/random.ts';
import { createEncapsulator } from './daemon-encapsulate.ts';
import { startMailIn, type MailIn } from './daemon-mail-in.ts';
import { startSocketmap } from './daemon-socketmap.ts';
import { createMailOutSide } from './daemon-mail-out.ts';
import { createConfirmLegacy } from './directory/confirm-legacy.ts';
import type { Domains } from './directory/domains.ts';
import { createUsers, type Users } from './directory/users.ts';
import type { Resolver } from './dns/resolver.ts';
import type { KeyRing } from './keys/key-ring.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Https } from './outbound/https.ts';
import type { Store } from './store/api/store.ts';

export interface BridgeParts {
  readonly store: Store;
  readonly settings: EffectiveSettings;
  readonly keyRing: KeyRing;
  readonly resolver: Resolver;
  readonly https: Https;
  readonly domains: Domains;
  /** As it is now: a reload counts at once. */
  readonly config: () => Config;
  readonly clock: Clock;
  /** By which messages end. */
  readonly expiry: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface Bridges {
  /** Mail to native users, here and elsewhere. */
  readonly deliver: Deliver;
  readonly recipients: NativeRecipients;
  /** What addresses are, to the daemon itself: with pins of its own. */
  readonly directory: Users;
  readonly mailIn: Pick<MailIn, 'ports' | 'reload'>;
  /** The port of the tables for Postfix; 0 for a socket, null where there are none. */
  readonly socketmapPort: number | null;
  /** Undefined where no mail leaves. */
  readonly mailOut: MailOut | undefined;
  /** Takes nothing new and finishes what is under way. */
  close(): Promise<void>;
}

/**
 * Starts what the configuration wants, and loads no more than that: the libraries of the mail bridges would double the start of
 * every daemon. Throws what the parts throw, and then nothing is left running.
 */
export async function startBridges(parts: BridgeParts): Promise<Bridges> {
  const { store, settings, keyRing, resolver, https, domains, config, clock, log } = parts;
  await using started = new AsyncDisposableStack();
  const confirmLegacy = createConfirmLegacy({ resolver, https, clock, log });
  const directory = createUsers({ domains, https, cache: store.directory, confirmLegacy, clock, log });
  const recipients = createNativeRecipients({
    ...store,
    keysOf: keyRing.keysOf,
    bucketBits: async (domain) => (await settings.of(domain))?.bucketBits ?? 0,
    directory,
    clock,
  });
  const encapsulator = createEncapsulator(parts);
  started.defer(() => encapsulator.close());
  const ways = createWays(parts.random);
  const quota = createMailQuota({
    keysOf: keyRing.keysOf,
    recipients,
    deliveries: store.deliveries,
    ways,
    quotaOf: async (domain) => (await settings.of(domain))?.quota ?? config().defaults.quota,
    clock,
  });
  const deliver = createDeliver({
    ...parts,
    ...store,
    prepareSeals: encapsulator.prepare,
    keysOf: keyRing.keysOf,
    recipients,
    ways,
    quota,
    transitOf: async (domain) => (await settings.of(domain))?.transit ?? config().defaults.transit,
    maxBytes: () => config().storage.max,
  });
  const mailIn = await startMailIn({ ...parts, deliver, quota, recipients });
  started.defer(() => mailIn.close());
  const socketmap = await startSocketmap({ ...parts, recipients, lmtpPort: mailIn.ports.lmtp });
  if (socketmap) started.defer(() => socketmap.close());
  const socketmapPort = socketmap?.port ?? null;
  const mailOut = await createMailOutSide({ ...parts, deliver, confirmLegacy });
  const stop = new AbortController();
  const sending = mailOut?.run(stop.signal);
  started.defer(() => sending);
  started.defer(() => stop.abort());
  const running = started.move();
  return {
    mailIn,
    mailOut,
    socketmapPort,
    deliver,
    recipients,
    directory,
    close: () => running.disposeAsync(),
  };
}
