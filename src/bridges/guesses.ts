/**
 * How often somebody may guess a password, by user and by network; wire-spec/bridges.md section 5. Names that nobody has count as others do:
 * what is answered tells nothing about who is there.
 */
import type { Clock } from '../clock.ts';
import { networkOf } from '../rate.ts';

export interface GuessLimits {
  /** Wrong guesses that are free, of one user from one network, and seconds after which one more is. */
  readonly here: Allowance;
  /** Of one network, whoever is meant. */
  readonly network: Allowance;
  /** Of one user, from all networks that they never came from. */
  readonly user: Allowance;
  /** How long a network is known after a right password, seconds. */
  readonly known: number;
  /** Before a wrong guess is answered: the first waits for so long, each next one twice as long, milliseconds. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

interface Allowance {
  readonly burst: number;
  readonly seconds: number;
}

export const defaultGuessLimits: GuessLimits = {
  here: { burst: 5, seconds: 60 },
  network: { burst: 20, seconds: 60 },
  user: { burst: 50, seconds: 300 },
  known: 30 * 86_400,
  firstWaitMs: 1000,
  longestWaitMs: 8000,
};

export interface Guesses {
  /** Whether a password may be tried now. It counts as wrong from then on: many at one time are as many as one after the other. */
  mayTry(user: string, source: string): boolean;
  /** Whether a right password for this user came from this network lately. */
  isKnown(user: string, source: string): boolean;
  /** It was wrong: how long the answer waits, milliseconds. */
  waitFor(user: string, source: string): number;
  /** It was right, or nobody could tell: it does not count. */
  take(user: string, source: string): void;
  /** It was right. */
  right(user: string, source: string): void;
}

const maxKeys = 20_000;

/**
 * In memory: a restart forgives, which is worth a few guesses to whoever waits for one; on disk it would say who was where, and when.
 * `user`: canonical, or whatever was typed.
 */
export function createGuesses(limits: GuessLimits, clock: Clock): Guesses {
  const here = createCounter(limits.here, clock);
  const network = createCounter(limits.network, clock);
  const everywhere = createCounter(limits.user, clock);
  const known = new Map<string, number>();

  const keyOf = (user: string, source: string): string => `${networkOf(source)} ${user}`;
  function hasBeen(key: string): boolean {
    const since = known.get(key);
    return since !== undefined && clock.monotonic() - since < limits.known * 1000;
  }

  function take(user: string, source: string): void {
    const key = keyOf(user, source);
    here.add(key, -1);
    network.add(networkOf(source), -1);
    if (!hasBeen(key)) everywhere.add(user, -1);
  }

  return {
    mayTry(user, source) {
      const key = keyOf(user, source);
      if (here.count(key) >= limits.here.burst) return false;
      const stranger = !hasBeen(key);
      const most = network.count(networkOf(source)) >= limits.network.burst;
      if (stranger && (most || everywhere.count(user) >= limits.user.burst)) return false;
      here.add(key, 1);
      network.add(networkOf(source), 1);
      if (stranger) everywhere.add(user, 1);
      return true;
    },
    isKnown: (user, source) => hasBeen(keyOf(user, source)),
    waitFor(user, source) {
      const count = here.count(keyOf(user, source));
      return Math.min(limits.firstWaitMs * 2 ** Math.max(0, count - 1), limits.longestWaitMs);
    },
    take,
    right(user, source) {
      take(user, source);
      const key = keyOf(user, source);
      known.delete(key);
      known.set(key, clock.monotonic());
      forgetOldest(known);
    },
  };
}

/** Counts up with each `add`, and down by one every so many seconds. */
function createCounter({ seconds }: Allowance, clock: Clock) {
  const counts = new Map<string, { count: number; at: number }>();
  function count(key: string): number {
    const found = counts.get(key);
    if (found === undefined) return 0;
    const over = Math.floor((clock.monotonic() - found.at) / 1000 / seconds);
    if (over > 0)
      counts.set(key, { count: Math.max(0, found.count - over), at: found.at + over * seconds * 1000 });
    return counts.get(key)?.count ?? 0;
  }
  return {
    count,
    add(key: string, more: number): void {
      const next = Math.max(0, count(key) + more);
      const at = next <= 1 ? clock.monotonic() : (counts.get(key)?.at ?? clock.monotonic());
      counts.delete(key);
      counts.set(key, { count: next, at });
      forgetOldest(counts);
    },
  };
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size <= maxKeys) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
