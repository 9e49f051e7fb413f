/** What time ends: drops, and messages that were not read. */
import { times } from '../wire/registry.ts';
import { correspondentOf } from './correspondent.ts';
import type { ClientState, OwnDrop, Received, ReceivedKey, Text64 } from './state.ts';

/** The key of a message in `received`. */
export function receivedKey({ pollKey, id }: Pick<Received, 'pollKey' | 'id'>): ReceivedKey {
  return `${pollKey} ${id}`;
}

/** Whether there is still something to do about it. */
export function isUnderWay(received: Received): boolean {
  return received.status === 'waiting' || received.status === 'opened';
}

/** What ended needs its keys no more, but that of what is kept; the token is owed as long as an accept is. */
export function erased(received: Received, owed = received.status === 'accepted'): Received {
  if (received.opened === undefined) return received;
  const { contentKey, acceptToken, ...opened } = received.opened;
  return {
    ...received,
    opened: {
      ...opened,
      ...(received.kept === 'kept' && contentKey !== undefined ? { contentKey } : {}),
      ...(owed && acceptToken !== undefined ? { acceptToken } : {}),
    },
  };
}

/** The key of what is kept nowhere opens nothing any more. */
export function noMoreKept(received: Received): Received {
  return received.kept === 'kept' ? erased({ ...received, kept: 'gone' }) : received;
}

/** No accept is owed any more either. */
function pastItsEnd(received: Received): Received {
  if (!isUnderWay(received)) return erased(received, false);
  const { held: _, ...rest } = received;
  return erased({ ...rest, status: 'expired' });
}

/** How much longer drops are remembered whose messages the own domain pulls: its copies outlast the drop. */
const pulledLonger = times.dropMax;

function endOfDrop({ contacts }: ClientState, drop: OwnDrop): number {
  const isPulled = contacts[correspondentOf(drop) ?? '']?.pull?.on === true;
  return drop.notAfter + (isPulled ? pulledLonger : 0);
}

/** When a message can be had nowhere any more. */
export function endOf({ expires, blind = 0 }: Received): number {
  return Math.max(expires, blind);
}

/** How long what ended unopened is still listed: strangers must not make the state grow for ever. */
export const unopenedKept = 30 * 86_400;

/** Drops past their not-after are forgotten and their seeds with them; what is under way past its expiry ends, with its keys. */
export function forgetPast(state: ClientState, now: number): ClientState {
  const live = Object.entries(state.drops).filter(([, drop]) => endOfDrop(state, drop) > now);
  const received = Object.entries(state.received)
    .filter(([, { opened, ...entry }]) => opened !== undefined || endOf(entry) + unopenedKept > now)
    .map(([key, entry]) => [key, endOf(entry) > now ? entry : pastItsEnd(entry)] as const)
    .map(([key, entry]) => [key, (entry.keptUntil ?? now) > now ? entry : noMoreKept(entry)]);
  const drops = Object.fromEntries(live);
  const done = Object.fromEntries(Object.entries(state.done).filter(([pollKey]) => pollKey in drops));
  const ofLive = (told: Readonly<Record<Text64, number>>) =>
    Object.fromEntries(Object.entries(told).filter(([pollKey]) => pollKey in drops));
  const accepts = state.accepts.filter((key) => (state.received[key]?.expires ?? 0) > now);
  return {
    ...state,
    drops,
    done,
    accepts,
    ...(state.told === undefined ? {} : { told: ofLive(state.told) }),
    ...(state.pullsTold === undefined ? {} : { pullsTold: ofLive(state.pullsTold) }),
    received: Object.fromEntries(received) as ClientState['received'],
  };
}
