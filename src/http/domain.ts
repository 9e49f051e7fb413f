/** Host decides the domain: `beckon.<domain>`, wire-spec/fetch.md section 1. */
import type { FastifyRequest } from 'fastify';
import { BeckonError } from '../errors.ts';
import { authorityOf, checkDomain } from '../wire/domain-name.ts';

const prefix = authorityOf('');

/**
 * The domain that a request is for. Throws `not_found` unless it is served here. Forwarded names are not looked at: a
 * proxy passes Host on.
 */
export function requestedDomain(request: FastifyRequest, serves: (domain: string) => boolean): string {
  const domain = domainOfHost(request.headers[':authority'] ?? request.headers.host);
  if (domain === undefined || !serves(domain))
    throw new BeckonError('not_found', 'this domain is not served here');
  return domain;
}

/** `beckon.<domain>`, perhaps with a port, in any case of letters. */
export function domainOfHost(host: string | string[] | undefined): string | undefined {
  if (typeof host !== 'string') return undefined;
  const name = host.toLowerCase().replace(/:\d{1,5}$/, '');
  if (!name.startsWith(prefix)) return undefined;
  const domain = name.slice(prefix.length);
  try {
    checkDomain(domain);
    return domain;
  } catch {
    return undefined;
  }
}
