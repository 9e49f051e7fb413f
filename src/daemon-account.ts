/** The account side of the daemon: what its users may do, as the routes ask it. A list, as daemon.ts is. */
import { createAuthenticate, type Authenticate } from './account/authenticate.ts';
import { createCards, type Cards } from './account/cards.ts';
import { createDevices } from './account/devices.ts';
import { createEnroll } from './account/enroll.ts';
import { createGateways, type GatewayParts } from './account/gateways.ts';
import { createInvite, createReinvite } from './account/invite.ts';
import { createKeptCiphertexts } from './account/kept.ts';
import { createAccountMail } from './account/mail.ts';
import { createProfile } from './account/profile.ts';
import { createPutRecord } from './account/record.ts';
import { createSentMessages } from './account/sent.ts';
import { createStates } from './account/state.ts';
import { createSubmit } from './account/submit.ts';
import type { AccountUser } from './account/user.ts';
import type { EffectiveSettings } from './admin/domain-settings.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { PullSide } from './daemon-pull.ts';
import type { Random } from './crypto/random.ts';
import type { AccountHandlers } from './http/account-handlers.ts';
import type { KeyRing } from './keys/key-ring.ts';
import type { Metrics } from './metrics.ts';
import type { Store } from './store/api/store.ts';

export interface AccountSideParts {
  readonly store: Store;
  readonly settings: EffectiveSettings;
  readonly keyRing: KeyRing;
  readonly pulls: Pick<PullSide, 'setPulls' | 'termsOf'>;
  /** As it is now: a reload counts at once. */
  readonly config: () => Config;
  readonly clock: Clock;
  /** By which messages and what is kept end. */
  readonly expiry: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** What mail programs and mail stores can be served with. */
  readonly gateways: Pick<GatewayParts, 'submission' | 'push'>;
}

export interface AccountSide {
  readonly handlers: AccountHandlers<AccountUser>;
  /** For the public routes that are for users only. */
  readonly authenticate: Authenticate;
  readonly readCard: Cards['read'];
  /** For the operations of the administrator. */
  readonly invite: ReturnType<typeof createInvite>;
  readonly reinvite: ReturnType<typeof createReinvite>;
}

export function createAccountSide(parts: AccountSideParts): AccountSide {
  const { store, settings, keyRing, pulls, config, clock, expiry, random, metrics } = parts;
  const authenticate = createAuthenticate({ users: store.users, clock });
  const enroll = createEnroll({ users: store.users, clock });
  const devices = createDevices({ users: store.users, clock });
  const quotaOf = async (domain: string) => (await settings.of(domain))?.quota ?? 0;
  const keepOf = async (domain: string) => (await settings.of(domain))?.keep ?? 0;
  const profile = createProfile({ ...store, quotaOf, keepOf, pullTermsOf: pulls.termsOf });
  const kept = createKeptCiphertexts({ ...store, keepOf, clock: expiry });
  const cards = createCards({ ...store, clock });
  const gateways = createGateways({ ...store, ...parts.gateways, clock });
  const putRecord = createPutRecord({ ...store, clock });
  const states = createStates({ ...store, limits: () => ({ totalBytes: config().storage.max }) });
  const sent = createSentMessages({ ...store, clock: expiry });
  const limitsOf = async (domain: string) => ({
    userBytes: await quotaOf(domain),
    totalBytes: config().storage.max,
  });
  const mail = createAccountMail({
    ...store,
    keyRing,
    sendsMail: () => config().smtpOut.via !== null,
    limitsOf,
    clock,
  });
  const submit = createSubmit({
    ...store,
    isLeaving: (domain) => keyRing.keysOf(domain)?.gone !== undefined,
    limitsOf,
    clock: expiry,
    random,
    metrics,
  });
  const inviting = {
    users: store.users,
    fingerprintOf: (domain: string) => keyRing.keysOf(domain)?.fingerprint,
    clock,
    random,
  };
  return {
    handlers: {
      serves: (domain) => keyRing.keysOf(domain) !== undefined,
      authenticate: authenticate.user,
      stillSpeaks: authenticate.still,
      async enroll(domain, request, enrolment) {
        authenticate.device(request, enrolment.device);
        return await enroll(domain, enrolment);
      },
      ...submit,
      sent: sent.list,
      sentMessage: sent.find,
      retract: sent.retract,
      user: profile,
      addDevice: devices.add,
      removeDevice: devices.remove,
      setRecovery: devices.setRecovery,
      openPairing: devices.pair,
      putRecord,
      setPulls: pulls.setPulls,
      readState: states.read,
      writeState: states.write,
      keep: kept.keep,
      readKept: kept.read,
      listKept: kept.list,
      removeKept: kept.remove,
      putCard: cards.put,
      removeCard: cards.remove,
      submitMail: mail.submit,
      listMail: mail.list,
      mail: mail.find,
      dropMail: mail.drop,
      gateways: gateways.list,
      putGateway: gateways.put,
      removeGateway: gateways.remove,
    },
    authenticate,
    readCard: cards.read,
    invite: createInvite(inviting),
    reinvite: createReinvite(inviting),
  };
}
