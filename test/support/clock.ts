import type { Clock } from '../../src/clock.ts';

export interface TestClock extends Clock {
  /** Moves both clocks by this many seconds. */
  advance(seconds: number): void;
  /** Moves what it says, forward or back, while no time passes. */
  jump(seconds: number): void;
}

/** A clock that moves only when told to. */
export function testClock(start = 1_800_000_000): TestClock {
  let elapsedMs = 0;
  let jumped = 0;
  return {
    seconds: () => start + jumped + Math.floor(elapsedMs / 1000),
    monotonic: () => elapsedMs,
    advance(seconds) {
      elapsedMs += seconds * 1000;
    },
    jump(seconds) {
      jumped += seconds;
    },
  };
}
