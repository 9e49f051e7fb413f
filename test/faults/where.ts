/**
 * Where a message is that its recipient did not read: what the sender's tables say of it, what the recipient's, and what the recipient's
 * client. Two stopped hosters' stores are read. Of ids only trace handles are shown.
 */
import { join } from 'node:path';
import { base64urlnopad } from '@scure/base';
import { systemClock as clock } from '../../src/clock.ts';
import { parseState } from '../../src/client/state-json.ts';
import type { ClientState, OwnDrop, Received, SentPart } from '../../src/client/state.ts';
import { correspondentOf } from '../../src/client/correspondent.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import type { OutboxEntry } from '../../src/store/api/outbox.ts';
import type { Store } from '../../src/store/api/store.ts';
import { openStore } from '../../src/store/store.ts';
import { splitAddress } from '../../src/wire/address.ts';
import type { Hoster } from '../network/hoster.ts';
import type { Person } from '../network/person.ts';

export interface Missing {
  readonly from: Person;
  /** What the sender's `sent` calls it. */
  readonly number: number | undefined;
  readonly to: Person;
}

/** One line for each part of what is missing. */
export async function whereAre(missing: readonly Missing[], hosters: readonly Hoster[]): Promise<string[]> {
  const stores = new Map<string, Store>();
  try {
    for (const hoster of hosters)
      for (const domain of hoster.domains) stores.set(domain, await storeOf(hoster));
    const lines: string[] = [];
    for (const one of missing) lines.push(...(await whereIs(one, stores)));
    return lines;
  } finally {
    await Promise.all([...new Set(stores.values())].map((store) => store.close()));
  }
}

async function storeOf(hoster: Hoster): Promise<Store> {
  return await openStore({ dir: join(hoster.data, 'store'), clock, onFailure: () => {} });
}

async function whereIs(
  { from, number, to }: Missing,
  stores: ReadonlyMap<string, Store>,
): Promise<readonly string[]> {
  const sender = stateOf(from);
  const recipient = stateOf(to);
  const sent = sender?.sent.find((one) => one.number === number);
  const parts = sent?.parts.filter((part) => part.to === to.address) ?? [];
  const senders = stores.get(splitAddress(from.address).domain);
  const recipients = stores.get(splitAddress(to.address).domain);
  if (sender === undefined || recipient === undefined || senders === undefined || recipients === undefined)
    return [`${from.address} to ${to.address}: nothing is known`];
  const all = await senders.outbox.list({ limit: 100_000 });
  const lines: string[] = [];
  for (const part of parts) {
    const facts = {
      handle: part.handle,
      way: part.way,
      cover: part.mediaType.includes('cover'),
      age: clock.seconds() - (sent?.created ?? 0),
      transit: await transitOf(senders, from, part),
      ...outboxOf(all, part),
      pending: await pendingOf(recipients, to, all, part),
      received: receivedOf(recipient, part),
      sendersDrops: dropsOf(recipient, from.address),
      adopted: adoptedOf(sender, recipient, to.address),
      feedBehind: await feedBehind(recipients, to, recipient),
      alarms: Object.values(recipient.alarms ?? {}).map(({ code }) => code),
    };
    lines.push(`  ${from.address} to ${to.address}: ${JSON.stringify(facts)}`);
  }
  return lines;
}

function stateOf({ state }: Person): ClientState | undefined {
  return state.text === undefined ? undefined : parseState(state.text);
}

async function transitOf(store: Store, { address }: Person, { messageId }: SentPart): Promise<unknown> {
  const owner = { domain: splitAddress(address).domain, user: addressHash(address) };
  const found = await store.transit.find(owner, await sha256(base64urlnopad.decode(messageId)));
  if (found === undefined) return 'unknown';
  const { state, firstFetch, ended } = found;
  return { state, fetched: firstFetch !== undefined, ended: ended !== undefined };
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)));
}

function outboxOf(all: readonly OutboxEntry[], part: SentPart): object {
  const entry = entryOf(all, part);
  if (entry === undefined) return { outbox: 'no entry' };
  const { attempt, due, slowed, labels } = entry;
  return { outbox: { attempt, dueIn: due - clock.seconds(), slowed, labels: Object.keys(labels ?? {}) } };
}

function entryOf(all: readonly OutboxEntry[], { messageId }: SentPart): OutboxEntry | undefined {
  return all.find((entry) => base64urlnopad.encode(entry.messageId) === messageId);
}

/** Whether the recipient's domain has the ref, where the outbox still says under which hash. */
async function pendingOf(
  store: Store,
  { address }: Person,
  all: readonly OutboxEntry[],
  part: SentPart,
): Promise<string> {
  const hash = entryOf(all, part)?.recipientHash;
  if (hash === undefined) return 'nobody knows under which hash';
  for (let after: Uint8Array | undefined; ;) {
    const page = { limit: 256, now: clock.seconds(), ...(after === undefined ? {} : { after }) };
    const { items, next } = await store.pending.poll(splitAddress(address).domain, hash, page);
    const found = items.find(({ messageId }) => base64urlnopad.encode(messageId) === part.messageId);
    if (found !== undefined) return `waits since ${clock.seconds() - found.firstSeen} s`;
    if (next === undefined) return 'not there, or done with';
    after = next;
  }
}

function receivedOf({ received, drops }: ClientState, { messageId }: SentPart): unknown {
  const found = Object.values(received).filter(({ id }) => id === messageId);
  return found.map((one: Received) => {
    const { status, held, refusal, deferred, blind, pollKey } = one;
    return { status, held, refusal, deferred, blind, drop: drops[pollKey]?.kind ?? 'forgotten' };
  });
}

/** The recipient's drops for a correspondent, by kind. */
function dropsOf({ drops, contacts }: ClientState, correspondent: string): object {
  const theirs = Object.values(drops).filter((drop) => correspondentOf(drop) === correspondent);
  const kinds = Object.fromEntries(
    Object.entries(Object.groupBy(theirs, ({ kind }: OwnDrop) => kind)).map(([kind, list]) => [
      kind,
      list.length,
    ]),
  );
  return { ...kinds, known: contacts[correspondent]?.known ?? false };
}

/** Whether the drop that the sender writes to is one of the recipient's. */
function adoptedOf(sender: ClientState, recipient: ClientState, to: string): string {
  const drop = sender.contacts[to]?.drop;
  if (drop === undefined) return 'none';
  return recipient.drops[drop.pollKey] === undefined ? 'one that the recipient does not know' : 'good';
}

/** How many entries of the feed the client has not read. */
async function feedBehind(store: Store, { address }: Person, { feedCursor }: ClientState): Promise<number> {
  const after = feedCursor === undefined ? {} : { after: base64urlnopad.decode(feedCursor) };
  const { items } = await store.feed.read(splitAddress(address).domain, {
    ...after,
    limit: 4096,
    now: clock.seconds(),
    bits: 0,
    bucket: 0,
  });
  return items.length;
}

/** What somebody's client can find out of an address now. */
export async function outcomeOf({ client }: Person, address: string): Promise<string> {
  try {
    const [report] = await client().sending.lookUp([address]);
    return `${report?.outcome} ${report?.code ?? ''} ${report?.reason ?? ''}`;
  } catch (error) {
    return String(error);
  }
}
