/**
 * Whether a store holds together: every row is read, and what belongs together is compared. Nothing is changed.
 *
 *  1. the version, as when it is opened
 *  2. transit, with its copies, indexes and the outbox; every reference to a blob and every use is counted up
 *  3. blobs and counts against what was counted; every byte of every payload against its hash, if asked for
 *  4. pending refs, preferences, what was and is to be pulled, feed, domains, users, devices, aliases, contact cards, gateways
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BeckonError } from '../errors.ts';
import { createBlobChecks } from './check-blobs.ts';
import { checkCards } from './check-cards.ts';
import { checkGateways } from './check-gateways.ts';
import { checkDelivered, checkFeed, checkPending, checkPreferences, checkUsers } from './check-received.ts';
import { checkPulls } from './check-pulls.ts';
import { createFindings, type Finding } from './check-rows.ts';
import { checkTransit } from './check-transit.ts';
import { openEngine, type Engine } from './engine.ts';
import { takeLock } from './lock.ts';
import { blobsSpace, expectVersion, tablesSpace } from './version.ts';

export type { Finding } from './check-rows.ts';

export interface CheckOptions {
  readonly dir: string;
  /** Reads every payload and compares its hash. */
  readonly payloads: boolean;
}

export interface CheckResult {
  readonly rows: number;
  /** Of payloads, read and hashed. */
  readonly bytes: number;
  readonly total: number;
  /** The first thousand. */
  readonly findings: readonly Finding[];
}

/**
 * Checks the store in a directory that no daemon has open, or a copy of one. Throws `state_locked`, `not_found` where there is
 * none, `state_invalid` for one of a newer version or one that cannot be opened at all.
 */
export async function checkStore({ dir, payloads }: CheckOptions): Promise<CheckResult> {
  if ((await stat(join(dir, 'tables', 'data.mdb')).catch(() => undefined)) === undefined)
    throw new BeckonError('not_found', `${dir}: there is no store`);
  const unlock = lockIfThere(dir, await isStore(dir));
  const opened: Engine[] = [];
  const open = (folder: string, mapSize: number) => {
    const engine = openEngine({
      dir: join(dir, folder),
      mapSize,
      readOnly: true,
      onFailure: () => undefined,
    });
    opened.push(engine);
    return engine;
  };
  try {
    return await check(open('tables', tablesSpace), open('blobs', blobsSpace), payloads);
  } catch (cause) {
    if (cause instanceof BeckonError) throw cause;
    throw new BeckonError('state_invalid', `${dir}: the store cannot be read`, { cause });
  } finally {
    for (const engine of opened) await engine.close();
    unlock();
  }
}

/** A copy has no lock file: nobody writes to it. */
async function isStore(dir: string): Promise<boolean> {
  return (await stat(join(dir, 'lock')).catch(() => undefined)) !== undefined;
}

function lockIfThere(dir: string, there: boolean): () => void {
  return there ? takeLock(join(dir, 'lock')) : () => undefined;
}

async function check(tables: Engine, blobs: Engine, payloads: boolean): Promise<CheckResult> {
  expectVersion(tables);
  const findings = createFindings();
  const blobChecks = createBlobChecks(tables, blobs, findings);
  await checkTransit(tables, findings, blobChecks);
  const bytes = await blobChecks.finish(payloads);
  await checkPending(tables, findings);
  await checkPreferences(tables, findings);
  await checkPulls(tables, findings);
  await checkFeed(tables, findings);
  await checkUsers(tables, findings);
  await checkDelivered(tables, findings);
  await checkCards(tables, findings);
  await checkGateways(tables, findings);
  return { ...findings.result(), bytes };
}
