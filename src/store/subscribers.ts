/** Who waits for refs: of one recipient hash, or of a whole domain. */
import type { OnRef, PendingRef } from './api/pending.ts';
import type { Unsubscribe } from './api/terms.ts';

export interface Subscribers {
  subscribe(domain: string, recipientHash: Uint8Array | undefined, listener: OnRef): Unsubscribe;
  /** `read`: the ref as it stands now, read only where somebody listens. */
  tell(domain: string, recipientHash: Uint8Array, read: () => PendingRef | undefined): void;
}

export function createSubscribers(): Subscribers {
  const listeners = new Map<string, Set<OnRef>>();
  const keyOf = (domain: string, recipientHash?: Uint8Array) =>
    `${domain} ${recipientHash === undefined ? '' : Buffer.from(recipientHash).toString('latin1')}`;

  function call(key: string, ...told: Parameters<OnRef>): void {
    listeners.get(key)?.forEach((listener) => queueMicrotask(() => listener(...told)));
  }

  return {
    subscribe(domain, recipientHash, listener) {
      const key = keyOf(domain, recipientHash);
      const set = listeners.get(key) ?? new Set();
      listeners.set(key, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(key) === set) listeners.delete(key);
      };
    },
    tell(domain, recipientHash, read) {
      if (listeners.size === 0) return;
      call(keyOf(domain, recipientHash), recipientHash, read);
      call(keyOf(domain), recipientHash, read);
    },
  };
}
