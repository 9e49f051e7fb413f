/** Opens the store. */
import { BeckonError } from '../errors.ts';
import type { Clock } from '../clock.ts';
import type { Store } from './api/store.ts';

export interface StoreOptions {
  /** Made with mode 0700 where it does not exist. */
  readonly dir: string;
  readonly clock: Clock;
  /**
   * Called at most once, when the disk failed. It must end the process: what was written last may or may not be there, so
   * nothing is acknowledged afterwards and every later write throws `storage_failed`.
   */
  readonly onFailure: (error: unknown) => void;
  /** Whether the disk has room for so many bytes more beside its reserve; always by default. */
  readonly hasRoom?: (bytes: number) => boolean;
}

/** Throws `state_locked` (another process has it open) or `state_invalid` (written by a newer version, or damaged). */
export function openStore(options: StoreOptions): Promise<Store> {
  return Promise.reject(new BeckonError('unavailable', `not built yet: ${options.dir}`));
}
