/** What the mail records of a domain say to somebody who starts using Beckon beside mail. */
import type { Resolver } from '../dns/resolver.ts';

export type MailRemark =
  /** The first of its mail exchangers. */
  | { readonly kind: 'mail'; readonly exchange: string }
  /** A null MX, or a domain that is not there yet: nobody takes mail. */
  | { readonly kind: 'no-mail' };

/** Looks the MX records up; undefined where they could not be found out. */
export async function mailRemark(
  resolver: Pick<Resolver, 'mx'>,
  domain: string,
): Promise<MailRemark | undefined> {
  const answer = await resolver.mx(domain);
  if (answer.kind === 'later') return undefined;
  if (answer.kind === 'absent') return answer.reason === 'nxdomain' ? { kind: 'no-mail' } : undefined;
  const exchanges = answer.records.filter(({ exchange }) => exchange !== '');
  const [first] = exchanges.sort((a, b) => a.priority - b.priority);
  return first === undefined ? { kind: 'no-mail' } : { kind: 'mail', exchange: first.exchange };
}
