/** Many small changes in one write: a transaction of its own costs more than a row. */

export interface Batch<Item, Result> {
  /** Resolves with what `apply` gave for this item, once the write of its batch is done. */
  add(item: Item): Promise<Result>;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Most items of one write: it stays short beside the others that wait for their turn. */
const maxBatch = 512;

/**
 * Gathers what is added while the event loop is busy, and hands it to `apply` in order, at most `maxBatch` at once. `apply` runs one
 * write for all its items and gives a result for each; where it throws, all of them fail.
 */
export function createBatch<Item, Result>(
  apply: (items: readonly Item[]) => Promise<readonly Result[]>,
): Batch<Item, Result> {
  let waiting: Waiting<Item, Result>[] = [];

  async function flush(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await apply(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, i) => resolve(results[i] as Result));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  function flushAll(): void {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxBatch);
      waiting = waiting.slice(maxBatch);
      void flush(batch);
    }
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(flushAll);
        waiting.push({ item, resolve, reject });
      }),
  };
}
