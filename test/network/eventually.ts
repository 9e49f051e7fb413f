/** Waiting for what happens elsewhere. */
import { setTimeout } from 'node:timers/promises';

/** So long nothing of ours takes, also on a busy machine: what has not come by then will not come. */
const longest = 30_000;
const pause = 20;

/** Tries until there is something, which it gives. Throws when it gives up. */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  for (let waited = 0; waited < longest; waited += pause) {
    const value = await attempt();
    if (value !== undefined) return value;
    await setTimeout(pause);
  }
  throw new Error(`no ${what} came`);
}
