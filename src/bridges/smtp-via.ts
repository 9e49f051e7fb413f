/** Mail by one server that the operator names: the local MTA or a smarthost. wire-spec/bridges.md section 3. */
import type { Secret } from '../crypto/secret.ts';
import type { SendSmtp, SmtpServer } from '../outbound/smtp.ts';
import { surveyMail } from './mail-survey.ts';
import type { Transport } from './transport.ts';

/** `[smtp_out] via`, read. */
export interface Smarthost {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte: `smtps:`. */
  readonly implicit: boolean;
  /** The account there, with `password_file`'s first line. */
  readonly login?: { readonly user: string; readonly password: Secret };
}

/**
 * One on this machine is spoken to as it likes; any other under verified TLS where there is an account or `smtps:`, and under what it
 * offers else.
 */
export function createVia(smarthost: Smarthost, send: SendSmtp): Transport {
  const server = serverOf(smarthost);
  return async (job) => {
    const survey = await surveyMail(job.open());
    const result = await send(server, { ...job, ...survey });
    const { host } = smarthost;
    if (result.kind === 'answered') return result.outcomes.map((outcome) => ({ ...outcome, host }));
    return job.to.map(() => ({ ...result.outcome, host }));
  };
}

function serverOf({ host, port, implicit, login }: Smarthost): SmtpServer {
  const local = host === 'localhost' || host === '::1' || host.startsWith('127.');
  const unverified = login !== undefined ? 'encrypted' : implicit ? 'encrypted' : 'none';
  const verified = login !== undefined || implicit ? 'verified' : 'opportunistic';
  return {
    host,
    port,
    implicit,
    tls: { kind: local ? unverified : verified },
    configured: true,
    ...(login === undefined ? {} : { login }),
  };
}
