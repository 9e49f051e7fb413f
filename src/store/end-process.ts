/**
 * Ends this process at once, for `onFailure`: whatever still runs could answer for what may not be on disk. By a signal, because
 * an ordinary exit waits in lmdb for the very commit that will never end.
 */
export function endProcess(): never {
  process.kill(process.pid, 'SIGKILL');
  // Until the signal arrives nothing else runs.
  for (;;);
}
