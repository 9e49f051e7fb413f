/**
 * What is new for a user, into their mail store, each message once; wire-spec/bridges.md section 6.
 *
 *  1. introductions that a rule copies are opened
 *  2. the messages that are to be copied, and where each goes; a cover waits for its parts as long as it may
 *  3. what is in it, into memory and not accepted yet
 *  4. marks that it is being appended, on disk; where there is one from before, the store is searched for the message first
 *  5. appended; marked as done: the message, and each content that is in it
 *  6. what is marked so is accepted: only now may the sender's domain let go of it
 */
import { base64urlnopad } from '@scure/base';
import { aloneFrom } from '../client/belonging.ts';
import type { Client, InboxEntry } from '../client/index.ts';
import type { Clock } from '../clock.ts';
import { hkdf } from '../crypto/kdf.ts';
import type { Secret } from '../crypto/secret.ts';
import type { GatewayStore, PushMark } from '../store/api/gateways.ts';
import type { Owner } from '../store/api/terms.ts';
import { context } from '../wire/context.ts';
import type { GatewayPush } from '../wire/gateway.ts';
import type { MailStore } from './imap-store.ts';
import { nowhere, readContents, unlessLocal, type Content } from './push-contents.ts';
import { renderMessage } from './push-render.ts';
import { isIntroduction, placeOf, type Place } from './push-rules.ts';

export interface CopyParts {
  readonly client: Client;
  readonly owner: Owner;
  readonly push: Pick<GatewayPush, 'folder' | 'rules' | 'sentFolder'>;
  /** What came before then, and was read, is not copied: unix seconds. */
  readonly since: number;
  /** Names of messages in the store come from it. */
  readonly secret: Secret;
  readonly marks: Pick<GatewayStore, 'mark' | 'setMark'>;
  readonly clock: Clock;
  /** Opened when there is something to append. */
  readonly store: () => Promise<MailStore>;
  readonly appended: () => void;
  /** Of a message, in bytes: what is beyond is named, and waits where it is. 32 MiB unless told. */
  readonly mostBytes?: number;
}

const usualMostBytes = 32 * 1024 * 1024;

/** A mark outlives what waits for longest. */
const markLife = 100 * 86_400;

/** Throws what stops it for now: the mail store, or this machine. What one message alone cannot do does not stop the others. */
export async function copyNew(parts: CopyParts): Promise<void> {
  const { client, push, since, clock } = parts;
  const introduced = await openIntroductions(parts);
  for (const entry of client.inbox()) {
    const place = introducedPlace(introduced, entry) ?? placeOf(push, entry);
    if (place === undefined || !isWanted(entry, since)) continue;
    await copy(parts, entry, place, isAwaited(entry, clock.seconds()));
  }
}

/** Where a rule wants what strangers wrote, by number: they are no strangers afterwards, and what they wrote may be a part. */
async function openIntroductions({ client, push }: CopyParts): Promise<ReadonlyMap<number, Place>> {
  const places = new Map<number, Place>();
  for (const entry of client.inbox()) {
    const place = isIntroduction(entry) ? placeOf(push, entry) : undefined;
    if (place === undefined) continue;
    places.set(entry.number, place);
    if (client.entry(entry.number).status === 'waiting') await unlessLocal(client.open(entry.number));
  }
  return places;
}

function introducedPlace(
  places: ReadonlyMap<number, Place>,
  { number, parts = [] }: InboxEntry,
): Place | undefined {
  return [number, ...parts.map((part) => part.number)]
    .map((one) => places.get(one))
    .find((place) => place !== undefined);
}

function isWanted({ status, firstSeen, kept, cover, parts = [] }: InboxEntry, since: number): boolean {
  // Who takes a cover back takes its parts back next.
  if (status === 'ignored' || status === 'withdrawn') return false;
  if (cover === true) return parts.some((part) => isWanted(part, since));
  return status === 'opened' || (status === 'accepted' && kept === true && firstSeen >= since);
}

/** Whether what a cover lists, and is not all there yet, may still be waited for: what is there must not end meanwhile. */
function isAwaited(entry: InboxEntry, now: number): boolean {
  const { cover, parts = [] } = entry;
  return cover === true && [entry, ...parts].every((one) => now < aloneFrom(one));
}

