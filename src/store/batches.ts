/** Collects what comes while a write is on its way, and does it together in the next: many small writes cost one. */

/**
 * `run` takes items and gives a result for each, in their order; when it throws, all of them fail. Alone, an item is run
 * at once.
 */
export function createBatches<T, R>(
  run: (items: readonly T[]) => Promise<readonly R[]>,
  most: number,
): (item: T) => Promise<R> {
  interface Waiting {
    readonly item: T;
    readonly done: PromiseWithResolvers<R>;
  }
  let queue: Waiting[] = [];
  let running = false;

  async function runBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await run(batch.map(({ item }) => item));
      batch.forEach(({ done }, i) => done.resolve(results[i] as R));
    } catch (error) {
      for (const { done } of batch) done.reject(error);
    }
  }

  async function runAll(): Promise<void> {
    running = true;
    while (queue.length > 0) {
      const batch = queue.slice(0, most);
      queue = queue.slice(most);
      await runBatch(batch);
    }
    running = false;
  }

  return (item) => {
    const done = Promise.withResolvers<R>();
    queue.push({ item, done });
    if (!running) void runAll();
    return done.promise;
  };
}
