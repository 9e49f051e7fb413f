/** The gateways of the daemon: doors for old mail programs, copies into mail stores. A list, as daemon.ts is. */
import type { SubmissionPlace } from './account/gateways.ts';
import type { Deliver } from './bridges/deliver-api.ts';
import { createGuesses, defaultGuessLimits } from './bridges/guesses.ts';
import { createStrangers, defaultStrangerLimits } from './bridges/incoming-limits.ts';
import { loadMailCertificate } from './bridges/mail-certificate.ts';
import { createMailRoom } from './bridges/mail-room.ts';
import { createPush, type BeginPush, type Push } from './bridges/push.ts';
import { createKeepCopy } from './bridges/sent-copy.ts';
import { sendByMail } from './bridges/submission-by-mail.ts';
import { createLogin } from './bridges/submission-login.ts';
import type { Door } from './bridges/smtp-door.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Random } from './crypto/random.ts';
import type { TextSealer } from './crypto/sealed-text.ts';
import type { Discover } from './dns/discover.ts';
import type { Resolver } from './dns/resolver.ts';
import { BeckonError } from './errors.ts';
import { bind } from './http/bind.ts';
import type { LocalRequests } from './http/local.ts';
import type { KeyRing } from './keys/key-ring.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Https } from './outbound/https.ts';
import type { Store } from './store/api/store.ts';

export interface GatewaySideParts {
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly resolver: Resolver;
  readonly discover: Discover;
  readonly https: Https;
  readonly local: LocalRequests;
  readonly deliver: Deliver;
  readonly config: Config;
  /** That of the key files. */
  readonly sealer: TextSealer | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface GatewaySide {
  /** Where mail programs hand in mail. */
  readonly submission: SubmissionPlace | undefined;
  /** Copies into mail stores; undefined where the hoster wants none. */
  readonly push: Push | undefined;
  /** Reads the certificate again. Throws `tls_failed`, and keeps the one before. */
  reload(): Promise<void>;
  /** Takes nothing new and finishes what is under way. */
  close(): Promise<void>;
}

/** Mail that is received or sealed at one time, bytes. */
const roomForMail = 256 * 1024 * 1024;

type Doors = Omit<GatewaySide, 'push'>;

const none: Doors = { submission: undefined, reload: async () => {}, close: async () => {} };

/** Starts, and loads, what the configuration wants. Throws what the parts throw, and then nothing is left running. */
export async function startGateways(parts: GatewaySideParts): Promise<GatewaySide> {
  await using started = new AsyncDisposableStack();
  const push =
    parts.config.mailbox.push === 'off'
      ? undefined
      : createPush({ ...parts, gateways: parts.store.gateways, begin: beginPush(parts) });
  started.defer(() => push?.close());
  const doors = await openDoors(parts);
  started.defer(() => doors.close());
  await push?.start();
  const running = started.move();
  return { ...doors, push, close: () => running.disposeAsync() };
}

/** What it takes is loaded with the first of them. */
function beginPush(parts: GatewaySideParts): BeginPush {
  const { store, keyRing, resolver, config, local, clock, log } = parts;
  return async (run) => {
    const [
      { createHeadless },
      { createConnectMailStore },
      { createFindMailStore },
      { startPush, defaultPace },
    ] = await Promise.all([
      import('./bridges/headless.ts'),
      import('./bridges/imap-store.ts'),
      import('./outbound/mail-store.ts'),
      import('./bridges/push-run.ts'),
    ]);
    const serves = (domain: string) => keyRing.keysOf(domain) !== undefined;
    return startPush({
      ...run,
      open: createHeadless({ ...parts, local: { ...local, serves } }),
      connect: createConnectMailStore(createFindMailStore({ resolver, ...config.outbound })),
      marks: store.gateways,
      clock,
      log,
      pace: defaultPace,
    });
  };
}

async function openDoors(parts: GatewaySideParts): Promise<Doors> {
  const { listen, starttls } = parts.config.submission;
  if (listen === null && starttls === null) return none;
  const [
    { createHeadless },
    { defaultDoorLimits },
    { openSubmissionDoor },
    { createInTurn, createSubmissionSession },
  ] = await Promise.all([
    import('./bridges/headless.ts'),
    import('./bridges/smtp-door.ts'),
    import('./bridges/submission-server.ts'),
    import('./bridges/submission-session.ts'),
  ]);
  const { store, keyRing, config, local, clock, log, deliver } = parts;
  await using started = new AsyncDisposableStack();
  const open = createHeadless({
    ...parts,
    local: { ...local, serves: (domain) => keyRing.keysOf(domain) !== undefined },
  });
  const login = createLogin({
    ...store,
    guesses: createGuesses(defaultGuessLimits, clock),
    open,
    random: parts.random,
    log,
  });
  const keepCopy = createKeepCopy(deliver, clock);
  const inTurn = createInTurn();
  const doors: Door[] = [];
  const limits = { ...defaultDoorLimits, maxSize: config.smtpIn.maxSize };
  const [room, strangers] = [createMailRoom(roomForMail), createStrangers(defaultStrangerLimits, clock)];

  async function openDoor(address: typeof listen, implicitTls: boolean): Promise<number | undefined> {
    if (address === null) return undefined;
    const door = await openSubmissionDoor({
      ...parts,
      implicitTls,
      host: config.host,
      login,
      sessionOf: (headless) =>
        createSubmissionSession(headless, { byMail: sendByMail, keepCopy, clock, log, inTurn }),
      limits,
      room,
      strangers,
      certificate: await certificateOf(config),
      bind: (server) => bind(server, address),
    });
    doors.push(door);
    started.defer(() => door.close());
    return door.port;
  }

  const tls = await openDoor(listen, true);
  const clear = await openDoor(starttls, false);
  const running = started.move();
  return {
    submission: placeOf(config.host, tls, clear),
    async reload() {
      if (doors.length === 0) return;
      const certificate = await certificateOf(config);
      doors.forEach((door) => door.renew(certificate));
    },
    close: () => running.disposeAsync(),
  };
}

function placeOf(
  host: string,
  tls: number | undefined,
  starttls: number | undefined,
): SubmissionPlace | undefined {
  if (tls === undefined && starttls === undefined) return undefined;
  return { host, ...(tls === undefined ? {} : { tls }), ...(starttls === undefined ? {} : { starttls }) };
}

async function certificateOf({
  tls,
  host,
}: Config): Promise<{ readonly cert: string; readonly key: string }> {
  const certificate = await loadMailCertificate(tls, host);
  if (certificate === undefined)
    throw new BeckonError(
      'tls_failed',
      `there is no certificate for ${host}: mail programs could not be served`,
    );
  return certificate;
}
