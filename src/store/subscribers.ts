/** Who waits for refs: of one recipient hash, or of a whole domain. */
import type { Unsubscribe } from './api/terms.ts';

type Listener = (recipientHash: Uint8Array) => void;

export interface Subscribers {
  subscribe(domain: string, recipientHash: Uint8Array | undefined, listener: Listener): Unsubscribe;
  tell(domain: string, recipientHash: Uint8Array): void;
}

export function createSubscribers(): Subscribers {
  const listeners = new Map<string, Set<Listener>>();
  const keyOf = (domain: string, recipientHash?: Uint8Array) =>
    `${domain} ${recipientHash === undefined ? '' : Buffer.from(recipientHash).toString('latin1')}`;

  function call(key: string, recipientHash: Uint8Array): void {
    listeners.get(key)?.forEach((listener) => queueMicrotask(() => listener(recipientHash)));
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
    tell(domain, recipientHash) {
      if (listeners.size === 0) return;
      call(keyOf(domain, recipientHash), recipientHash);
      call(keyOf(domain), recipientHash);
    },
  };
}
