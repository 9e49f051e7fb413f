/** Time as the repeating schedule counts it. */
import { eventually } from './eventually.ts';
import type { Town } from './town.ts';

/** Seconds from one turn to the next: UDP at once, after 4 s and 16 s, the door after 64 s, then doubling. */
const gaps = [4, 12, 48, 64, 128, 256];

/**
 * Turn by turn until it is so; gives the seconds that took on the town's clock. After eight minutes of it time stands still, and what is
 * under way may come; then it throws.
 */
export async function turnByTurn(town: Town, isSo: () => Promise<boolean>): Promise<number> {
  const start = town.clock.seconds();
  for (const seconds of gaps) {
    if (await turn()) return town.clock.seconds() - start;
    town.clock.advance(seconds);
  }
  await eventually('turn', async () => (await turn()) || undefined);
  return town.clock.seconds() - start;

  async function turn(): Promise<boolean> {
    for (const hoster of town.hosters()) await hoster.catchUp();
    return await isSo();
  }
}
