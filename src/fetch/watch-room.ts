/** How much may be watched at a time, of all networks and of one, wire-spec/fetch.md section 11. */
import { BeckonError } from '../errors.ts';
import { networkOf } from '../rate.ts';

export interface WatchLimits {
  /** At a time, of all networks and of one. */
  readonly watches: number;
  readonly watchesOfNetwork: number;
  /** The same of drops. */
  readonly drops: number;
  readonly dropsOfNetwork: number;
}

/** Some 300 bytes for each drop, and ten kilobytes and a connection for each watch. */
export const defaultLimits: WatchLimits = {
  watches: 10_000,
  watchesOfNetwork: 1024,
  drops: 200_000,
  dropsOfNetwork: 20_000,
};

interface Room {
  watches: number;
  drops: number;
}

/**
 * Takes room for one more watch, `source` being the address that asks; what it gives gives it back, once. Throws `rate_limited` where the
 * network has too many, `unavailable` where all have.
 */
export type TakeRoom = (source: string, drops: number) => () => void;

export function createWatchRoom(limits: WatchLimits): TakeRoom {
  const all: Room = { watches: 0, drops: 0 };
  const networks = new Map<string, Room>();

  return (source, drops) => {
    const network = networkOf(source);
    const own = networks.get(network) ?? { watches: 0, drops: 0 };
    if (own.watches >= limits.watchesOfNetwork || own.drops + drops > limits.dropsOfNetwork)
      throw new BeckonError('rate_limited', 'this network watches as much as it may: poll instead');
    if (all.watches >= limits.watches || all.drops + drops > limits.drops)
      throw new BeckonError('unavailable', 'the domain has no room for another watch: poll instead');
    networks.set(network, own);
    const change = (by: 1 | -1): void => {
      for (const room of [own, all]) {
        room.watches += by;
        room.drops += by * drops;
      }
    };
    change(1);
    return () => {
      change(-1);
      if (own.watches === 0) networks.delete(network);
    };
  };
}
