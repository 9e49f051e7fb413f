import type { AdminHandlers } from '../http/admin-handlers.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import { misused } from './failure.ts';

/** The domain that is named, or the only one that is served. Throws `usage` where there are several. */
export async function oneDomain(
  admin: Pick<AdminHandlers, 'domains'>,
  typed: string | undefined,
): Promise<string> {
  if (typed !== undefined) return canonicalDomain(typed);
  const [only, ...others] = await admin.domains();
  if (only === undefined || others.length > 0)
    throw misused('which domain?', 'name one: beckon domain list shows them');
  return only.domain;
}
