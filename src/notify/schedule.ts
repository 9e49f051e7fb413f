/** When a ref is notified next and by which door, pure, wire-spec/timing.md section 2. */
import { repeating } from '../wire/registry.ts';

export type Channel = 'udp' | 'door';

/** Turns are counted from 0: the UDP ones first, then the HTTPS door for good. */
export function channelOf(turn: number): Channel {
  return turn < repeating.udp.length ? 'udp' : 'door';
}

/** Seconds from the commit at which the first turns fall: UDP, then the door. */
const openingTurns: readonly number[] = [...repeating.udp, repeating.door];

/**
 * Seconds from turn `turn` to the next one. The opening turns keep their times exactly; later gaps double from the
 * door's delay and carry jitter, so that refs that met in one outage do not stay together.
 * `fetched`: the payload was fetched completely, which slows repeating to daily. `random` is uniform in [0, 1).
 */
export function gapAfter(turn: number, fetched: boolean, random: () => number): number {
  if (fetched) return repeating.afterFetch;
  const now = openingTurns[turn];
  const next = openingTurns[turn + 1];
  if (now !== undefined && next !== undefined) return next - now;
  const doublings = turn - openingTurns.length + 2;
  const gap = Math.min(repeating.door * 2 ** Math.min(doublings, 32), repeating.longestGap);
  const jittered = gap * (1 + repeating.jitter * (2 * random() - 1));
  return Math.min(Math.round(jittered), repeating.longestGap);
}
