import type { ExecutionContext } from 'ava';

/** As `deepEqual`, which takes a second for each megabyte of bytes. */
export function sameBytes(
  t: ExecutionContext,
  actual: Uint8Array | undefined,
  expected: Uint8Array,
  message?: string,
): void {
  t.true(actual !== undefined && Buffer.compare(actual, expected) === 0, message);
}
