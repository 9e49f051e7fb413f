/** Errors as the interfaces answer them: a stable code and the status that belongs to it, wire-spec/fetch.md section 1. */
import { BeckonError, errorCodes, type ErrorCode } from '../errors.ts';
import { problem, type Problem } from '../wire/collect.ts';
import { mediaTypes } from '../wire/registry.ts';
import { encode } from '../wire/schema.ts';

const statuses: Partial<Record<ErrorCode, number>> = {
  unauthorized: 401,
  message_gone: 404,
  user_unknown: 404,
  not_found: 404,
  conflict: 409,
  exists: 409,
  precondition_failed: 412,
  too_large: 413,
  range_invalid: 416,
  rate_limited: 429,
  unsupported: 501,
  unavailable: 503,
  quota_exceeded: 507,
  storage_full: 507,
};

/** From here on, codes are about this machine and none of a stranger's business. */
const firstLocal = errorCodes.indexOf('config_invalid');
/** When to try again, in seconds, where a handler asked for patience. */
const patience: Partial<Record<ErrorCode, number>> = { rate_limited: 60, unavailable: 60 };

/** The status of a code: that of the table, 500 for what is this machine's own fault, else 400. */
export function statusOf(code: ErrorCode): number {
  return statuses[code] ?? (errorCodes.indexOf(code) >= firstLocal ? 500 : 400);
}

/** What is answered. */
export interface ShownProblem {
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryAfter?: number;
}

const internal: ShownProblem = { status: 500, code: 'internal', detail: 'something went wrong on this side' };

/** The error as a stranger may see it; what is not a BeckonError, or is this machine's own fault, is `internal`. */
export function publicProblem(error: unknown): ShownProblem {
  const shown = adminProblem(error);
  return shown.status === 500 ? internal : shown;
}

/** The error as an administrator may see it: own faults with their code and words. */
export function adminProblem(error: unknown): ShownProblem {
  const known = error instanceof BeckonError ? error : requestError(error);
  if (known === undefined) return internal;
  const { code, message: detail } = known;
  const retryAfter = patience[code];
  return { status: statusOf(code), code, detail, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

/** What the HTTP library finds wrong with a request, in our words; undefined where the fault is not the request's. */
function requestError(error: unknown): BeckonError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new BeckonError('too_large', 'the body is larger than its limit');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new BeckonError('request_invalid', 'the body is not of the content type that is expected here');
  if (code === 'FST_ERR_VALIDATION') return new BeckonError('request_invalid', error.message);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new BeckonError('request_invalid', 'the request is malformed');
  return undefined;
}

const maxDetail = 128;

/** The CBOR problem of the public interface. */
export function encodeProblem({ code, detail, retryAfter }: ShownProblem): Uint8Array {
  const value: Problem = {
    code,
    detail: detail.slice(0, maxDetail).toWellFormed(),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
  return encode(problem, value);
}

/** The RFC 9457 problem of the account and admin interfaces. */
export function jsonProblem({ status, code, detail, retryAfter }: ShownProblem): string {
  return JSON.stringify({ title: code.replaceAll('_', ' '), status, code, detail, retryAfter });
}

export const problemTypes = { cbor: mediaTypes.beckon, json: 'application/problem+json' } as const;
