/** Waiting for what happens elsewhere. */
import { setTimeout } from 'node:timers/promises';

/** Of pauses alone, and tries take their time: also on the slowest machine, what has not come by then will not come. */
const longest = 60_000;
/** Between tries, in milliseconds: a fifth longer each time, because polls have an allowance. */
const firstPause = 10;
const longestPause = 500;

/** Tries until there is something, which it gives. Throws when it gives up. */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  let pause = firstPause;
  for (let waited = 0; waited < longest; waited += pause) {
    const value = await attempt();
    if (value !== undefined) return value;
    await setTimeout(pause);
    pause = Math.min(pause * 1.2, longestPause);
  }
  throw new Error(`no ${what} came`);
}
