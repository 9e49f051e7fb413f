/** Look-ups that gave nothing lately: held back, so that a flood of names causes no flood of look-ups. */
import type { Clock } from '../clock.ts';

export interface HeldBack<T> {
  /**
   * The last outcome, while it is too early to ask again. `answers`: whom it is about answers now, as the caller saw: what failed is held back for the
   * first seconds only, however often it failed before.
   */
  get(name: string, answers?: boolean): T | undefined;
  /** Holds back for a fixed time, in seconds. */
  hold(name: string, outcome: T, seconds: number): void;
  /** Holds back for 5 s, doubling with each failure in a row, up to 15 minutes. */
  fail(name: string, outcome: T): void;
  clear(name: string): void;
}

/** Names remembered at most; the one that was set longest ago makes room. */
const maxNames = 10_000;
const firstSeconds = 5;
const longestSeconds = 900;

interface Held<T> {
  readonly outcome: T;
  /** Monotonic, milliseconds. */
  readonly until: number;
  /** The same where it is known to answer. */
  readonly soon: number;
  readonly failures: number;
}

export function createHeldBack<T>(clock: Clock): HeldBack<T> {
  const held = new Map<string, Held<T>>();

  function set(name: string, outcome: T, seconds: number, failures: number): void {
    held.delete(name);
    const now = clock.monotonic();
    const soon = failures === 0 ? seconds : firstSeconds;
    held.set(name, { outcome, until: now + seconds * 1000, soon: now + soon * 1000, failures });
    const oldest = held.keys().next();
    if (held.size > maxNames && oldest.done !== true) held.delete(oldest.value);
  }

  return {
    get(name, answers = false) {
      const entry = held.get(name);
      const until = answers ? entry?.soon : entry?.until;
      return until !== undefined && clock.monotonic() < until ? entry?.outcome : undefined;
    },
    hold: (name, outcome, seconds) => set(name, outcome, seconds, 0),
    fail(name, outcome) {
      const failures = (held.get(name)?.failures ?? 0) + 1;
      set(name, outcome, Math.min(firstSeconds * 2 ** (failures - 1), longestSeconds), failures);
    },
    clear: (name) => void held.delete(name),
  };
}
