/** Blobs, their chunks and what counts them: who refers to each, whether all of it is there, and whether it is what was stored. */
import { setImmediate } from 'node:timers/promises';
import { blobRow, countedOf, createSmallPayloads } from './blobs.ts';
import { readable, rowsOf, type Finding, type Findings } from './check-rows.ts';
import type { Counted } from './check-transit.ts';
import { chunkSize, createChunks } from './chunks.ts';
import { equal, startHash } from './digest.ts';
import { blindCodec, sealedSize } from './copies.ts';
import { emptyCodec, rawCodec, schemaCodec, type Engine } from './engine.ts';
import { keptRow } from './kept.ts';
import { domainOf } from './pull-queue.ts';
import { checkMailQueue } from './check-mail-queue.ts';
import { joined, name, ordered } from './keys.ts';
import { stateRow } from './states.ts';
import { uploadRow } from './uploads.ts';
import { asideKey, asideRow, countAside } from './aside.ts';
import { totalKey, usageRow } from './usage.ts';

const timeSize = 6;

interface Referred {
  references: number;
  readonly size: number;
  readonly hash?: Uint8Array | undefined;
  /** How much of it must be there; all of a committed one. */
  readonly received: number;
}

interface Used {
  messages: number;
  bytes: number;
  reserved: number;
}

export interface BlobChecks extends Counted {
  /** After all references were counted. `payloads`: reads every byte and hashes it. Gives the bytes read. */
  finish(payloads: boolean): Promise<number>;
}

