/** An answer that stays open: pings, its end, a reader who does not take what comes. wire-spec/fetch.md section 11. */
import type { Clock } from '../clock.ts';

/** Where the events of one watch go. */
export interface WatchSink<Event> {
  /** An event; undefined: a ping. False where the reader is behind. */
  send(event: Event | undefined): boolean;
  /** Bytes that the reader did not take yet. */
  waiting(): number;
  /** When the reader took them, or went away. */
  drained(): Promise<void>;
  /** After what was sent. */
  end(): void;
  /** At once. */
  cut(): void;
}

export interface Standing<Event> {
  isOver(): boolean;
  /** Cuts a reader off who leaves too much. False where the reader is behind. */
  send(event: Event): boolean;
  /** Called once, when it is over. */
  onOver(undo: () => void): void;
  /** Ends it where its time is over or its right was withdrawn; each looks by itself with its pings, too. */
  review(): void;
  end(): void;
  cut(): void;
  /** The reader went away. */
  stop(): void;
}

export interface StandingParts<Event> {
  readonly sink: WatchSink<Event>;
  readonly clock: Clock;
  /** Unix seconds. */
  readonly until: number;
  /** Throws, or rejects, where it must not go on. */
  readonly check: () => unknown;
  /** Between two pings. */
  readonly pingMs?: number | undefined;
}

const defaultPingMs = 25_000;
/** A reader who leaves more than this is cut off. */
const mostWaiting = 256 * 1024;

export function createStanding<Event>(parts: StandingParts<Event>): Standing<Event> {
  const { sink, clock, until, check, pingMs = defaultPingMs } = parts;
  const undoing: (() => void)[] = [];
  let over = false;
  let wasBehind = false;

  /** Once, however it ends: nothing of it is left but what the sink has. */
  function stop(): void {
    if (over) return;
    over = true;
    clearInterval(pings);
    clearTimeout(end);
    for (const undo of undoing) undo();
  }
  function finish(how: 'end' | 'cut'): void {
    if (over) return;
    stop();
    sink[how]();
  }
  const pings = setInterval(ping, pingMs);
  const end = setTimeout(() => finish('end'), Math.max(0, until - clock.seconds()) * 1000);

  function ping(): void {
    review();
    const isBehind = sink.waiting() > 0;
    if (isBehind && wasBehind) finish('cut');
    wasBehind = isBehind;
    if (!over) sink.send(undefined);
  }

  function review(): void {
    if (clock.seconds() >= until) return finish('end');
    try {
      const checked = check();
      if (checked instanceof Promise) checked.catch(() => finish('end'));
    } catch {
      finish('end');
    }
  }

  return {
    isOver: () => over,
    send(event) {
      if (over) return true;
      const isTaken = sink.send(event);
      if (sink.waiting() > mostWaiting) finish('cut');
      return isTaken;
    },
    onOver(undo) {
      if (over) undo();
      else undoing.push(undo);
    },
    review,
    end: () => finish('end'),
    cut: () => finish('cut'),
    stop,
  };
}
