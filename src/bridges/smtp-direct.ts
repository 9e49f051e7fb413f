/**
 * Mail straight to the servers of the recipients' domains, wire-spec/bridges.md section 3.
 *
 *  1. recipients of one domain go together
 *  2. its servers: MX by priority, the domain itself where it has none (RFC 5321 section 5.1); a null MX refuses (RFC 7505)
 *  3. for each what TLS must be: DANE where DNSSEC vouches for all of it, else MTA-STS, else what is offered
 *  4. one after another until one answers
 */
import type { Lookup, MxAnswer, Resolver } from '../dns/resolver.ts';
import { usableTlsa } from '../outbound/dane.ts';
import type { SendSmtp, SmtpTls } from '../outbound/smtp.ts';
import { surveyMail } from './mail-survey.ts';
import type { MailPolicy, MailPolicyOf } from './mta-sts.ts';
import type { MailJob, MailOutcome, Transport } from './transport.ts';

export interface DirectParts {
  readonly resolver: Pick<Resolver, 'mx' | 'address' | 'tlsa'>;
  readonly policyOf: MailPolicyOf;
  readonly send: SendSmtp;
  /** In [0, 1), for the order among servers of one priority. */
  readonly random: () => number;
  /** 25 unless told, for tests. */
  readonly port?: number;
}

interface MailServer {
  readonly host: string;
  /** Whether DNSSEC vouches for the way to its name. */
  readonly dnssec: boolean;
}

/** Servers that are tried in one attempt. */
const maxServers = 5;

export function createDirect(parts: DirectParts): Transport {
  const { resolver, policyOf, send, random, port = 25 } = parts;

  /** What became of the recipients of one domain, all alike where no server took the mail. */
  async function toDomain(domain: string, job: MailJob): Promise<readonly MailOutcome[]> {
    const servers = await serversOf(resolver, domain, random);
    if (!Array.isArray(servers)) return job.to.map(() => servers as MailOutcome);
    const policy = await policyOf(domain);
    const survey = await surveyMail(job.open());
    let outcome: MailOutcome = { kind: 'later', status: '4.4.1' };
    for (const server of servers.slice(0, maxServers)) {
      const tls = await tlsFor(resolver, { domain, server, policy, port });
      if (tls === undefined) {
        outcome = { kind: 'later', status: '4.7.5', host: server.host };
        continue;
      }
      const result = await send({ host: server.host, port, tls }, { ...job, ...survey });
      if (result.kind === 'answered') return result.outcomes.map((each) => ({ ...each, host: server.host }));
      outcome = { ...result.outcome, host: server.host };
    }
    return job.to.map(() => outcome);
  }

  return async (job) => {
    const outcomes = new Map<string, MailOutcome>();
    for (const [domain, to] of Map.groupBy(job.to, domainOf)) {
      const reached = await toDomain(domain, { ...job, to });
      to.forEach((address, index) => outcomes.set(address, reached[index] ?? unknown));
    }
    return job.to.map((address) => outcomes.get(address) ?? unknown);
  };
}

/** Of an address of mail: its local part is in no canonical form. */
function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

const unknown: MailOutcome = { kind: 'later', status: '4.0.0' };

/** The servers in the order to try, or why there are none. */
async function serversOf(
  resolver: DirectParts['resolver'],
  domain: string,
  random: () => number,
): Promise<readonly MailServer[] | MailOutcome> {
  const mx = await resolver.mx(domain);
  if (mx.kind === 'later') return { kind: 'later', status: '4.4.3' };
  if (mx.kind === 'found') return inOrder(mx, random);
  if (mx.reason === 'nxdomain') return { kind: 'failed', status: '5.1.2' };
  return [{ host: domain, dnssec: mx.dnssec }];
}

function inOrder(
  { records, dnssec }: Extract<Lookup<MxAnswer>, { kind: 'found' }>,
  random: () => number,
): readonly MailServer[] | MailOutcome {
  const named = records.filter(({ exchange }) => exchange !== '');
  if (named.length === 0) return { kind: 'failed', status: '5.1.10' };
  return named
    .map(({ exchange, priority }) => ({ host: exchange, priority, draw: random() }))
    .sort((a, b) => a.priority - b.priority || a.draw - b.draw)
    .map(({ host }) => ({ host, dnssec }));
}

interface TlsQuestion {
  readonly domain: string;
  readonly server: MailServer;
  readonly policy: MailPolicy | undefined;
  readonly port: number;
}

/** What TLS must be with this server; undefined where no mail may go there now. */
async function tlsFor(
  resolver: DirectParts['resolver'],
  { domain, server, policy, port }: TlsQuestion,
): Promise<SmtpTls | undefined> {
  const dane = await daneFor(resolver, server, port, [server.host, domain]);
  if (dane !== 'absent') return dane;
  if (policy?.enforced !== true) return { kind: 'opportunistic' };
  return policy.admits(server.host) ? { kind: 'verified' } : undefined;
}

/** RFC 7672 section 2.2: `absent` where DANE says nothing; undefined where it should, and cannot be heard. */
async function daneFor(
  resolver: DirectParts['resolver'],
  { host, dnssec }: MailServer,
  port: number,
  names: readonly string[],
): Promise<SmtpTls | undefined | 'absent'> {
  if (!dnssec) return 'absent';
  const address = await resolver.address(host);
  if (address.kind === 'later') return undefined;
  if (!address.dnssec) return 'absent';
  const tlsa = await resolver.tlsa(`_${port}._tcp.${host}`);
  if (tlsa.kind === 'later') return undefined;
  if (tlsa.kind === 'absent' || !tlsa.dnssec) return 'absent';
  const records = usableTlsa(tlsa.records);
  return records.length === 0 ? { kind: 'encrypted' } : { kind: 'dane', records, names };
}
