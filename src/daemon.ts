/**
 * The composition root: the only file, with daemon-account.ts, daemon-admin.ts and daemon-fetch.ts for a side each, that sees
 * every part. It makes the parts in their order, hands each what it needs, and ends them in the opposite order. No logic.
 */
import { join } from 'node:path';
import { adoptDomains } from './admin/adopt-domains.ts';
import { createBackups } from './admin/backup.ts';
import { createBridgeUsers } from './admin/bridge-users.ts';
import { createEffectiveSettings } from './admin/domain-settings.ts';
import { createKeyKeeper } from './admin/key-keeper.ts';
import { keySealer } from './admin/key-sealer.ts';
import { createReseal } from './bridges/mail-reseal.ts';
import { createSteadyClock, earlierOf, systemClock, type Clock } from './clock.ts';
import { restartNeeded, type Config } from './config.ts';
import { createSha256 } from './crypto/kdf.ts';
import { systemRandom } from './crypto/random.ts';
import { createAccountSide } from './daemon-account.ts';
import { createAdminSide } from './daemon-admin.ts';
import { startBridges } from './daemon-bridges.ts';
import { createFetchSide, feedHandlers } from './daemon-fetch.ts';
import { startGateways, type GatewaySide } from './daemon-gateways.ts';
import { createPullSide } from './daemon-pull.ts';
import { bindAddress, transportOf } from './daemon-listen.ts';
import { startSchedule } from './daemon-schedule.ts';
import { createDomains } from './directory/domains.ts';
import { createPublisher } from './directory/publish.ts';
import { createRemote } from './directory/remote.ts';
import { createSenders } from './directory/senders.ts';
import { createDiscover } from './dns/discover.ts';
import { createResolver, type ResolverOptions } from './dns/resolver.ts';
import { createUpkeep } from './fetch/expire.ts';
import { accountRoutes } from './http/account.ts';
import { adminRoutes } from './http/admin.ts';
import { warnOfCertificates } from './http/certificates.ts';
import { listen, type Listener } from './http/listen.ts';
import { metricsRoutes } from './http/metrics.ts';
import { publicRoutes } from './http/public.ts';
import { selectKey } from './keys/key-pair.ts';
import { createKeyRing } from './keys/key-ring.ts';
import type { Log } from './log.ts';
import { claimedDigest } from './message/http-signature.ts';
import { createMetrics } from './metrics.ts';
import { createAdmitRefs } from './notify/admit-refs.ts';
import { createCredit } from './notify/credit.ts';
import { createFindDestination } from './notify/destination.ts';
import { createReceive } from './notify/receive.ts';
import { createSend } from './notify/send.ts';
import { openNotificationSocket } from './notify/socket.ts';
import { createHttps, type HttpsOptions } from './outbound/https.ts';
import { createUdpSender } from './outbound/udp.ts';
import { createDiskRoom } from './store/disk-room.ts';
import { openStore } from './store/store.ts';

export interface DaemonOptions {
  readonly config: Config;
  /** Reads the configuration again, for a reload. Throws `config_invalid`. */
  readonly readConfig: () => Config;
  readonly version: string;
  readonly log: Log;
  /** The disk failed: nothing may be acknowledged any more. Must end the process. */
  readonly onFailure: (error: unknown) => void;
  readonly clock?: Clock;
  /** How long others are waited for, where it is not as usual. */
  readonly waits?: { readonly dns: ResolverOptions; readonly https: Pick<HttpsOptions, 'timeouts'> };
}

export interface Daemon {
  /** As bound; 0 for a socket, null where there is none. */
  readonly ports: {
    readonly https: number;
    readonly udp: number | null;
    readonly smtp: number | null;
    readonly lmtp: number | null;
  };
  reload(): Promise<{ readonly restartNeeded: readonly string[] }>;
  /** Does at once what the timers would do by now: for whoever moves the clock. */
  catchUp(): Promise<void>;
  /** Takes nothing new, finishes what is under way, and closes the store. */
  close(): Promise<void>;
}

/** Refs that one registrable domain may have waiting here: 200 MB of rows at most. */
const refQuota = 200_000;

