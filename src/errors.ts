/**
 * The stable error codes, everywhere alike: spec, vectors, HTTP problems, CLI output and logs.
 * A message is for people and may change; a code is for programs and does not.
 */
export const errorCodes = [
  // decoding, wire-spec/README.md section 3
  'cbor_truncated',
  'cbor_trailing',
  'cbor_not_shortest',
  'cbor_unsorted',
  'cbor_duplicate_key',
  'cbor_indefinite',
  'cbor_tag',
  'cbor_float',
  'cbor_simple',
  'cbor_utf8',
  'cbor_type',
  'cbor_range',
  'cbor_too_large',
  'cbor_too_deep',
  'cbor_missing_field',
  'cbor_unknown_critical',
  'padding_invalid',
  // keys, signatures and seals
  'key_invalid',
  'key_unknown',
  'key_not_active',
  'signature_invalid',
  'algorithm_unsupported',
  'open_failed',
  'commitment_mismatch',
  'payload_truncated',
  // records
  'record_invalid',
  'record_expired',
  'record_rollback',
  'record_mismatch',
  'fingerprint_mismatch',
  'trust_changed',
  // addresses and discovery
  'address_invalid',
  'domain_invalid',
  'discovery_later',
  'discovery_none',
  'discovery_legacy',
  'user_unknown',
  // datagrams
  'datagram_size',
  'datagram_version',
  'datagram_stale',
  'ref_invalid',
  // messages
  'message_gone',
  'message_misdirected',
  'message_mismatch',
  'payload_mismatch',
  'drop_expired',
  'proof_stale',
  // service
  'unsupported',
  'request_invalid',
  'unauthorized',
  'conflict',
  'precondition_failed',
  'too_large',
  'quota_exceeded',
  'storage_full',
  'rate_limited',
  'range_invalid',
  'invitation_invalid',
  'not_found',
  'unavailable',
  // local
  'config_invalid',
  'usage',
  'exists',
  'state_invalid',
  'state_locked',
  'storage_failed',
  'network_refused',
  'network_failed',
  'tls_failed',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** An error with a stable code. The message never holds ids, tokens, secrets, correspondents or plaintext. */
export class BeckonError extends Error {
  readonly code: ErrorCode;
  override readonly name = 'BeckonError';

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The code of any thrown value: its own where it is ours, else `internal`. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof BeckonError ? error.code : 'internal';
}

/** What a log may say of a failure: our own words; of what a library threw its name and code, since its words may quote what it was given. */
export function reasonOf(error: unknown): string {
  if (error instanceof BeckonError) return error.message;
  if (!(error instanceof Error)) return typeof error;
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number' ? `${error.name} ${code}` : error.name;
}
