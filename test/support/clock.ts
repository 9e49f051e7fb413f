import type { Clock } from '../../src/clock.ts';

export interface TestClock extends Clock {
  /** Moves both clocks by this many seconds. */
  advance(seconds: number): void;
}

/** A clock that moves only when told to. */
export function testClock(start = 1_800_000_000): TestClock {
  let elapsedMs = 0;
  return {
    seconds: () => start + Math.floor(elapsedMs / 1000),
    monotonic: () => elapsedMs,
    advance(seconds) {
      elapsedMs += seconds * 1000;
    },
  };
}
