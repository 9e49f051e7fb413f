/** The native client as a library: everything a program needs to be somebody's end of Beckon. */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { BeckonError } from '../errors.ts';
import type { Client, ConnectNetwork, InboxEntry, OnProgress, PayloadSink, TextFile } from './api.ts';
import { deliverAccepts } from './accept.ts';
import { partsOf } from './belonging.ts';
import { createCards, takeDownUsed } from './cards.ts';
import { createSync, openKnown } from './collect.ts';
import { createListParts } from './cover.ts';
import { createMailbox } from './mailbox.ts';
import { createKeep } from './keep.ts';
import { createDevices, renewPhrase } from './devices.ts';
import { createEnroll } from './enroll.ts';
import { createIgnoreSender, ignoredSenders } from './ignored.ts';
import { claimedSender, entryOf, expectWhole, inboxOf, receivedOf, replyTo } from './inbox.ts';
import { createOpenOne } from './open.ts';
import { createOwnDomain, type OwnDomain } from './own-domain.ts';
import { createOwnKeys } from './own-keys.ts';
import { createLookAtOwn } from './own-listing.ts';
import { ownAddresses, reportOwnKeys, standingAlarms } from './own-records.ts';
import { createOwnDrops } from './own-drops.ts';
import { createAskOwn, createStreamOwn, type Signer } from './own-request.ts';
import { createReadPayload } from './read.ts';
import { createPulls } from './pulls.ts';
import { isUnderWay, receivedKey } from './reduce.ts';
import { createRestore } from './restore.ts';
import { createRetract } from './retract.ts';
import { createSecretsStore, loadSecrets } from './secrets.ts';
import { createSend } from './send.ts';
import { createSendMail } from './send-mail.ts';
import { listSent } from './sent.ts';
import { createShare } from './share.ts';
import { createSource } from './source.ts';
import { createSession, createStateStore } from './store.ts';
import type { ClientEvent, ClientState, ReceivedKey } from './state.ts';
import { createTrust } from './trust.ts';
import { createUnfinishedStore } from './unfinished.ts';
import { createWatch } from './watch.ts';

export type * from './api.ts';

export interface ClientParts {
  /** The state, with the user's private keys in the clear. */
  readonly state: TextFile;
  /** What never leaves the device, in the clear. */
  readonly secrets: TextFile;
  /** What is being sent, with keys of contents in the clear. Without it a sending that a crash cut off starts over. */
  readonly sending?: TextFile;
  readonly connect: ConnectNetwork;
  readonly clock: Clock;
  readonly random: Random;
  /** Before another try; `setTimeout` unless told. */
  readonly wait?: (ms: number) => Promise<void>;
  /** Of an upload's parts, in bytes; 8 MiB unless told. */
  readonly partBytes?: number;
}

/**
 * A client over saved state. One at a time: whoever saves keeps others away. Throws `state_invalid` for a damaged state, which stays
 * as it is.
 */
