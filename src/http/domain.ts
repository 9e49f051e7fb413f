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
  const name = nameOf(request.headers[':authority'] ?? request.headers.host);
  // What is served is canonical.
  if (name === undefined || !serves(name))
    throw new BeckonError('not_found', 'this domain is not served here');
  return name;
}

/** Of `beckon.<domain>`, perhaps with a port, in any case of letters; the domain may be none. */
function nameOf(host: string | string[] | undefined): string | undefined {
  if (typeof host !== 'string') return undefined;
  const name = host.toLowerCase().replace(/:\d{1,5}$/, '');
  return name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}

/** The domain of `beckon.<domain>`, where it is one. */
export function domainOfHost(host: string | string[] | undefined): string | undefined {
  const domain = nameOf(host);
  if (domain === undefined) return undefined;
  try {
    checkDomain(domain);
    return domain;
  } catch {
    return undefined;
  }
}
