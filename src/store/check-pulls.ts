/** What is pulled for users, against the refs that it belongs to and its own indexes. */
import { blindCodec, blindEndKey, blindOwnerKey } from './copies.ts';
import { equal } from './digest.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { readable, rowsOf, type Findings } from './check-rows.ts';
import { joined, name } from './keys.ts';
import { pendingRow } from './pending-rows.ts';
import { dueKey, queuedRow, queueOwnerKey } from './pull-queue.ts';
import { pullRateRow } from './pull-rates.ts';
import { pullRow } from './pulls.ts';

const hashSize = 32;
/** For a table that was read and reported on before. */
const again = { report: () => undefined, seen: () => undefined };
const timeSize = 6;

export async function checkPulls(engine: Engine, findings: Findings): Promise<void> {
  for await (const { key } of rowsOf(engine, 'pulls', schemaCodec(pullRow), findings))
    if (key.length <= 2 * hashSize + 1 || key.at(-2 * hashSize - 1) !== 0)
      findings.report('pulls', key, 'stands under no user and recipient hash');
  for await (const { key } of rowsOf(engine, 'pull_rates', schemaCodec(pullRateRow), findings))
    if (key.at(-1) !== 0) findings.report('pull_rates', key, 'stands under no domain');
  await checkQueue(engine, findings);
  await checkCopies(engine, findings);
}

async function checkQueue(engine: Engine, findings: Findings): Promise<void> {
  const { report } = findings;
  const codec = schemaCodec(queuedRow);
  const queue = engine.table('pull_queue', codec);
  const pending = engine.table('pending', schemaCodec(pendingRow));
  const byDue = engine.table('pull_due', emptyCodec);
  const byOwner = engine.table('pull_by_owner', emptyCodec);
  for await (const { key, value } of rowsOf(engine, 'pull_queue', codec, findings)) {
    if (readable(pending, key)?.done !== undefined || !pending.has(key))
      report('pull_queue', key, 'is to be pulled, and nobody waits for it');
    if (!byDue.has(dueKey(key, value))) report('pull_queue', key, 'is never pulled');
    if (!byOwner.has(queueOwnerKey(key, value))) report('pull_queue', key, 'is in nobody’s list');
  }
  for await (const { key } of rowsOf(engine, 'pull_due', emptyCodec, findings)) {
    const row = readable(queue, key.slice(timeSize));
    if (row === undefined || !equal(key, dueKey(key.slice(timeSize), row)))
      report('pull_due', key, 'names nothing that is to be pulled');
  }
  for await (const { key } of rowsOf(engine, 'pull_by_owner', emptyCodec, findings)) {
    const row = readable(queue, refKeyIn(key));
    if (row === undefined || !equal(key, queueOwnerKey(refKeyIn(key), row)))
      report('pull_by_owner', key, 'names nothing that is to be pulled');
  }
}

async function checkCopies(engine: Engine, findings: Findings): Promise<void> {
  const { report } = findings;
  const copies = engine.table('blind', blindCodec);
  const pendingCodec = schemaCodec(pendingRow);
  const pending = engine.table('pending', pendingCodec);
  const byEnd = engine.table('blind_by_end', emptyCodec);
  const byOwner = engine.table('blind_by_owner', emptyCodec);
  for await (const { key, value } of rowsOf(engine, 'blind', blindCodec, findings)) {
    if (readable(pending, key)?.blind !== value.expires)
      report('blind', key, 'belongs to no ref that says so');
    if (!byEnd.has(blindEndKey(key, value))) report('blind', key, 'would never end');
    if (!byOwner.has(blindOwnerKey(key, value))) report('blind', key, 'is in nobody’s list');
  }
  for await (const { key, value } of rowsOf(engine, 'pending', pendingCodec, again))
    if (value.blind !== undefined && !copies.has(key))
      report('pending', key, 'says that a copy is here, and there is none');
  for await (const { key } of rowsOf(engine, 'blind_by_end', emptyCodec, findings)) {
    const row = readable(copies, key.slice(timeSize));
    if (row === undefined || !equal(key, blindEndKey(key.slice(timeSize), row)))
      report('blind_by_end', key, 'ends what is not there');
  }
  for await (const { key } of rowsOf(engine, 'blind_by_owner', emptyCodec, findings)) {
    const row = readable(copies, refKeyIn(key));
    if (row === undefined || !equal(key, blindOwnerKey(refKeyIn(key), row)))
      report('blind_by_owner', key, 'lists a copy that the user does not have');
  }
}

/** The ref's key in that of an owner's list: domain, user, recipient hash, hash of the ref. */
function refKeyIn(key: Uint8Array): Uint8Array {
  const domain = new TextDecoder().decode(key.subarray(0, -3 * hashSize - 1));
  return joined(name(domain), key.subarray(-2 * hashSize));
}
