/**
 * What is new for a user, into their mail store, each message once; wire-spec/bridges.md section 6.
 *
 *  1. the messages that are to be copied, and where each goes
 *  2. its content, into memory and not accepted yet
 *  3. a mark that it is being appended, on disk; where there is one from before, the store is searched for the message first
 *  4. appended; marked as done
 *  5. accepted: only now may the sender's domain let go of it
 */
import { base64urlnopad } from '@scure/base';
import type { Client, InboxEntry, PayloadSink } from '../client/index.ts';
import { hkdf } from '../crypto/kdf.ts';
import type { Secret } from '../crypto/secret.ts';
import { BeckonError, codeOf } from '../errors.ts';
import type { GatewayStore } from '../store/api/gateways.ts';
import type { Owner } from '../store/api/terms.ts';
import { context } from '../wire/context.ts';
import type { GatewayPush } from '../wire/gateway.ts';
import type { MailStore } from './imap-store.ts';
import { renderMessage, type Rendered } from './push-render.ts';
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
  /** Opened when there is something to append. */
  readonly store: () => Promise<MailStore>;
  readonly appended: () => void;
}

/** The most bytes of a message that are copied; the rest of it waits where it is. */
const mostBytes = 32 * 1024 * 1024;
/** A mark outlives what waits for longest. */
const markLife = 100 * 86_400;

/** Throws what stops it for now: the store, or the network. What one message alone cannot do does not stop the others. */
export async function copyNew(parts: CopyParts): Promise<void> {
  const { client } = parts;
  for (const entry of client.inbox()) {
    const place = placeOf(parts.push, entry);
    if (place === undefined || !isWanted(entry, parts.since)) continue;
    try {
      await copy(parts, entry, place);
    } catch (error) {
      if (!passing.includes(codeOf(error))) throw error;
    }
  }
}

/** Of one message: it is gone, or not what was signed. The client says so; there is nothing to copy. */
const passing: readonly string[] = [
  'message_gone',
  'payload_mismatch',
  'open_failed',
  'commitment_mismatch',
  'not_found',
  'request_invalid',
];

function isWanted(
  { status, firstSeen, kept, cover, parts = [], ...entry }: InboxEntry,
  since: number,
): boolean {
  if (cover === true) return parts.some((part) => isWanted(part, since));
  if (isIntroduction({ status, ...entry } as InboxEntry)) return true;
  return status === 'opened' || (status === 'accepted' && kept === true && firstSeen >= since);
}

async function copy(parts: CopyParts, found: InboxEntry, place: Place): Promise<void> {
  const { client, owner, marks, secret } = parts;
  const entry = isIntroduction(found) ? await opened(client, found) : found;
  if (entry === undefined) return;
  const mark = hkdf(secret.expose(), context('gateway mark', owner.user, entry.handle), 16);
  const before = await marks.mark(owner, mark);
  const contents = entry.cover === true ? (entry.parts ?? []) : [entry];
  if (before !== 'appended') await append(parts, { entry, contents, place, mark, before });
  for (const one of contents)
    if (one.status === 'opened' && (one.length ?? 0) <= mostBytes)
      await client.payload(one.number, nowhere());
}

async function opened(client: Client, { number }: InboxEntry): Promise<InboxEntry | undefined> {
  const entry = await client.open(number);
  return entry.status === 'opened' ? entry : undefined;
}

interface Appending {
  readonly entry: InboxEntry;
  readonly contents: readonly InboxEntry[];
  readonly place: Place;
  readonly mark: Uint8Array;
  readonly before: 'appending' | undefined;
}

async function append(
  { client, owner, marks, store, appended }: CopyParts,
  { entry, contents, place, mark, before }: Appending,
): Promise<void> {
  const name = base64urlnopad.encode(mark);
  const expires = Math.max(entry.expires, entry.firstSeen) + markLife;
  const target = await store();
  const isThere = before === 'appending' && (await target.has(place.folder, name));
  if (!isThere) {
    const message = await renderMessage({
      from: entry.from ?? '',
      to: client.address() ?? '',
      created: entry.mail?.received ?? entry.created ?? contents[0]?.created ?? entry.firstSeen,
      mark: name,
      byMail: entry.byOwnBridge === true,
      parts: await contentsOf(client, contents),
    });
    await marks.setMark(owner, mark, 'appending', expires);
    await target.append(
      place.folder,
      message,
      place.flags,
      entry.mail?.received ?? entry.created ?? entry.firstSeen,
    );
  }
  await marks.setMark(owner, mark, 'appended', expires);
  appended();
}

async function contentsOf(client: Client, contents: readonly InboxEntry[]): Promise<readonly Rendered[]> {
  const rendered: Rendered[] = [];
  let room = mostBytes;
  for (const { number, length = 0, mediaType = 'application/octet-stream', fileName } of contents) {
    const named = { mediaType, length, ...(fileName === undefined ? {} : { fileName }) };
    const bytes = length <= room ? await contentOf(client, number) : undefined;
    room -= bytes?.length ?? 0;
    rendered.push({ ...named, ...(bytes === undefined ? {} : { bytes }) });
  }
  return rendered;
}

/** Read, and not accepted: what is accepted may be gone. */
async function contentOf(client: Client, number: number): Promise<Uint8Array> {
  const sink = memory();
  const held = new BeckonError('unavailable', 'not accepted yet');
  await client.payload(number, { ...sink, commit: () => Promise.reject(held) }).catch((error: unknown) => {
    if (error !== held) throw error;
  });
  return sink.bytes();
}

function memory(): PayloadSink & { bytes(): Uint8Array } {
  let pieces: Uint8Array[] = [];
  const whole = (): Uint8Array => {
    pieces = [Buffer.concat(pieces)];
    return pieces[0] ?? new Uint8Array();
  };
  return {
    size: async () => pieces.reduce((sum, { length }) => sum + length, 0),
    async *read(length) {
      yield whole().subarray(0, length);
    },
    async truncate(length) {
      pieces = [whole().slice(0, length)];
    },
    async write(bytes) {
      pieces.push(bytes.slice());
    },
    commit: async () => undefined,
    bytes: whole,
  };
}

/** What is in the store need not be kept here. */
function nowhere(): PayloadSink {
  let length = 0;
  return {
    size: async () => length,
    async *read() {},
    async truncate(to) {
      length = to;
    },
    async write(bytes) {
      length += bytes.length;
    },
    commit: async () => undefined,
  };
}