export async function createClient(parts: ClientParts): Promise<Client> {
  const { clock, random, wait = sleep, partBytes } = parts;
  const session = await createSession(createStateStore(parts.state));
  const secrets = createSecretsStore(parts.secrets);
  const network = parts.connect(session.cache);
  const ownDomain = (signer: () => Promise<Signer>): OwnDomain =>
    createOwnDomain(createAskOwn({ network, signer, clock, wait }));
  const signer = async (): Promise<Signer> => {
    const { enrolled, epoch } = session.state();
    if (!enrolled) throw new BeckonError('unauthorized', 'the enrolment was not finished: repeat it');
    return await loadSecrets(secrets, epoch);
  };
  const own = ownDomain(signer);
  const stream = createStreamOwn({ network, signer, clock, wait });
  const share = createShare({ session, secrets, own, clock, random, wait });
  const ownKeys = createOwnKeys({
    session,
    secrets,
    own,
    shared: share.share,
    learn: share.tryLearn,
    clock,
    random,
  });
  const source = createSource({ session, network, stream, clock, random });
  const openOne = createOpenOne({ session, network, source, clock, learn: share.tryLearn });
  const listParts = createListParts(session, source);
  const known = { session, openOne, listParts };
  const readPayload = createReadPayload({
    session,
    source,
    keep: createKeep({ own, random, wait }),
    wait,
  });
  const ownDrops = createOwnDrops(session, secrets);
  const unfinished = createUnfinishedStore(parts.sending ?? inMemory());
  const { send, sending } = createSend({
    session,
    unfinished,
    network,
    own,
    replyDrop: ownDrops.replyDrop,
    mail: createSendMail({
      session,
      unfinished,
      network,
      own,
      share,
      clock,
      random,
      wait,
      ...(partBytes === undefined ? {} : { partBytes }),
    }),
    upkeep: ownKeys.upkeep,
    share,
    clock,
    random,
    wait,
    ...(partBytes === undefined ? {} : { partBytes }),
  });

  const lookAtOwn = createLookAtOwn({
    session,
    network,
    learn: share.tryLearn,
    takeAliases: ownKeys.takeAliases,
    clock,
    random,
  });
  const sync = createSync({
    ...known,
    network,
    own,
    share,
    upkeep: ownKeys.upkeep,
    lookAtOwn,
    clock,
    random,
  });

  const pulls = createPulls({ session, network, own, share, clock, random });
  const ignoreSender = createIgnoreSender({ session, network, own, share, clock, random });

  async function open(number: number): Promise<InboxEntry> {
    await share.tryLearn();
    const key = receivedKey(receivedOf(session.state(), number));
    await openOne(key);
    await session.commit(...welcome(session.state(), key));
    await openKnown(known);
    await takeDownUsed(own, session.state().drops[session.state().received[key]?.pollKey ?? '']);
    await share.tryShare();
    return entryOf(session.state(), number);
  }

  async function payload(number: number, sink: PayloadSink, progress?: OnProgress): Promise<InboxEntry> {
    await share.tryLearn();
    if (receivedOf(session.state(), number).status === 'waiting') await open(number);
    expectWhole(session.state(), receivedOf(session.state(), number));
    await readPayload(receivedOf(session.state(), number), sink, progress);
    await deliverAccepts({ session, network });
    await share.tryShare();
    return entryOf(session.state(), number);
  }

  const phraseParts = { session, secrets, own, share, random };
  const makePhrase = (): Promise<string> => renewPhrase(phraseParts);

  return {
    address: () => (session.current()?.enrolled === true ? session.state().address : undefined),
    addresses: () => ownAddresses(session.state()),
    enroll: createEnroll({ session, secrets, network, ownDomain, makePhrase, clock, random }),
    ...createRestore({ session, secrets, network, ownDomain, share, clock, random }),
    send,
    sending,
    sync,
    watch: createWatch({ session, network, stream, clock, random }),
    inbox: () => inboxOf(session.state()),
    entry: (number) => entryOf(session.state(), number),
    open,
    payload,
    async ignore(number) {
      const received = receivedOf(session.state(), number);
      const all = [received, ...partsOf(session.state(), received).map(({ part }) => part)];
      await session.commit(
        ...all.map((one) => ({ type: 'ended', key: receivedKey(one), status: 'ignored' }) as const),
      );
      await share.tryShare();
      return entryOf(session.state(), number);
    },
    ignoreSender: async (address, on = true) => await ignoreSender(address, on),
    ignoredSenders: () => ignoredSenders(session.state()),
    pullSender: async (address, on = true) => await pulls.sender(address, on),
    pullAll: async (on = true) => await pulls.all(on),
    pulledSenders: pulls.list,
    delegate: pulls.delegate,
    async defer(number, until) {
      const received = receivedOf(session.state(), number);
      if (!isUnderWay(received))
        throw new BeckonError('request_invalid', 'this message waits nowhere any more');
      await session.commit({
        type: 'deferred',
        key: receivedKey(received),
        until,
        at: clock.seconds(),
      });
      await share.tryShare();
      return entryOf(session.state(), number);
    },
    reply: (number) => replyTo(session.state(), number),
    sent: () => listSent(session.state(), own),
    retract: createRetract({ session, own, send }),
    cards: createCards({
      session,
      network,
      own,
      cardDrop: ownDrops.cardDrop,
      upkeep: ownKeys.upkeep,
      share,
      clock,
      random,
    }),
    devices: createDevices({ ...phraseParts, network, revokeKeys: ownKeys.revoke, clock }),
    mailbox: createMailbox({
      session,
      secrets,
      network,
      own,
      share,
      setBridged: ownKeys.setBridged,
      clock,
      random,
    }),
    trust: createTrust({ session, network, share, clock }),
    async revokeKeys() {
      await sync().catch(() => undefined);
      await ownKeys.revoke();
      return reportOwnKeys(session.state());
    },
    ownKeys: () => reportOwnKeys(session.state()),
    alarms: () => standingAlarms(session.state()),
    dismissAlarms: () => session.commit({ type: 'alarms-dismissed' }),
    close: () => network.close(),
  };
}

/** Whose message the user opened is a known contact from now on. */
function welcome(state: ClientState, key: ReceivedKey): readonly ClientEvent[] {
  const received = state.received[key];
  const address = received?.opened?.sender ?? (received && claimedSender(state, received));
  const welcomed = received?.status === 'opened' || received?.status === 'waiting';
  return welcomed && address !== undefined ? [{ type: 'contact-known', address }] : [];
}

function inMemory(): TextFile {
  let saved: string | undefined;
  return {
    read: async () => saved,
    async write(text) {
      saved = text;
    },
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
