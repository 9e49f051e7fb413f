/** Credit: how many datagrams a destination may be sent, pure, wire-spec/timing.md section 3. */
import type { Clock } from '../clock.ts';
import { repeating } from '../wire/registry.ts';

export interface Credit {
  /** Takes one datagram's worth; false where there is none left, and the HTTPS door is to be used. */
  spend(destination: string): boolean;
  /** A fetch by that domain: one datagram more, never above the burst. */
  earn(destination: string): void;
}

interface Balance {
  amount: number;
  at: number;
}

/** Destinations remembered at once; a forgotten one starts with a full burst, which is what time gives it anyway. */
const maxDestinations = 10_000;
const intervalMs = repeating.creditInterval * 1000;

export function createCredit(clock: Clock): Credit {
  const balances = new Map<string, Balance>();

  function balanceOf(destination: string): Balance {
    const now = clock.monotonic();
    const known = balances.get(destination);
    const amount =
      known === undefined
        ? repeating.creditBurst
        : Math.min(repeating.creditBurst, known.amount + (now - known.at) / intervalMs);
    const balance = { amount, at: now };
    balances.delete(destination);
    balances.set(destination, balance);
    forgetOldest();
    return balance;
  }

  function forgetOldest(): void {
    if (balances.size <= maxDestinations) return;
    const oldest = balances.keys().next();
    if (!oldest.done) balances.delete(oldest.value);
  }

  return {
    spend(destination) {
      const balance = balanceOf(destination);
      if (balance.amount < 1) return false;
      balance.amount -= 1;
      return true;
    },
    earn(destination) {
      const balance = balanceOf(destination);
      balance.amount = Math.min(repeating.creditBurst, balance.amount + 1);
    },
  };
}
