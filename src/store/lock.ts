/** One process for each store: a lock of the operating system, which ends with its process however that ends. */
import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { BeckonError } from '../errors.ts';

/**
 * Takes the lock file and gives the function that releases it. Node has no advisory file locks of its own but SQLite's,
 * so the file is an empty SQLite database that is held exclusively. Throws `state_locked`.
 */
export function takeLock(path: string): () => void {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw new BeckonError('state_locked', 'another process has this store open: stop it first', { cause });
  }
  chmodSync(path, 0o600);
  return () => database.close();
}
