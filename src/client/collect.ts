/**
 * What is new for this user.
 *
 *  1. time     what is past its end is forgotten
 *  2. look     at the own record, as anybody can: also where the domain does not know this user any more
 *  3. learn    what other devices of the user know
 *  4. keys     own keys rotate where they are due, and drops of others that went silent are given up
 *  5. feed     introductions since the last time: drops to poll
 *  6. tell     the domain is told of new drops of senders who are ignored, or whose messages it is to pull
 *  7. poll     refs for all drops, telling what is done with
 *  8. open     headers of known contacts; others wait for the user's word
 *  9. list     what opened covers hold
 * 10. accept   what is owed to senders' domains
 * 11. share    what is new, with the user's other devices
 */
import type { Clock } from '../clock.ts';
import { codeOf } from '../errors.ts';
import type { SyncResult } from './api.ts';
import { deliverAccepts, type AcceptParts } from './accept.ts';
import { unlistedCovers, type ListParts } from './cover.ts';
import { readFeed } from './feed.ts';
import { tellPreferences } from './ignored.ts';
import { inboxOf } from './inbox.ts';
import type { OpenOne } from './open.ts';
import type { OwnDomain } from './own-domain.ts';
import { correspondentOf } from './correspondent.ts';
import { mayBeBridge, welcomeBridge, withBridge } from './mail.ts';
import { expectNative } from './own-request.ts';
import { pollDrops, type PollParts } from './poll.ts';
import { tellPulls } from './pulls.ts';
import { receivedKey } from './reduce.ts';
import type { Share } from './share.ts';
import type { ClientState, Received, ReceivedKey } from './state.ts';
import { giveUpSilentDrops } from './sent.ts';
import type { Session } from './store.ts';

export interface CollectParts extends PollParts, AcceptParts {
  readonly network: PollParts['network'] & AcceptParts['network'];
  readonly own: Pick<OwnDomain, 'poll' | 'feed' | 'sent' | 'setPreferences' | 'setPulls' | 'user'>;
  readonly clock: Clock;
  readonly share: Share;
  readonly openOne: OpenOne;
  readonly listParts: ListParts;
  readonly upkeep: () => Promise<void>;
  readonly lookAtOwn: () => Promise<void>;
}

/** Collects. Throws where the own domain cannot be asked. */
export function createSync(parts: CollectParts): () => Promise<SyncResult> {
  const { session, network, own, share, clock, upkeep, lookAtOwn } = parts;
  return async () => {
    const before = session.state();
    await session.commit({ type: 'time-passed', now: clock.seconds() });
    await lookAtOwn();
    await share.learn().catch(unlessNotForHere);
    await upkeep();
    await giveUpSilentDrops(session, own, clock.seconds());
    const { record } = expectNative(await network.domains.domain(session.keys().domain));
    await readFeed(session, own, record.bucketBits);
    // What the domain does not drop is passed over here.
    await tellPreferences(parts).catch(() => undefined);
    await tellPulls(parts).catch(() => undefined);
    const newest = mayBeBridge(session.state())
      ? expectNative(await withBridge(network.domains, session.keys().domain)).record
      : record;
    await session.commit(...welcomeBridge(session.state(), newest));
    await pollDrops(parts);
    await openKnown(parts);
    await deliverAccepts(parts);
    await share.tryShare();
    const troubles = share.troubles();
    const entries = changedSince(before, session.state());
    return troubles.length === 0 ? { entries } : { entries, troubles };
  };
}

/** A device that cannot open what others share, or cannot be meant, still reads what comes: the result says so. */
function unlessNotForHere(error: unknown): void {
  if (!['key_unknown', 'record_mismatch'].includes(codeOf(error))) throw error;
}

/** Opens what waits from known contacts, covers and what they list. */
export async function openKnown(
  parts: Pick<CollectParts, 'session' | 'openOne' | 'listParts'>,
): Promise<void> {
  const { session, openOne, listParts } = parts;
  const once = askingOnce(session);
  for (const one of waitingFromKnown(session.state())) await once(one, openOne);
  for (const one of unlistedCovers(session.state())) await once(one, listParts);
  // What a cover listed without its own ref having come yet.
  for (const one of waitingFromKnown(session.state()).filter(({ held }) => held === undefined))
    await once(one, openOne);
}

/** Why a domain could not be asked at all: it is not asked for its other messages before the next time. */
const unreachable: readonly unknown[] = ['network_failed', 'tls_failed', 'network_refused'];

/** Each silent domain costs one wait, however many messages it has announced. */
function askingOnce(
  session: Session,
): (received: Received, ask: (key: ReceivedKey) => Promise<void>) => Promise<void> {
  const silent = new Set<string>();
  return async (received, ask) => {
    const { senderDomain } = received;
    if (silent.has(senderDomain)) return;
    const key = receivedKey(received);
    await ask(key);
    if (unreachable.includes(session.state().received[key]?.held)) silent.add(senderDomain);
  };
}

function waitingFromKnown(state: ClientState): readonly Received[] {
  return Object.values(state.received).filter(({ status, pollKey }) => {
    const drop = state.drops[pollKey];
    if (status !== 'waiting' || drop === undefined) return false;
    const correspondent = correspondentOf(drop);
    return correspondent !== undefined && state.contacts[correspondent]?.known === true;
  });
}

function changedSince(before: ClientState, now: ClientState): SyncResult['entries'] {
  const changed = new Set(
    Object.values(now.received)
      .filter((received) => !isSame(before.received[receivedKey(received)], received))
      .map(({ number }) => number),
  );
  return inboxOf(now).filter(
    ({ number, parts, restUntil }) =>
      restUntil === undefined &&
      (changed.has(number) || parts?.some((part) => changed.has(part.number)) === true),
  );
}

function isSame(before: Received | undefined, now: Received): boolean {
  return (
    before?.status === now.status &&
    before.held === now.held &&
    before.alone === now.alone &&
    before.opened?.parts?.length === now.opened?.parts?.length
  );
}
