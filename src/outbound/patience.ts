/** A limit for slow peers that neither size nor purpose of a transfer changes. */

/** A peer that moves less than this over a while is dropped: 16 bytes a millisecond are 16 kB a second. */
const bytesPerMs = 16;

export interface Patience {
  /** Bytes came or went: they buy time, up to the full patience. */
  moved(bytes: number): void;
  /** It is our turn now, not the peer's: time does not count. */
  pause(): void;
  resume(): void;
  /** Ends the watch; further calls do nothing. */
  end(): void;
}

/**
 * Calls `lost` once after the peer used up `fullMs` of waiting. For event streams, which are silent by nature, any byte
 * buys the full patience.
 */
export function createPatience(fullMs: number, eventStream: boolean, lost: () => void): Patience {
  let left = fullMs;
  let runningSince: number | null = null;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  function stop(): void {
    if (runningSince !== null) left -= performance.now() - runningSince;
    runningSince = null;
    clearTimeout(timer);
  }
  function run(): void {
    if (ended || runningSince !== null) return;
    runningSince = performance.now();
    timer = setTimeout(
      () => {
        ended = true;
        lost();
      },
      Math.max(0, left),
    );
  }
  run();

  return {
    moved(bytes) {
      const running = runningSince !== null;
      stop();
      left = eventStream ? fullMs : Math.min(fullMs, left + bytes / bytesPerMs);
      if (running) run();
    },
    pause: stop,
    resume: run,
    end() {
      ended = true;
      stop();
    },
  };
}
