/** Time, injected everywhere so that tests can move it. */
export interface Clock {
  /** Unix time in whole seconds: the only unit of time in the protocol. */
  seconds(): number;
  /** Milliseconds from an arbitrary start that never jump: for rates and timeouts. */
  monotonic(): number;
}

export const systemClock: Clock = {
  seconds: () => Math.floor(Date.now() / 1000),
  monotonic: () => performance.now(),
};

/** Steps of this size, and what drifts between two looks, are no jumps, seconds. */
const step = 60;
/** How long a clock that jumped must run on before it is believed, milliseconds. */
const proof = 86_400_000;

/**
 * A clock that does not believe jumps, wire-spec/timing.md section 1: it goes on by the monotonic time, and takes over what the
 * other one says once that has run for a day without a jump. So nothing ends early, and nothing is done twice or put off for a year.
 * To be asked more often than daily; it starts with what `clock` says.
 */
export function createSteadyClock(clock: Clock): Clock {
  /** What the steady time is ahead of the monotonic one, seconds. */
  let offset = clock.seconds() - clock.monotonic() / 1000;
  let doubted: { readonly offset: number; readonly since: number } | undefined;

  function look(): void {
    const now = clock.monotonic();
    const seen = clock.seconds() - now / 1000;
    if (Math.abs(seen - offset) <= step) {
      offset = seen;
      doubted = undefined;
      return;
    }
    if (doubted === undefined || Math.abs(seen - doubted.offset) > step)
      doubted = { offset: seen, since: now };
    if (now - doubted.since < proof) return;
    offset = seen;
    doubted = undefined;
  }

  return {
    seconds() {
      look();
      return Math.floor(offset + clock.monotonic() / 1000 + 1e-6);
    },
    monotonic: clock.monotonic,
  };
}

/** For what ends: never later than either of them says, so that neither a jump forward nor the time after one back ends anything early. */
export function earlierOf(one: Clock, other: Clock): Clock {
  return { seconds: () => Math.min(one.seconds(), other.seconds()), monotonic: one.monotonic };
}

/** So many milliseconds, or until `subscribe` tells that there is something, or the signal aborts. */
export function sleepUnlessWoken(
  ms: number,
  subscribe: (wake: () => void) => () => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const unsubscribe = subscribe(done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
