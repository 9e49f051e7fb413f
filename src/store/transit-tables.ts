/**
 * The rows of the transit table with their indexes, and how a transition of life.ts is applied to all tables. Everything
 * that changes something runs inside a write of the caller's.
 */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import type { ValueOf } from '../wire/schema.ts';
import type { Owner, Page, PageRequest } from './api/terms.ts';
import type { NewMessage, SentMessage } from './api/transit.ts';
import type { BlobRefs } from './blobs.ts';
import { equal, sha256 } from './digest.ts';
import { emptyCodec, rawCodec, schemaCodec, type Engine } from './engine.ts';
import { after, behind, checkCursor, joined, newestFirst, ordered, ownerKey } from './keys.ts';
import { transition, type Life, type Step, type Transition } from './life.ts';
import type { OutboxRefs } from './outbox.ts';
import {
  contentOf,
  contentOfNew,
  copyRow,
  lifeOf,
  maxCopy,
  ownerOf,
  recipientOf,
  refOf,
  reservation,
  sentMessage,
  transitRow,
  withLife,
  type Content,
  type TransitRow,
} from './transit-rows.ts';
import type { CompleteUpload } from './uploads.ts';
import type { UsageCounts } from './usage.ts';

export interface TransitTables {
  get(idHash: Uint8Array): TransitRow | undefined;
  /** As `get`, by the same work whether it is there: one look for a row that is, and one for a row that is not. */
  getAlike(idHash: Uint8Array): TransitRow | undefined;
  /** The row of an owner's message, by trace handle or id hash; rows of others are as good as none. */
  find(owner: Owner, handleOrIdHash: Uint8Array): [idHash: Uint8Array, row: TransitRow] | undefined;
  byHandle(traceHandle: Uint8Array): [idHash: Uint8Array, row: TransitRow] | undefined;
  /** A part of the owner's rows, newest first: those that wait with this payload, and where the next part begins. */
  sharing(
    owner: Owner,
    blob: Uint8Array,
    from: Uint8Array | undefined,
  ): { readonly found: readonly Uint8Array[]; readonly next: Uint8Array | undefined };
  copyOf(idHash: Uint8Array): ValueOf<typeof copyRow> | undefined;
  /** Throws `conflict` where the id is in use. */
  reserve(owner: Owner, id: Uint8Array, expires: number): void;
  /** A reserved message, or a new one, becomes a stored one, with its copy and its ref. Throws `conflict`. */
  store(owner: Owner, message: NewMessage, upload: CompleteUpload, id: 'reserved' | 'new'): void;
  /** Takes a step of life.ts and applies what it decides. */
  step(idHash: Uint8Array, row: TransitRow, wanted: Step & { readonly at: number }): Transition;
  /** Rows that want a look. */
  due(now: number, limit: number): readonly Uint8Array[];
  sent(owner: Owner, page: PageRequest): Page<SentMessage>;
  waiting(): Waiting;
}

/** Messages that wait, and the oldest of them. */
export interface Waiting {
  readonly count: number;
  readonly oldest?: { readonly created: number; readonly destination: string };
}

export interface TransitTableParts {
  readonly engine: Engine;
  readonly blobs: BlobRefs;
  readonly refs: OutboxRefs;
  readonly usage: UsageCounts;
  /** What bridges brought to users here, by recipient. */
  readonly received: UsageCounts;
  readonly clock: Clock;
}

const idHashSize = 32;
const timeSize = 6;
/** Rows read before others have a turn. */
const slice = 256;