/** Starts everything. Throws what the parts throw, and then nothing is left running. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { version, log, onFailure, clock = systemClock } = options;
  const steady = createSteadyClock(clock);
  const expiry = earlierOf(clock, steady);
  let config = options.config;
  const stop = new AbortController();
  await using parts = new AsyncDisposableStack();

  const metrics = createMetrics();
  const credit = createCredit(clock);
  const keyRing = createKeyRing();

  const store = await openStore({
    dir: join(config.data, 'store'),
    clock,
    expiry,
    onFailure,
    hasRoom: createDiskRoom(config.data, config.storage.reserve),
  });
  parts.defer(() => store.close());
  const sealer = await keySealer(config, systemRandom);
  await adoptDomains(config.data, keyRing, store.domains, sealer);
  const settings = createEffectiveSettings(store.domains, () => config);

  const { allow, caFiles } = config.outbound;
  const resolver = createResolver({
    ...options.waits?.dns,
    servers: config.dns.resolvers,
    dnssec: config.dns.dnssec,
  });
  const https = createHttps({ ...options.waits?.https, resolver, allow, caFiles });
  parts.defer(() => https.close());
  const udp = createUdpSender({ resolver, allow });
  parts.defer(() => udp.close());
  const discover = createDiscover(resolver);
  const domains = createDomains({ discover, https, cache: store.directory, clock, log });
  const remote = createRemote({ https });
  const publisher = createPublisher({
    keysOf: keyRing.keysOf,
    domains: { ...store.domains, get: settings.of },
    listed: store.listed,
    clock,
    log,
  });

  const keeper = createKeyKeeper({
    dataDir: config.data,
    sealer,
    keyRing,
    // Nobody watches under a key that was withdrawn.
    publish: (domain) => publisher.published(domain).finally(() => fetching.watches.review()),
    rotation: () => config.keys.rotate,
    bridges: createBridgeUsers({ store, settings }),
    resolver,
    beforeForgetting: createReseal({ queue: store.mailQueue, clock, random: systemRandom, log }),
    clock,
    random: systemRandom,
    log,
  });

  const admission = {
    pending: store.pending,
    preferences: store.preferences,
    events: store.events,
    introductionsPerHour: async (domain: string, sender: string) =>
      sender === domain ? Infinity : introductionsOf(await settings.of(domain)),
    refQuota,
  };
  const receive = createReceive({
    findKey: (id) => keyRing.notificationKey(id, clock.seconds()),
    records: createSenders({ domains, log }),
    ...admission,
    clock,
    metrics,
    log,
  });
  parts.defer(() => receive.settled());
  const send = createSend({
    outbox: store.outbox,
    find: createFindDestination({ domains, remote, udp, log }),
    local: {
      serves: (domain) => keyRing.keysOf(domain)?.gone === undefined && keyRing.keysOf(domain) !== undefined,
      admit: createAdmitRefs({ ...admission, clock, metrics }),
    },
    signer: async (sender) => ({
      signing: selectKey(keyRing.keysOf(sender)?.keys ?? [], 'domainSigning', clock.seconds()),
      serial: (await publisher.published(sender))?.serial ?? 0,
    }),
    credit,
    clock,
    steady,
    random: systemRandom,
    draw: Math.random,
    metrics,
    log,
  });

  const fetching = createFetchSide({
    store,
    settings,
    keyRing,
    config: () => config,
    earnCredit: credit.earn,
    clock,
    expiry,
    random: systemRandom,
    metrics,
    log,
  });
  const pulls = createPullSide({
    store,
    settings,
    keyRing,
    domains,
    remote,
    config: () => config,
    clock,
    expiry,
    steady,
    draw: Math.random,
    metrics,
    log,
  });
  const upkeep = createUpkeep(store, expiry, stop.signal);

  /** Started last, and asked from then on. */
  const late: { gateways?: GatewaySide } = {};
  const accounts = createAccountSide({
    store,
    settings,
    keyRing,
    pulls,
    config: () => config,
    clock,
    expiry,
    random: systemRandom,
    metrics,
    gateways: { submission: () => late.gateways?.submission, push: () => late.gateways?.push },
  });

  const digests = { claimed: claimedDigest, createSha256 };
  const publicListener = await listen(
    { address: bindAddress(config.listen.https, 0o660), transport: transportOf(config), log },
    (app) => {
      publicRoutes(app, {
        handlers: {
          serves: accounts.handlers.serves,
          domainAnswer: publisher.domainAnswer,
          userAnswer: publisher.userAnswer,
          readCard: accounts.readCard,
          notify: (_domain, datagram, source) => receive.receive(datagram, source),
          ...fetching.handlers,
          readCopy: pulls.readCopy,
          ...feedHandlers(fetching, accounts.authenticate),
        },
        digests,
        metrics,
        log,
      });
      accountRoutes(app, { handlers: accounts.handlers, digests, metrics, log });
    },
  );
  parts.defer(() => publicListener.close());
  parts.defer(() => fetching.watches.close());
  const warnOfTls = () =>
    warnOfCertificates(publicListener.certifiedUntil, keyRing.domains(), clock.seconds(), log);
  warnOfTls();

  const socket = config.listen.udp && (await openNotificationSocket(config.listen.udp, receive.receive, log));
  if (socket) parts.defer(() => socket.close());
  const ports = { https: publicListener.port, udp: socket?.port ?? null };

  /** What was renewed counts for the next who connects, also where nobody says so. */
  async function renewCertificates(): Promise<void> {
    await publicListener.reload();
    await late.gateways?.reload();
    await bridges.mailIn.reload();
    warnOfTls();
  }

  async function reload(): Promise<{ readonly restartNeeded: readonly string[] }> {
    const next = options.readConfig();
    await renewCertificates();
    config = next;
    await publisher.renew();
    // Against what runs, not what the last reload read: else a second reload would hide it, or blame what was taken back.
    return { restartNeeded: restartNeeded(options.config, next) };
  }

  const bridges = await startBridges({
    store,
    settings,
    keyRing,
    resolver,
    https,
    domains,
    config: () => config,
    clock,
    expiry,
    random: systemRandom,
    metrics,
    log,
  });
  parts.defer(() => bridges.close());
  const gateways = await startGateways({
    store,
    keyRing,
    resolver,
    discover,
    https,
    local: publicListener.local,
    deliver: bridges.deliver,
    config,
    sealer,
    clock,
    random: systemRandom,
    metrics,
    log,
  });
  parts.defer(() => gateways.close());
  late.gateways = gateways;

  const backups = createBackups({
    dataDir: () => config.data,
    store,
    version,
    clock,
    hasRoom: (directory, bytes) => createDiskRoom(directory, config.storage.reserve)(bytes, 0),
  });
  parts.defer(() => backups.settled());
  const operations = createAdminSide({
    version,
    config: () => config,
    ports: () => ({ ...ports, submission: gateways.submission }),
    store,
    keyRing,
    keeper,
    publisher,
    settings,
    sealer,
    discover,
    invite: accounts.invite,
    reinvite: accounts.reinvite,
    reload,
    watchers: fetching.watches.count,
    backups,
    metrics,
    clock,
    random: systemRandom,
  });
  const adminListener = await listen(
    { address: bindAddress(config.listen.admin, 0o600), transport: { kind: 'plain' }, log },
    (app) => adminRoutes(app, { handlers: operations, log }),
  );
  parts.defer(() => adminListener.close());
  async function refreshLevels(): Promise<void> {
    const { messages, bytes, asideBytes, mailQueue } = await store.stats();
    metrics.mailQueue.set(mailQueue);
    metrics.waiting.set(messages);
    metrics.waitingBytes.set(bytes - asideBytes);
    metrics.watchers.set(fetching.watches.count());
  }
  const metricsListener: Listener | null =
    config.listen.metrics &&
    (await listen(
      { address: bindAddress(config.listen.metrics, 0o660), transport: { kind: 'plain' }, log },
      (app) => metricsRoutes(app, { metrics, refresh: refreshLevels }),
    ));
  if (metricsListener) parts.defer(() => metricsListener.close());

  await keeper.run();
  await publisher.renew();
  await pulls.pulling.listen(keyRing.domains());
  const pulling = pulls.pulling.run(stop.signal);
  parts.defer(() => pulling);
  const upkeeping = startSchedule(
    [
      { name: 'upkeep', at: '* * * * *', run: upkeep.run },
      { name: 'keys', at: '7 * * * *', run: keeper.run },
      { name: 'renewal', at: '17 * * * *', run: publisher.renew },
      { name: 'certificates', at: '27 * * * *', run: renewCertificates },
    ],
    log,
  );
  parts.defer(() => upkeeping.end());
  const sending = send.run(stop.signal);
  parts.defer(() => sending);
  parts.defer(() => stop.abort());

  async function catchUp(): Promise<void> {
    await keeper.run();
    await publisher.renew();
    await upkeep.run();
    await send.turn();
    await receive.settled();
    await pulls.pulling.turn();
    await bridges.mailOut?.turn();
    fetching.watches.review();
  }

  const running = parts.move();
  return {
    ports: { ...ports, ...bridges.mailIn.ports },
    reload,
    catchUp,
    close: () => running.disposeAsync(),
  };
}

function introductionsOf(
  settings: { introductions: string; introductionsPerHour: number } | undefined,
): number {
  return settings?.introductions === 'open' ? settings.introductionsPerHour : 0;
}
