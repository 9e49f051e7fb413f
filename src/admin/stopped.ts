/** What can be done with the data of a daemon that does not run: with its store opened here. */
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Store } from '../store/api/store.ts';
import { createDiskRoom } from '../store/disk-room.ts';
import { checkStore, type CheckResult } from '../store/check.ts';
import { openStore } from '../store/store.ts';
import { makeBackup, storeName } from './backup.ts';
import { failed } from './durable-file.ts';

export type { CheckResult } from '../store/check.ts';

export interface StoppedBackup {
  /** Absolute; made here. */
  readonly directory: string;
  /** The text of the configuration. */
  readonly configuration: string;
  readonly version: string;
  readonly clock: Clock;
}

/** A backup as the daemon makes it. Throws `state_locked` where one has the store open after all, and as `makeBackup`. */
export async function backupStopped(
  { data, storage }: Config,
  { directory, configuration, version, clock }: StoppedBackup,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const hasRoom = (above: string, bytes: number) => createDiskRoom(above, storage.reserve)(bytes, 0);
  return await withStore(join(data, storeName), clock, (store) =>
    makeBackup({ dataDir: () => data, store, version, clock, hasRoom }, directory, configuration),
  );
}

/** Throws `state_locked` while a daemon runs, `not_found` where there is no store. */
export async function checkStopped({ data }: Config, payloads: boolean): Promise<CheckResult> {
  return await checkStore({ dir: join(data, storeName), payloads });
}

/** Opens a store for some work. Throws what the work throws, `state_locked`, and `storage_failed` where the disk failed. */
export async function withStore<T>(
  dir: string,
  clock: Clock,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const failures: unknown[] = [];
  const store = await openStore({ dir, clock, onFailure: (error) => failures.push(error) });
  let result: T;
  try {
    result = await work(store);
  } finally {
    await store.close();
  }
  if (failures.length > 0) throw failed(dir, failures[0]);
  return result;
}
