/** The number of a message as it is typed. */
import { misused } from './failure.ts';

/** Throws `usage`. */
export function messageNumber(typed: string): number {
  if (!/^[1-9]\d{0,8}$/.test(typed))
    throw misused(`${typed} is not the number of a message`, 'beckon inbox and beckon sent show the numbers');
  return Number(typed);
}
