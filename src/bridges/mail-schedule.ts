/** When mail is tried again, and when its sender is told: wire-spec/bridges.md section 3. Pure. */

const minute = 60;
const hour = 3600;

/** Seconds from one try to the next; the last one repeats. */
const gaps = [1 * minute, 5 * minute, 15 * minute, 1 * hour, 2 * hour, 4 * hour, 8 * hour] as const;
const jitter = 0.2;

/** How long mail is tried, in seconds. */
export const mailLife = 5 * 24 * hour;
/** From then on the sender is told that it takes long, in seconds. */
export const delayAfter = 4 * hour;

/** Seconds until the next try, after so many; `draw` is uniform in [0, 1). */
export function mailGap(attempts: number, draw: () => number): number {
  const gap = gaps[Math.min(Math.max(attempts, 1), gaps.length) - 1] ?? 8 * hour;
  return Math.round(gap * (1 + jitter * (2 * draw() - 1)));
}
