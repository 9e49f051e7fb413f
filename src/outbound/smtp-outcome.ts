/** What an SMTP server's replies, and its silence, mean for a mail. Pure. */

export interface SmtpOutcome {
  readonly kind: 'sent' | 'later' | 'failed';
  /** Enhanced status code, the server's or ours. */
  readonly status: string;
  readonly reply?: number;
}

/** What nodemailer says went wrong. */
export interface SmtpFailure {
  readonly code?: string | undefined;
  readonly responseCode?: number | undefined;
  readonly response?: string | undefined;
  readonly recipient?: string | undefined;
  readonly rejectedErrors?: readonly SmtpFailure[] | undefined;
}

export function outcomeOf(
  address: string,
  error: SmtpFailure | null,
  refused: readonly SmtpFailure[],
  response: string | undefined,
): SmtpOutcome {
  const refusal = refused.find(({ recipient }) => recipient === address);
  if (refusal !== undefined) return failureOf(refusal);
  if (error !== null) return failureOf(error);
  return { kind: 'sent', status: statusIn(response) ?? '2.0.0', ...replyIn(response) };
}

function failureOf({ code, responseCode, response }: SmtpFailure): SmtpOutcome {
  if (code === 'ESTREAM') return later('4.3.0');
  // Without a reply: what the server said it takes at most, before anything was sent.
  if (responseCode === undefined) return code === 'EMESSAGE' ? failed('5.3.4') : later('4.4.2');
  const permanent = responseCode >= 500;
  const status = statusIn(response) ?? (permanent ? '5.0.0' : '4.0.0');
  // The first digit of both codes must agree; the reply's counts.
  const agreed = `${permanent ? 5 : 4}${status.slice(1)}`;
  return { kind: permanent ? 'failed' : 'later', status: agreed, reply: responseCode };
}

function statusIn(response: string | undefined): string | undefined {
  return /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response ?? '')?.[1];
}

function replyIn(response: string | undefined): { readonly reply?: number } {
  const code = /^\d{3}/.exec(response ?? '')?.[0];
  return code === undefined ? {} : { reply: Number(code) };
}

/** Before any mail was shown: what a server refuses for good may change, or another one may take it. */
export function whyUnreachable(error: unknown): SmtpOutcome {
  if (isTlsFailure(error)) return later('4.7.5');
  const { code, responseCode } = error as SmtpFailure;
  if (code === 'EAUTH') return { ...later('4.7.8'), ...(responseCode ? { reply: responseCode } : {}) };
  if (responseCode !== undefined) return { ...later('4.3.2'), reply: responseCode };
  return later('4.4.1');
}

export function isTlsFailure(error: unknown): boolean {
  const { code } = error as SmtpFailure;
  return (
    code === 'tls_failed' ||
    code === 'ETLS' ||
    (code === 'ESOCKET' && /tls|ssl|certificate/i.test(String(error)))
  );
}

export function later(status: string): SmtpOutcome {
  return { kind: 'later', status };
}

export function failed(status: string): SmtpOutcome {
  return { kind: 'failed', status };
}