export function createTransitTables(parts: TransitTableParts): TransitTables {
  const { engine, blobs, refs, usage, received, clock } = parts;
  const rows = engine.table('transit', schemaCodec(transitRow));
  const copies = engine.table('transit_copies', schemaCodec(copyRow, maxCopy));
  const byOwner = engine.table('transit_by_owner', emptyCodec);
  const byHandle = engine.table('transit_by_handle', rawCodec);
  /** When each row is looked at again. */
  const wakes = engine.table('transit_wakes', emptyCodec);
  /** Stored messages by age. */
  const waiting = engine.table('transit_waiting', emptyCodec);

  let lastRead: Uint8Array | undefined;

  const wakeKey = (idHash: Uint8Array, row: TransitRow) => joined(ordered(row.wake), idHash);
  const ageKey = (idHash: Uint8Array, row: TransitRow) => joined(ordered(row.created), idHash);
  const sentKey = (idHash: Uint8Array, row: TransitRow) =>
    joined(ownerKey(ownerOf(row)), newestFirst(row.created), idHash);

  function setRow(idHash: Uint8Array, old: TransitRow | undefined, row: TransitRow | undefined): void {
    if (old !== undefined && old.wake !== row?.wake) wakes.remove(wakeKey(idHash, old));
    if (row === undefined) return rows.remove(idHash);
    if (old?.wake !== row.wake) wakes.put(wakeKey(idHash, row), undefined);
    rows.put(idHash, row);
  }

  /** `at` is until when the row was looked at. */
  function apply(idHash: Uint8Array, row: TransitRow, change: Transition, at: number): void {
    if (change.dropCopy === true) dropCopy(idHash, row);
    if (change.ref === 'slow') refs.slow(idHash, at);
    if (change.ref === 'retract') refs.retract(idHash, at);
    if (change.ref === 'remove') refs.remove(idHash);
    if (change.life === undefined) removeRow(idHash, row);
    else setRow(idHash, row, withLife(row, change.life, at));
  }

  function dropCopy(idHash: Uint8Array, row: TransitRow): void {
    const content = contentOf(row);
    copies.remove(idHash);
    waiting.remove(ageKey(idHash, row));
    blobs.release(content.blob);
    usage.change(ownerOf(row), { messages: -1, bytes: -content.copySize });
    countReceived(content, -1);
  }

  function countReceived(content: Content, messages: 1 | -1): void {
    if (content.received === undefined) return;
    received.change(recipientOf(content), {
      messages,
      bytes: messages * (content.copySize + content.blobSize),
    });
  }

  function removeRow(idHash: Uint8Array, row: TransitRow): void {
    setRow(idHash, row, undefined);
    if (row.content === undefined) return usage.change(ownerOf(row), { reserved: -1 });
    byHandle.remove(row.content.traceHandle);
    byOwner.remove(sentKey(idHash, row));
  }

  function freshRow(owner: Owner, before: TransitRow | undefined, expires: number): TransitRow | undefined {
    return before === undefined ? reservation(owner, clock.seconds(), expires) : undefined;
  }

  return {
    get: (idHash) => rows.get(idHash),
    getAlike(idHash) {
      const row = rows.get(idHash);
      if (row?.content !== undefined) lastRead = idHash;
      const other = row === undefined ? (lastRead ??= rows.lastKey()) : absent(idHash);
      if (other !== undefined) rows.get(other);
      return row;
    },
    find(owner, handleOrIdHash) {
      const byId = handleOrIdHash.length === idHashSize;
      const idHash = byId ? handleOrIdHash : byHandle.get(handleOrIdHash);
      const row = idHash && rows.get(idHash);
      return row && isOf(row, owner) ? [idHash, row] : undefined;
    },
    byHandle(traceHandle) {
      const idHash = byHandle.get(traceHandle);
      const row = idHash && rows.get(idHash);
      return row && [idHash, row];
    },
    sharing(owner, blob, from) {
      const prefix = ownerKey(owner);
      const keys = byOwner.keys({ from: from ?? prefix, to: behind(prefix), limit: slice });
      const found = keys
        .map((key) => key.slice(-idHashSize))
        .filter((idHash) => {
          const content = rows.get(idHash)?.content;
          return content !== undefined && copies.has(idHash) && equal(content.blob, blob);
        });
      const last = keys.at(-1);
      return { found, next: last === undefined || keys.length < slice ? undefined : after(last) };
    },
    copyOf: (idHash) => copies.get(idHash),
    reserve(owner, id, expires) {
      const idHash = sha256(id);
      if (rows.has(idHash)) throw new BeckonError('conflict', 'a message id is in use');
      setRow(idHash, undefined, reservation(owner, clock.seconds(), expires));
    },
    store(owner, message, upload, id) {
      const idHash = sha256(message.id);
      const before = rows.get(idHash);
      const row = id === 'new' ? freshRow(owner, before, message.expires) : before;
      const change = row && transition(lifeOf(row), { type: 'commit', expires: message.expires });
      if (row === undefined || change?.life === undefined || change.outcome !== 'stored' || !isOf(row, owner))
        throw new BeckonError('conflict', 'a message id is not reserved for this user');
      if (byHandle.has(message.traceHandle)) throw new BeckonError('conflict', 'a trace handle is in use');
      const created = clock.seconds();
      const content = contentOfNew(message, upload);
      const stored = { ...withLife(row, change.life, 0), created, content };
      setRow(idHash, before, stored);
      countReceived(content, 1);
      copies.put(idHash, { header: message.header, envelope: message.envelope });
      byOwner.put(sentKey(idHash, stored), undefined);
      byHandle.put(message.traceHandle, idHash);
      waiting.put(ageKey(idHash, stored), undefined);
      refs.add(idHash, refOf(owner, message, created));
    },
    step(idHash, row, wanted) {
      const life = lifeOf(row);
      const change = transition(life, wanted);
      const settled = change.life !== undefined && isSame(life, change.life) && change.ref === undefined;
      if (!settled) apply(idHash, row, change, wanted.at);
      return change;
    },
    due: (now, limit) => wakes.keys({ to: ordered(now + 1), limit }).map((key) => key.slice(timeSize)),
    sent(owner, { after: cursor, limit }) {
      const prefix = ownerKey(owner);
      const place = checkCursor(cursor, timeSize + idHashSize);
      const from = place === undefined ? prefix : after(joined(prefix, place));
      const keys = byOwner.keys({ from, to: behind(prefix), limit });
      const items = keys.flatMap((key) => {
        const idHash = key.slice(-idHashSize);
        const row = rows.get(idHash);
        return row?.content === undefined ? [] : [sentMessage(idHash, row, row.content)];
      });
      const last = keys.at(-1);
      const more = keys.length === limit && last !== undefined;
      return more ? { items, next: last.slice(prefix.length) } : { items };
    },
    waiting() {
      const [key] = waiting.keys({ limit: 1 });
      const oldest = key && rows.get(key.slice(timeSize));
      const count = waiting.count();
      if (oldest?.content === undefined) return { count };
      return { count, oldest: { created: oldest.created, destination: oldest.content.destination } };
    },
  };
}

export function isOf(row: TransitRow, owner: Owner): boolean {
  return row.domain === owner.domain && equal(row.user, owner.user);
}

function isSame(a: Life, b: Life): boolean {
  return (
    a.state === b.state && a.firstFetch === b.firstFetch && a.fetched === b.fetched && a.ended === b.ended
  );
}

/** A hash that is nobody's, beside another. */
function absent(idHash: Uint8Array): Uint8Array {
  const other = idHash.slice();
  other[other.length - 1] = (other[other.length - 1] as number) ^ 1;
  return other;
}
