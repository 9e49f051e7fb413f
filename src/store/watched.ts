/** Writes to what is published of addresses: whoever remembers an answer is told, once the change is on disk. */
import type { Unsubscribe } from './api/terms.ts';
import type { Engine } from './engine.ts';

type Listener = (domain: string, addressHash: Uint8Array) => void;

export interface Watched {
  /** As the engine's; then tells what the change touched, whether it came about or not. */
  write<T>(change: () => T): Promise<T>;
  /** Within a change. */
  touch(domain: string, addressHash: Uint8Array): void;
  watch(listener: Listener): Unsubscribe;
}

export function createWatched(engine: Engine): Watched {
  const listeners = new Set<Listener>();
  /** Of the change that runs: changes run one at a time, and do not wait within. */
  let touched: [string, Uint8Array][] = [];

  return {
    async write(change) {
      const own: typeof touched = [];
      try {
        return await engine.write(() => {
          touched = own;
          return change();
        });
      } finally {
        for (const [domain, addressHash] of own)
          for (const listener of listeners) listener(domain, addressHash);
      }
    },
    touch: (domain, addressHash) => void touched.push([domain, addressHash]),
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
