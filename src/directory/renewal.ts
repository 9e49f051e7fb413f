/** When what a domain signs is signed anew, wire-spec/timing.md section 1. */
import { times } from '../wire/registry.ts';

/** A day old, or made by a clock that was put back since. */
export function isDue(created: number, now: number): boolean {
  return now - created >= times.recordRenewal || created - now > times.clockSlack;
}
