/**
 * The user's own drops, wire-spec/addressing.md sections 3 and 4. A new one is handed out in this order:
 *
 *  1. derived from master, epoch, n and chain(n)
 *  2. epoch, n and seed durable in the state
 *  3. chain(n + 1) durable in the place of chain(n)
 *  4. only then does anyone see it
 */
import { base64urlnopad } from '@scure/base';
import { Secret } from '../crypto/secret.ts';
import { xwingPublic } from '../crypto/xwing.ts';
import { bytesToJson } from '../keys/key-file.ts';
import type { UserKeys } from '../keys/user-keys.ts';
import {
  deriveDrop,
  handedOverOwner,
  publishDrop,
  type DropOwner,
  type DropSource,
} from '../message/drops.ts';
import type { Drop } from '../wire/message.ts';
import { suites, times } from '../wire/registry.ts';
import { loadSecrets, type SecretsStore } from './secrets.ts';
import type { CardDrop, ClientEvent, ClientState, HandedDrop, OwnDrop, Text64 } from './state.ts';
import type { Session } from './store.ts';

/** What proves polls of an own drop. Undefined for a card that was revoked, and for one of a master or an addressing key that is not kept any more. */
export function ownerOf(
  pollKey: Text64,
  drop: OwnDrop,
  state: ClientState,
  keys: UserKeys,
): DropOwner | undefined {
  if (drop.kind === 'card' && drop.revoked === true) return undefined;
  if (drop.kind !== 'introduced') {
    const owner = handedOverOwner(sourceOf(state, drop.epoch), drop.n);
    return bytesToJson(owner.pollKey) === pollKey ? owner : undefined;
  }
  const addressing = keys.keys.find((key) => bytesToJson(key.id) === drop.addressingKeyId);
  return (
    addressing && {
      kind: 'introduction',
      pollKey: base64urlnopad.decode(pollKey),
      addressing: addressing.secret,
      shared: new Secret(base64urlnopad.decode(drop.scalar)),
    }
  );
}

function sourceOf(state: ClientState, epoch: Text64): DropSource {
  return { master: new Secret(base64urlnopad.decode(state.master)), epoch: base64urlnopad.decode(epoch) };
}

/** X-Wing seeds that open private headers sent to a drop: its own, or for an introduction all sealing keys that the user keeps, newest first. */
export function seedsOf(drop: OwnDrop, keys: UserKeys): readonly Secret[] {
  if (drop.kind === 'card' && drop.seed === undefined) return [];
  if (drop.kind !== 'introduced' && drop.seed !== undefined)
    return [new Secret(base64urlnopad.decode(drop.seed))];
  return keys.keys
    .filter(({ use }) => use === 'sealing')
    .sort((a, b) => b.notBefore - a.notBefore)
    .map((key) => key.secret);
}

/** The drop to put into the next header for a correspondent. */
export type ReplyDropFor = (correspondent: string, now: number) => Promise<Drop>;

/** A fresh drop for a card, durable in the state. */
export type CardDropFor = (
  card: Pick<CardDrop, 'card' | 'key' | 'note'>,
  life: { readonly now: number; readonly lasts: number },
) => Promise<{ readonly pollKey: Text64; readonly drop: Drop }>;

export interface OwnDrops {
  /** Hands out the correspondent's current drop, or a new one where that was used, is a week old or gone. */
  readonly replyDrop: ReplyDropFor;
  readonly cardDrop: CardDropFor;
}

export function createOwnDrops(session: Session, secrets: SecretsStore): OwnDrops {
  let last: Promise<unknown> = Promise.resolve();

  async function replyDrop(correspondent: string, now: number): Promise<Drop> {
    const state = session.state();
    const pollKey = state.contacts[correspondent]?.handedOut;
    const drop = pollKey === undefined ? undefined : state.drops[pollKey];
    if (pollKey !== undefined && drop?.kind === 'handed' && isCurrent(drop, now))
      return published(pollKey, drop);
    const made = await makeDrop(session, secrets, { now }, (derived) => ({
      type: 'drop-made',
      pollKey: derived.pollKey,
      drop: { kind: 'handed', ...derived.fields, correspondent, used: false },
    }));
    return made.drop;
  }

  async function inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = afterThat(last, action);
    last = turn;
    return await turn;
  }

  return {
    replyDrop: (correspondent, now) => inTurn(() => replyDrop(correspondent, now)),
    cardDrop: (card, life) =>
      inTurn(() =>
        makeDrop(session, secrets, life, ({ pollKey, fields }) => ({
          type: 'card-made',
          pollKey,
          drop: { kind: 'card', ...fields, ...card },
        })),
      ),
  };
}

/** One after another: no n is used twice. */
async function afterThat<T>(before: Promise<unknown>, action: () => Promise<T>): Promise<T> {
  await before.catch(() => undefined);
  return await action();
}

function isCurrent(drop: HandedDrop, now: number): boolean {
  return !drop.used && now - drop.created < times.dropRenewal;
}

interface MadeDrop {
  readonly pollKey: Text64;
  readonly fields: Pick<HandedDrop, 'epoch' | 'n' | 'seed' | 'created' | 'notAfter'>;
}

async function makeDrop(
  session: Session,
  secrets: SecretsStore,
  { now, lasts }: { readonly now: number; readonly lasts?: number },
  eventOf: (made: MadeDrop) => ClientEvent,
): Promise<{ readonly pollKey: Text64; readonly drop: Drop }> {
  const state = session.state();
  const saved = await loadSecrets(secrets, state.epoch);
  const source = sourceOf(state, state.epoch);
  const { n, chain } = forward(saved, state.nextDrop, source);
  const derived = deriveDrop(source, n, chain);
  const { created, notAfter } = publishDrop(derived, now, lasts);
  const pollKey = bytesToJson(derived.owner.pollKey);
  const seed = bytesToJson(derived.sealingSeed.expose());
  const fields = { epoch: state.epoch, n, seed, created, notAfter };
  await session.commit(eventOf({ pollKey, fields }));
  await secrets.save({ ...saved, n: n + 1, chain: derived.nextChain });
  return { pollKey, drop: published(pollKey, fields) };
}

/** The chain at the next n that neither state nor secrets have used: a crash between the two leaves one behind. */
function forward(
  saved: { readonly n: number; readonly chain: Secret },
  nextDrop: number,
  source: DropSource,
): { readonly n: number; readonly chain: Secret } {
  let { n, chain } = saved;
  for (; n < nextDrop; n++) chain = deriveDrop(source, n, chain).nextChain;
  return { n, chain };
}

function published(pollKey: Text64, drop: MadeDrop['fields']): Drop {
  return {
    pollKey: base64urlnopad.decode(pollKey),
    suite: suites.xwing,
    sealingKey: xwingPublic(base64urlnopad.decode(drop.seed)),
    created: drop.created,
    notAfter: drop.notAfter,
  };
}
