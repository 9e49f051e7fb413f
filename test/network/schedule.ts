/** Time as the repeating schedule counts it. */
import type { Town } from './town.ts';

/** Seconds from one turn to the next: UDP at once, after 4 s and 16 s, the door after 64 s, then doubling. */
const gaps = [4, 12, 48, 64, 128, 256];

/** Turn by turn until it is so; gives the seconds that took on the town's clock. Throws after eight minutes of it. */
export async function turnByTurn(town: Town, isSo: () => Promise<boolean>): Promise<number> {
  const start = town.clock.seconds();
  for (const seconds of gaps) {
    for (const hoster of town.hosters()) await hoster.catchUp();
    if (await isSo()) return town.clock.seconds() - start;
    town.clock.advance(seconds);
  }
  throw new Error('it did not come about within eight minutes');
}