export function createBlobChecks(tables: Engine, blobs: Engine, findings: Findings): BlobChecks {
  const { report } = findings;
  const chunks = createChunks(blobs);
  const small = createSmallPayloads(tables);
  const referred = new Map<string, Referred>();
  const used = new Map<string, Used>();
  const usedByPulled = new Map<string, Used>();
  const usedByReceived = new Map<string, Used>();

  function addUse(used: Map<string, Used>, key: Uint8Array, change: Partial<Used>): void {
    const sum = used.get(hex(key)) ?? { messages: 0, bytes: 0, reserved: 0 };
    used.set(hex(key), {
      messages: sum.messages + (change.messages ?? 0),
      bytes: sum.bytes + (change.bytes ?? 0),
      reserved: sum.reserved + (change.reserved ?? 0),
    });
  }

  const useOf =
    (counts: Map<string, Used>): Counted['use'] =>
    ({ domain, user }, change) => {
      addUse(counts, joined(name(domain), user), change);
      addUse(counts, name(domain), change);
      addUse(counts, totalKey, change);
    };
  const use = useOf(used);
  const useByPulled = useOf(usedByPulled);

  function addReference(blob: Uint8Array, seen: Omit<Referred, 'references'>): void {
    const known = referred.get(hex(blob));
    if (known === undefined) referred.set(hex(blob), { ...seen, references: 1 });
    else known.references++;
  }

  const refer: Counted['refer'] = (blob, { size, hash }) =>
    addReference(blob, { size, hash, received: size });

  async function countUploads(): Promise<void> {
    for await (const { key, value } of rowsOf(tables, 'uploads', schemaCodec(uploadRow), findings)) {
      if (value.received > value.size) report('uploads', key, 'has more than its size');
      addReference(value.blob, { size: value.size, received: value.received });
    }
  }

  async function countStates(): Promise<void> {
    for await (const { value } of rowsOf(tables, 'states', schemaCodec(stateRow), findings))
      addReference(value.blob, { size: value.size, hash: value.hash, received: value.size });
  }

  async function countKept(): Promise<void> {
    const byEnd = tables.table('kept_by_end', emptyCodec);
    const kept = tables.table('kept', schemaCodec(keptRow));
    for await (const { key, value } of rowsOf(tables, 'kept', schemaCodec(keptRow), findings)) {
      addReference(value.blob, { size: value.size, hash: value.hash, received: value.size });
      if (!byEnd.has(joined(ordered(value.expires), key))) report('kept', key, 'would never end');
    }
    for await (const { key } of rowsOf(tables, 'kept_by_end', emptyCodec, findings))
      if (readable(kept, key.slice(timeSize)) === undefined)
        report('kept_by_end', key, 'ends what is not there');
  }

  async function countCopies(): Promise<void> {
    for await (const { key, value } of rowsOf(tables, 'blind', blindCodec, findings)) {
      addReference(value.blob, { size: value.size, hash: value.hash, received: value.size });
      useByPulled({ domain: domainOf(key), user: value.user }, { bytes: sealedSize(value) });
    }
  }

  async function checkRows(): Promise<void> {
    const rows = schemaCodec(blobRow);
    for await (const { key, value } of rowsOf(tables, 'blobs', rows, findings)) {
      const expected = referred.get(hex(key));
      if (expected === undefined) report('blobs', key, 'nobody refers to it');
      else if (expected.references !== value.references)
        report('blobs', key, `counts ${value.references} references, there are ${expected.references}`);
      else if (expected.size !== value.size)
        report('blobs', key, 'has another size than who refers to it says');
      const count = value.pulled === true ? useByPulled : use;
      count({ domain: value.domain, user: value.user }, { bytes: countedOf(value) });
    }
    const table = tables.table('blobs', rows);
    for (const blob of referred.keys())
      if (!table.has(unhex(blob))) report('blobs', unhex(blob), 'is referred to, and not there');
    for await (const { key, value } of rowsOf(tables, 'small_payloads', rawCodec, findings)) {
      const row = readable(table, key);
      if (row === undefined && !referred.has(hex(key))) report('small_payloads', key, 'belongs to no blob');
      if (row !== undefined && row.size !== value.length)
        report('small_payloads', key, 'has another size than its blob');
    }
    for await (const { key } of rowsOf(tables, 'dead_blobs', emptyCodec, findings))
      if (table.has(key)) report('dead_blobs', key, 'is to be removed, and in use');
  }

  async function checkUsage(
    table: 'usage' | 'pulled_usage' | 'received_usage',
    used: Map<string, Used>,
  ): Promise<void> {
    for await (const { key, value } of rowsOf(tables, table, schemaCodec(usageRow), findings)) {
      const { messages = 0, bytes = 0, reserved = 0 } = used.get(hex(key)) ?? {};
      const right = messages === value.messages && bytes === value.bytes && reserved === value.reserved;
      if (!right) report(table, key, 'counts something else than there is');
      used.delete(hex(key));
    }
    for (const [key, { messages, bytes, reserved }] of used)
      if (messages + bytes + reserved > 0) report(table, unhex(key), 'counts nothing of what there is');
  }

  /** One of a version that did not count is counted when it is opened. */
  async function checkAside(): Promise<void> {
    for await (const { value } of rowsOf(tables, 'aside', schemaCodec(asideRow), findings))
      if (value.bytes !== (await countAside(tables)))
        report('aside', asideKey, 'counts something else than there is');
  }

  async function checkPayloads(): Promise<number> {
    let read = 0;
    for (const [blob, expected] of referred) {
      const id = unhex(blob);
      const whole = small.get(id);
      const problem = await payloadProblem((index) => whole ?? chunks.get(id, index), expected);
      if (problem !== undefined) report('chunks', unhex(blob), problem);
      read += expected.received;
    }
    return read;
  }

  return {
    refer,
    use,
    receive: useOf(usedByReceived),
    async finish(payloads) {
      await countUploads();
      await countStates();
      await countKept();
      await countCopies();
      await checkMailQueue(tables, findings, { refer, use });
      await checkRows();
      await checkAside();
      await checkUsage('usage', used);
      await checkUsage('pulled_usage', usedByPulled);
      await checkUsage('received_usage', usedByReceived);
      return payloads ? await checkPayloads() : 0;
    },
  };
}

/** What is wrong with the bytes of a blob. */
async function payloadProblem(
  chunkAt: (index: number) => Uint8Array | undefined,
  { received, hash }: Referred,
): Promise<Finding['problem'] | undefined> {
  const running = startHash();
  for (let at = 0; at < received; at += chunkSize) {
    const wanted = Math.min(chunkSize, received - at);
    const chunk = chunkAt(at / chunkSize);
    if (chunk === undefined || chunk.length < wanted) return `bytes from ${at} on are missing`;
    running.add(chunk.subarray(0, wanted));
    await setImmediate();
  }
  if (hash !== undefined && !equal(running.soFar(), hash))
    return 'is not what was stored: its hash is another';
  return undefined;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
