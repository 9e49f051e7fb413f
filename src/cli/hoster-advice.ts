/** The same codes mean other things to who runs the daemon than to its users. */
import { BeckonError, type ErrorCode } from '../errors.ts';
import { AdvisedError } from './failure.ts';

const advice: Partial<Record<ErrorCode, string>> = {
  network_failed:
    '[listen] in the configuration says where; another program may be there already, or this user may not: see docs/hosting.md',
  storage_failed: 'run this as the owner of the data directory, or give it to this one; see docs/hosting.md',
  state_locked: 'beckon status asks the daemon that is running',
  tls_failed: '[tls] in the configuration says where certificates are; correct them, then try again',
};

/** What starts or reloads the daemon, its failures with advice for the hoster. */
export async function withHosterAdvice<T>(action: Promise<T>): Promise<T> {
  try {
    return await action;
  } catch (cause) {
    if (!(cause instanceof BeckonError) || cause instanceof AdvisedError) throw cause;
    const next = advice[cause.code];
    throw next === undefined ? cause : new AdvisedError(cause.code, cause.message, next, { cause });
  }
}
