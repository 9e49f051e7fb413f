/** Which failures were silence: nobody answered in time, which says less than a refusal. */

/** The cause of a failure that our own patience made. */
export function silenceError(message: string): Error {
  return Object.assign(new Error(message), { code: silent });
}

/** As the system calls it, when its own patience with a connection ends. */
const silent = 'ETIMEDOUT';
const maxCauses = 8;

/** Whether a failure of a request, or what caused it, was that nobody answered in time; an `AbortSignal.timeout` counts. */
export function wasSilence(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < maxCauses && cause instanceof Error; depth++, cause = cause.cause)
    if (cause.name === 'TimeoutError' || ('code' in cause && cause.code === silent)) return true;
  return false;
}
