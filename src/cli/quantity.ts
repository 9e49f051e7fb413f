/** Durations, sizes and counts as they are typed on a command line. */
import { count, duration, size, type Kind } from '../config-values.ts';
import { misused } from './failure.ts';

function reader(kind: Kind<number>): (text: string) => number {
  return (text) => {
    const value = kind.read(kind.plain === 'number' && /^\d{1,15}$/.test(text) ? Number(text) : text, '/');
    if (value === undefined) throw misused(`${JSON.stringify(text)} must be ${kind.expected}`);
    return value;
  };
}

/** Each throws `usage` for what is none. */
export const quantity = {
  /** Transit, in seconds. */
  duration: reader(duration('1h', '90d')),
  /** How long something is kept, in seconds. */
  keep: reader(duration('0d', '3650d')),
  /** In bytes. */
  size: reader(size),
  count: reader(count(0, 1_000_000)),
  bits: reader(count(0, 12)),
};
