/** In place of daemon-encapsulate-thread.ts: ends at the first work, as a thread does that runs out of memory. */
export function encapsulate(packed: Uint8Array): Uint8Array {
  if (packed.length > 0) process.exit(1);
  return packed;
}
