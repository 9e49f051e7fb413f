/** What waits for each user, each domain and in all, counted in the same write as what it counts. */
import { BeckonError } from '../errors.ts';
import { field, record, uint } from '../wire/schema.ts';
import type { Owner } from './api/terms.ts';
import type { Usage, UsageLimits } from './api/transit.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { joined, name } from './keys.ts';

export const usageRow = record('usage', {
  messages: field(1, uint()),
  bytes: field(2, uint()),
  reserved: field(3, uint()),
});

const nothing: Usage = { messages: 0, bytes: 0, reserved: 0 };

/** Changes of counts; negative ones where something goes. */
export type UsageChange = { readonly [K in keyof Usage]?: number };

export interface UsageCounts {
  /** Inside a write. Throws `quota_exceeded`, or `storage_full` for the total, where a count rises above its limit. */
  change(owner: Owner, change: UsageChange, limits?: UsageLimits): void;
  of(domain: string, user?: Uint8Array): Usage;
  total(): Usage;
}

export const totalKey = name('');

/** `counted`: what users have themselves, what was pulled for them, or what bridges brought for them. */
export function createUsageCounts(
  engine: Engine,
  counted: 'usage' | 'pulled_usage' | 'received_usage' = 'usage',
): UsageCounts {
  const table = engine.table(counted, schemaCodec(usageRow));
  const userKey = (owner: Owner) => joined(name(owner.domain), owner.user);

  function add(key: Uint8Array, change: UsageChange): Usage {
    const sum = added(table.get(key) ?? nothing, change);
    if (sum.messages + sum.bytes + sum.reserved === 0) table.remove(key);
    else table.put(key, sum);
    return sum;
  }

  return {
    change(owner, change, limits = {}) {
      const user = add(userKey(owner), change);
      const domain = add(name(owner.domain), change);
      const total = add(totalKey, change);
      checkLimit(change.messages, user.messages, limits.userMessages);
      checkLimit(change.bytes, user.bytes, limits.userBytes);
      checkLimit(change.messages, domain.messages, limits.domainMessages);
      checkLimit(change.bytes, domain.bytes, limits.domainBytes);
      checkLimit(change.bytes, total.bytes, limits.totalBytes, 'storage_full');
      checkLimit(change.reserved, user.reserved, maxReserved);
    },
    of: (domain, user) => table.get(user === undefined ? name(domain) : userKey({ domain, user })) ?? nothing,
    total: () => table.get(totalKey) ?? nothing,
  };
}

/** Most ids that an owner may hold without committing them. */
export const maxReserved = 4096;

function added(usage: Usage, change: UsageChange): Usage {
  return {
    ...usage,
    messages: usage.messages + (change.messages ?? 0),
    bytes: usage.bytes + (change.bytes ?? 0),
    reserved: usage.reserved + (change.reserved ?? 0),
  };
}

function checkLimit(
  change: number | undefined,
  sum: number,
  limit: number | undefined,
  code: 'quota_exceeded' | 'storage_full' = 'quota_exceeded',
): void {
  if (change !== undefined && change > 0 && limit !== undefined && sum > limit)
    throw new BeckonError(code, 'more would wait than the limits allow');
}
