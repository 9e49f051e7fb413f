import type { DirectoryCache } from '../../src/directory/cache.ts';

export interface MemoryCache extends DirectoryCache {
  readonly values: Map<string, Uint8Array>;
}

/** The directory's cache in memory; sharing `values` is what a restart looks like. */
export function memoryCache(values = new Map<string, Uint8Array>()): MemoryCache {
  return {
    values,
    get: async (key) => values.get(key),
    async put(key, value) {
      values.set(key, value);
    },
    async delete(key) {
      values.delete(key);
    },
  };
}
