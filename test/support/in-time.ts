/** Tests of limits that the system's clock keeps. */

/**
 * Tries with ever more milliseconds, until the attempt says that it showed something. Where there is little time a slow machine passes
 * for a slow peer: no single number is both short and long enough.
 */
export async function inTime(attempt: (ms: number) => Promise<boolean>): Promise<void> {
  for (const ms of [200, 1000, 5000, 25_000]) if (await attempt(ms)) return;
  throw new Error('not even with much time');
}
