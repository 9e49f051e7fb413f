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
