/** Serials order records where clocks cannot, wire-spec/keys.md section 3. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { times } from '../wire/registry.ts';

/** The serial of the next record: max(previous + 1, now). Throws `record_invalid` where that is over a day ahead of the clock. */
export function nextSerial(previous: number | undefined, now: number): number {
  const serial = Math.max((previous ?? 0) + 1, now);
  checkSerial(serial, now);
  return serial;
}

/**
 * The own serial that the next one must exceed. One more than a day ahead was signed while the clock was wrong, and nobody took it:
 * it does not count (undefined) once the present clock is believed (wire-spec/timing.md section 1).
 */
export function serialToExceed(
  previous: number | undefined,
  now: number,
  { steady }: { readonly steady: number },
): number | undefined {
  const isStray = previous !== undefined && previous > now + times.serialAhead && steady > 0;
  return isStray ? undefined : previous;
}

/** Throws `record_invalid` for a serial more than a day ahead of the clock: nobody may use up the serials to come. */
export function checkSerial(serial: number, now: number): void {
  if (serial > now + times.serialAhead)
    throw new BeckonError('record_invalid', 'a serial is more than a day ahead of the clock');
}

/** Throws `record_rollback` for a serial below the one seen before, `trust_changed` for the same one over other bytes. */
export function checkProgress(
  serial: number,
  hash: Uint8Array,
  seen: { readonly serial: number; readonly hash?: Uint8Array | undefined },
): void {
  if (serial < seen.serial)
    throw new BeckonError('record_rollback', 'an older record than the one seen before');
  if (serial === seen.serial && seen.hash !== undefined && !constantTimeEqual(hash, seen.hash))
    throw new BeckonError('trust_changed', 'two different records have the same serial');
}