async function copy(parts: CopyParts, entry: InboxEntry, place: Place, mayWait: boolean): Promise<void> {
  const contents = entry.cover === true ? (entry.parts ?? []) : [entry];
  if (mayWait && contents.some(({ status }) => status === 'waiting')) return;
  const isThere =
    isDone(await markOf(parts, entry)) || (await append(parts, entry, contents, place, mayWait));
  if (!isThere) return;
  for (const one of contents)
    if (one.status === 'opened' && (await markOf(parts, one)) === 'appended')
      await unlessLocal(parts.client.payload(one.number, nowhere()));
}

/** Whether the store has it now. */
async function append(
  parts: CopyParts,
  entry: InboxEntry,
  entries: readonly InboxEntry[],
  place: Place,
  mayWait: boolean,
): Promise<boolean> {
  const { client, store } = parts;
  const before = await markOf(parts, entry);
  if (before === 'appending' && (await (await store()).has(place.folder, nameOf(parts, entry)))) {
    for (const one of entries)
      if ((await markOf(parts, one)) === 'appending') await setMark(parts, one, 'appended');
    await done(parts, entry);
    return true;
  }
  // A part that was copied by itself is not copied again with its cover: it may be gone.
  const isCopied = async (one: InboxEntry): Promise<boolean> =>
    one.number !== entry.number && (await markOf(parts, one)) === 'appended';
  const contents = await readContents(client, entries, {
    isCopied,
    mayWait,
    mostBytes: parts.mostBytes ?? usualMostBytes,
  });
  if (contents === undefined) return false;
  const read = contents.filter(({ bytes }) => bytes !== undefined);
  if (read.length === 0 && !contents.some(({ leftOut }) => leftOut === 'large')) return false;
  await appendRead(parts, entry, contents, place);
  return true;
}

async function appendRead(
  parts: CopyParts,
  entry: InboxEntry,
  contents: readonly Content[],
  place: Place,
): Promise<void> {
  const { client, store } = parts;
  const created = entry.created ?? contents[0]?.entry.created ?? entry.firstSeen;
  const message = await renderMessage({
    from: entry.from ?? '',
    to: client.address() ?? '',
    created: entry.mail?.received ?? created,
    mark: nameOf(parts, entry),
    byMail: entry.byOwnBridge === true,
    parts: contents,
  });
  const target = await store();
  for (const { entry: one, bytes, leftOut } of contents)
    if (leftOut !== 'copied') await setMark(parts, one, bytes === undefined ? 'named' : 'appending');
  await setMark(parts, entry, 'appending');
  await target.append(
    place.folder,
    message,
    place.flags,
    entry.mail?.received ?? entry.created ?? entry.firstSeen,
  );
  for (const { entry: one, bytes } of contents)
    if (bytes !== undefined) await setMark(parts, one, 'appended');
  await done(parts, entry);
}

/** Of one that is too large to be copied only the name is there. */
async function done(parts: CopyParts, entry: InboxEntry): Promise<void> {
  const isNamed = entry.cover !== true && (entry.length ?? 0) > (parts.mostBytes ?? usualMostBytes);
  await setMark(parts, entry, isNamed ? 'named' : 'appended');
  parts.appended();
}

function isDone(mark: PushMark | undefined): boolean {
  return mark === 'appended' || mark === 'named';
}

function markFor({ owner, secret }: CopyParts, { handle }: InboxEntry): Uint8Array {
  return hkdf(secret.expose(), context('gateway mark', owner.user, handle), 16);
}

function nameOf(parts: CopyParts, entry: InboxEntry): string {
  return base64urlnopad.encode(markFor(parts, entry));
}

async function markOf(parts: CopyParts, entry: InboxEntry): Promise<PushMark | undefined> {
  return await parts.marks.mark(parts.owner, markFor(parts, entry));
}

async function setMark(parts: CopyParts, entry: InboxEntry, mark: PushMark): Promise<void> {
  const expires = Math.max(entry.expires, entry.firstSeen) + markLife;
  await parts.marks.setMark(parts.owner, markFor(parts, entry), mark, expires);
}
