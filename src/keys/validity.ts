/** From when to when a signed record counts, wire-spec/keys.md section 3 and timing.md section 1. */
import { BeckonError } from '../errors.ts';
import { times } from '../wire/registry.ts';

export interface Validity {
  readonly created: number;
  readonly expires: number;
}

/**
 * Throws `record_invalid` where the times contradict each other, the clock (by more than an hour) or the longest validity
 * (`longest` seconds), and `record_expired` for a record whose end is more than an hour past.
 */
export function checkValidity({ created, expires }: Validity, now: number, longest?: number): void {
  if (created > now + times.clockSlack)
    throw new BeckonError('record_invalid', 'the record was made in the future');
  if (expires < created) throw new BeckonError('record_invalid', 'the record expires before it was made');
  if (longest !== undefined && expires - created > longest)
    throw new BeckonError('record_invalid', 'the record is valid for longer than allowed');
  if (now > expires + times.clockSlack) throw new BeckonError('record_expired', 'the record has expired');
}
