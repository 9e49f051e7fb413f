/** Which messages belong together, wire-spec/message.md section 6: a cover and its parts, and parts whose cover has not come yet. */
import { mediaTypes, times } from '../wire/registry.ts';
import { receivedKey } from './received-life.ts';
import type { ClientState, ListedPart, Received, ReceivedKey, SentPart } from './state.ts';

export function isCover({ opened }: Received): boolean {
  return opened?.mediaType === mediaTypes.cover;
}

export interface PartOf {
  readonly listed: ListedPart;
  readonly part: Received;
}

/** Only what came the same way from the same domain can belong together; a cover is nobody's part. */
export function partsOf(state: ClientState, cover: Received): readonly PartOf[] {
  return (cover.opened?.parts ?? []).flatMap((listed) => {
    const part = state.received[receivedKey({ pollKey: cover.pollKey, id: listed.id })];
    const belongs = part !== undefined && part.senderDomain === cover.senderDomain && !isCover(part);
    return belongs ? [{ listed, part }] : [];
  });
}

/** What stands under a cover. */
export function listedParts(state: ClientState): ReadonlySet<ReceivedKey> {
  return new Set(
    Object.values(state.received).flatMap((cover) =>
      partsOf(state, cover).map(({ part }) => receivedKey(part)),
    ),
  );
}

/** Whether a message is a part, and nothing by itself, as long as no cover lists it. */
export function lacksCover(received: Received, listed: ReadonlySet<ReceivedKey>): boolean {
  const { opened, alone } = received;
  return opened?.part === true && alone !== true && !isCover(received) && !listed.has(receivedKey(received));
}

/** From when on it stands by itself though no cover came, unix seconds. */
export function aloneFrom({ firstSeen, expires }: Pick<Received, 'firstSeen' | 'expires'>): number {
  return Math.min(firstSeen + times.partWait, Math.floor((firstSeen + expires) / 2));
}

/** Parts that waited long enough for their cover are messages by themselves from now on, what was read elsewhere too. */
export function letAlone(state: ClientState, now: number): ClientState {
  const waiting = Object.values(state.received).filter(
    (received) =>
      received.opened?.part === true &&
      received.alone !== true &&
      (received.status === 'opened' || received.status === 'accepted') &&
      aloneFrom(received) <= now,
  );
  if (waiting.length === 0) return state;
  const listed = listedParts(state);
  const alone = waiting
    .filter((received) => lacksCover(received, listed))
    .map((received) => [receivedKey(received), { ...received, alone: true }] as const);
  return { ...state, received: { ...state.received, ...Object.fromEntries(alone) } };
}

/** To be taken back: without its cover a part is no message, and who looks in between sees nothing rather than what is left. */
export function coversFirst(parts: readonly SentPart[]): readonly SentPart[] {
  const rank = ({ mediaType }: SentPart): number => (mediaType === mediaTypes.cover ? 0 : 1);
  return parts.toSorted((a, b) => rank(a) - rank(b));
}
