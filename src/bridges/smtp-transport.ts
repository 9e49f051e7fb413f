/** The way that the operator chose for mail that leaves: `[smtp_out]`. wire-spec/bridges.md section 3. */
import type { Clock } from '../clock.ts';
import { Secret } from '../crypto/secret.ts';
import type { DirectoryCache } from '../directory/cache.ts';
import type { Resolver } from '../dns/resolver.ts';
import { BeckonError } from '../errors.ts';
import type { DkimKey } from '../keys/dkim-key.ts';
import { createFetchPolicyFile } from '../outbound/policy-file.ts';
import { createSmtp } from '../outbound/smtp.ts';
import { createMailPolicies } from './mta-sts.ts';
import { createOutgoing } from './outgoing-mail.ts';
import { createDirect } from './smtp-direct.ts';
import { createVia } from './smtp-via.ts';
import type { Transport } from './transport.ts';

/** `[smtp_out] via`, read. */
export type MailRoute =
  | { readonly kind: 'direct' }
  | {
      readonly kind: 'server';
      readonly host: string;
      readonly port: number;
      readonly implicitTls: boolean;
      readonly user: string | null;
    };

export interface SmtpTransportParts {
  readonly route: MailRoute;
  /** The content of `[smtp_out] password_file`: its first line counts. */
  readonly password?: string | undefined;
  /** How we introduce ourselves. */
  readonly hello: string;
  readonly resolver: Resolver;
  /** `[outbound] allow` and `ca_files`. */
  readonly allow?: readonly string[];
  readonly caFiles?: readonly string[];
  /** Where MTA-STS policies are kept. */
  readonly cache: DirectoryCache;
  /** What signs the mail of a domain, where it does. */
  readonly dkimOf: (domain: string) => DkimKey | undefined;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Of other domains' servers, for tests: 25 and 443. */
  readonly ports?: { readonly smtp: number; readonly policy: number };
}

/** Throws `config_invalid` where a user has no password, and for what `createSmtp` refuses. */
export function createSmtpTransport(parts: SmtpTransportParts): Transport {
  const { dkimOf, clock } = parts;
  return createOutgoing({ carry: carrier(parts), dkimOf, clock });
}

function carrier(parts: SmtpTransportParts): Transport {
  const { route, password, resolver, cache, clock, random, ports } = parts;
  const send = createSmtp(parts);
  if (route.kind === 'direct') {
    const fetchFile = createFetchPolicyFile({
      ...parts,
      ...(ports === undefined ? {} : { port: ports.policy }),
    });
    const policyOf = createMailPolicies({ resolver, fetchFile, cache, clock });
    const port = ports === undefined ? {} : { port: ports.smtp };
    return createDirect({ resolver, policyOf, send, random, ...port });
  }
  const { host, implicitTls: implicit, user } = route;
  const login = user === null ? {} : { login: { user, password: passwordIn(password) } };
  return createVia({ host, port: route.port, implicit, ...login }, send);
}

function passwordIn(content: string | undefined): Secret {
  const line = content?.split(/\r?\n/, 1)[0] ?? '';
  if (line === '') throw new BeckonError('config_invalid', 'smtp_out.password_file: its first line is empty');
  return new Secret(new TextEncoder().encode(line));
}
