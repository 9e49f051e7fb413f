/** The transit table against its copies, indexes and the outbox: README.md says which belong together in each state. */
import type { Owner } from './api/terms.ts';
import { equal } from './digest.ts';
import { emptyCodec, rawCodec, schemaCodec, type Engine } from './engine.ts';
import { readable, rowsOf, type Findings } from './check-rows.ts';
import { joined, newestFirst, ordered, ownerKey } from './keys.ts';
import { outboxRow } from './outbox.ts';
import {
  copyRow,
  lifeOf,
  maxCopy,
  ownerOf,
  recipientOf,
  transitRow,
  type Content,
  type TransitRow,
} from './transit-rows.ts';

/** What the checks of other tables count up. */
export interface Counted {
  /** A message or an upload refers to a blob. */
  refer(blob: Uint8Array, from: { readonly size: number; readonly hash?: Uint8Array }): void;
  use(
    owner: Owner,
    change: { readonly messages?: number; readonly bytes?: number; readonly reserved?: number },
  ): void;
  /** What a bridge brought, by recipient. */
  receive(recipient: Owner, change: { readonly messages: number; readonly bytes: number }): void;
}

const idHashSize = 32;
const timeSize = 6;

export async function checkTransit(engine: Engine, findings: Findings, counted: Counted): Promise<void> {
  const { report } = findings;
  const rows = engine.table('transit', schemaCodec(transitRow));
  const copies = engine.table('transit_copies', schemaCodec(copyRow, maxCopy));
  const byOwner = engine.table('transit_by_owner', emptyCodec);
  const byHandle = engine.table('transit_by_handle', rawCodec);
  const wakes = engine.table('transit_wakes', emptyCodec);
  const waiting = engine.table('transit_waiting', emptyCodec);
  const outbox = engine.table('outbox', schemaCodec(outboxRow));
  let present = 0;
  let committed = 0;
  let stored = 0;

  function checkCommitted(idHash: Uint8Array, row: TransitRow, content: Content): void {
    const { state } = lifeOf(row);
    const problem = (text: string) => report('transit', idHash, `${state}: ${text}`);
    committed++;
    if (!byOwner.has(joined(ownerKey(ownerOf(row)), newestFirst(row.created), idHash)))
      problem('is not in the list of its owner');
    const named = byHandle.get(content.traceHandle);
    if (named === undefined || !equal(named, idHash)) problem('is not found by its trace handle');
    if (state !== 'stored') {
      if (copies.has(idHash)) problem('its header and envelope are still there');
      if (state !== 'withdrawn' && outbox.has(idHash)) problem('is still announced');
      return;
    }
    stored++;
    const copy = readable(copies, idHash);
    if (copy === undefined) problem('its header and envelope are missing');
    else if (copy.header.length + copy.envelope.length !== content.copySize)
      problem('its header and envelope have another size than was counted');
    if (!waiting.has(joined(ordered(row.created), idHash))) problem('is not in the index by age');
    if (!outbox.has(idHash)) problem('nobody is told that it waits');
    counted.refer(content.blob, { size: content.blobSize, hash: content.blobHash });
    counted.use(ownerOf(row), { messages: 1, bytes: content.copySize });
    if (content.received !== undefined)
      counted.receive(recipientOf(content), { messages: 1, bytes: content.copySize + content.blobSize });
  }

  for await (const { key, value } of rowsOf(engine, 'transit', schemaCodec(transitRow), findings)) {
    present++;
    if (!wakes.has(joined(ordered(value.wake), key))) report('transit', key, 'is never looked at again');
    if (value.content !== undefined) checkCommitted(key, value, value.content);
    else if (lifeOf(value).state === 'reserved') counted.use(ownerOf(value), { reserved: 1 });
    else report('transit', key, 'was committed, and lacks its content');
  }
  for await (const { key } of rowsOf(engine, 'transit_copies', schemaCodec(copyRow, maxCopy), findings))
    if (!rows.has(key)) report('transit_copies', key, 'belongs to no message');
  for await (const { key, value } of rowsOf(engine, 'outbox', schemaCodec(outboxRow), findings)) {
    if (!rows.has(key)) report('outbox', key, 'announces a message that is not there');
    const scheduled = engine.table('outbox_schedule', emptyCodec).has(joined(ordered(value.due), key));
    if (value.due < value.expires && !scheduled) report('outbox', key, 'is never sent again');
  }

  const expectCount = (table: string, count: number, expected: number) => {
    if (count !== expected) report(table, new Uint8Array(), `has ${count} entries for ${expected} messages`);
  };
  expectCount('transit_wakes', wakes.count(), present);
  expectCount('transit_by_owner', byOwner.count(), committed);
  expectCount('transit_by_handle', byHandle.count(), committed);
  expectCount('transit_waiting', waiting.count(), stored);
  for await (const { key } of rowsOf(engine, 'outbox_schedule', emptyCodec, findings))
    if (key.length !== timeSize + idHashSize || !outbox.has(key.slice(timeSize)))
      report('outbox_schedule', key, 'names nothing that is announced');
}
