/** How a command fails: a message, what to do next, a code in brackets, and the exit code. */
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import type { Face } from './face.ts';
import { messageInWords } from './reasons.ts';
import { safeLine } from './safe-text.ts';

/** An error that knows what the user can do about it. */
export class AdvisedError extends BeckonError {
  readonly advice: string;

  constructor(code: ErrorCode, message: string, advice: string, options?: { cause?: unknown }) {
    super(code, message, options);
    this.advice = advice;
  }
}

/** `usage`: the command line is not one. */
export function misused(message: string, advice?: string): BeckonError {
  return advice === undefined
    ? new BeckonError('usage', message)
    : new AdvisedError('usage', message, advice);
}

/** What somebody asked for does not hold or is not to be had; everything else is broken or misused. */
const refusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'key_not_active',
  'record_expired',
  'record_rollback',
  'record_mismatch',
  'fingerprint_mismatch',
  'trust_changed',
  'discovery_later',
  'discovery_none',
  'discovery_legacy',
  'user_unknown',
  'message_gone',
  'message_misdirected',
  'message_mismatch',
  'payload_mismatch',
  'drop_expired',
  'unauthorized',
  'conflict',
  'precondition_failed',
  'too_large',
  'quota_exceeded',
  'storage_full',
  'rate_limited',
  'not_found',
  'exists',
  'state_locked',
]);

const advice: Partial<Record<ErrorCode, string>> = {
  address_invalid: 'an address looks like alice@example.org',
  config_invalid: 'correct it, then try again',
  discovery_later: 'try again later',
  discovery_legacy: 'mail is the way to reach them',
  discovery_none: 'check the part behind the @',
  domain_invalid: 'a domain looks like example.org',
  fingerprint_mismatch: 'it may be a mistake in copying: compare it once more before anything is sent',
  internal: 'set BECKON_DEBUG=1 to see where, and report it',
  invitation_invalid: 'ask whoever invited you for a new one',
  message_gone: 'ask the sender to send it again',
  network_failed: 'check the connection, then try again',
  network_refused: 'BECKON_ALLOW or [outbound] allow lists private networks that may be dialled',
  quota_exceeded: 'retract what nobody fetches (beckon sent), or wait',
  rate_limited: 'wait a moment, then try again',
  state_invalid:
    'restore the file from a backup; a client can begin anew in another directory: beckon enroll --restore ADDRESS --home DIR',
  state_locked: 'another beckon command is at work: wait for it to end',
  storage_full: 'the domain takes no more for now: try again later',
  tls_failed: 'the certificate of the domain is not in order: its owner can tell',
  trust_changed:
    'compare fingerprints with the other side (beckon trust show ADDRESS) before anything is sent',
  unauthorized:
    'check the clock of this machine; else this device was removed (pair it again: beckon devices add on another one), or the hoster suspended this user',
  user_unknown: 'check the part before the @',
};

/** Prints the error to standard error, its stack only with BECKON_DEBUG=1. Gives the exit code: 1 refused, 2 broken or misused. */
export function reportFailure(face: Face, error: unknown): number {
  const code = codeOf(error);
  const known = error instanceof BeckonError;
  const message = known ? error.message : 'something went wrong that should not';
  face.note(`beckon: ${safeLine(messageInWords(message))} [${code}]`);
  const next = error instanceof AdvisedError ? error.advice : advice[code];
  if (next !== undefined) face.note(`next    ${safeLine(next)}`);
  if (face.environment['BECKON_DEBUG'] === '1') face.note(traceOf(error));
  return refusals.has(code) ? 1 : 2;
}

function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${traceOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
