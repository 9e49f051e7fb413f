/** The domains that this daemon serves. */
import { BeckonError } from '../errors.ts';
import type { Clock } from '../clock.ts';
import { domainName, serial, time } from '../wire/items.ts';
import { counts, times } from '../wire/registry.ts';
import { bytes, field, optional, record, text, uint, type ValueOf } from '../wire/schema.ts';
import {
  bridgePolicies,
  introductionPolicies,
  mailPolicies,
  unknownUsersPolicies,
  type Domain,
  type DomainChanges,
  type DomainSettings,
  type DomainStore,
} from './api/domains.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { name } from './keys.ts';

/** Policies stand by their names, so that their order means nothing. */
export const domainRow = record('domain', {
  domain: field(1, domainName),
  created: field(2, time),
  contact: optional(3, text(254)),
  unknownUsers: optional(4, text(16)),
  introductions: optional(5, text(16)),
  introductionsPerHour: optional(6, uint()),
  bucketBits: optional(7, uint(counts.bucketBits)),
  transit: optional(8, time),
  quota: optional(9, uint()),
  keep: optional(10, time),
  bridge: optional(11, text(16)),
  pullQuota: optional(12, uint()),
  egress: optional(13, uint()),
  mailPolicy: optional(14, text(16)),
});
type DomainRow = ValueOf<typeof domainRow>;

export const publishedRow = record('published', {
  serial: field(1, serial),
  record: field(2, bytes(1, 64 * 1024)),
});

const maxDomains = 1_000_000;

export interface DomainTables {
  readonly store: DomainStore;
  count(): number;
}

export function createDomains(engine: Engine, clock: Clock): DomainTables {
  const domains = engine.table('domains', schemaCodec(domainRow));
  /** Kept when a domain goes: its serials rise for ever. */
  const published = engine.table('published', schemaCodec(publishedRow, 128 * 1024));

  /** As read last: every mail and every look-up asks for its domain. */
  const read = new Map<string, Domain>();

  const store: DomainStore = {
    add: (domain) =>
      engine.write(() => {
        if (domains.has(name(domain))) throw new BeckonError('exists', 'the domain is here already');
        domains.put(name(domain), { domain, created: clock.seconds() });
      }),
    async get(domain) {
      const known = read.get(domain);
      if (known !== undefined) return known;
      const row = domains.get(name(domain));
      const found = row && domainOf(row);
      if (found !== undefined) read.set(domain, found);
      return found;
    },
    list: async () => domains.range({ limit: maxDomains }).map(({ value }) => domainOf(value)),
    async update(domain, changes) {
      const updated = await engine.write(() => {
        const row = domains.get(name(domain));
        if (row === undefined) throw new BeckonError('not_found', 'there is no such domain here');
        const changed = withChanges(row, changes);
        domains.put(name(domain), changed);
        return domainOf(changed);
      });
      read.delete(domain);
      return updated;
    },
    async published(domain) {
      const row = published.get(name(domain));
      return row && { serial: row.serial, record: row.record };
    },
    publish: (domain, next) =>
      engine.write(() => {
        const last = published.get(name(domain));
        const isStray = last !== undefined && last.serial > clock.seconds() + times.serialAhead;
        if (last !== undefined && next.serial <= last.serial && !isStray)
          throw new BeckonError('record_rollback', 'the serial of a domain record must rise');
        published.put(name(domain), { serial: next.serial, record: next.record });
      }),
    forgetPublished: (domain) => engine.write(() => published.remove(name(domain))),
  };
  return { store, count: () => domains.count() };
}

function withChanges(row: DomainRow, changes: DomainChanges): DomainRow {
  const set = Object.entries(changes).filter(([, value]) => value !== undefined);
  const changed: Record<string, unknown> = { ...row, ...Object.fromEntries(set) };
  for (const [setting, value] of set) if (value === null) delete changed[setting];
  return changed as DomainRow;
}

function domainOf({ domain, created, unknown: _, ...own }: DomainRow): Domain {
  const { unknownUsers, introductions, bridge, mailPolicy } = own;
  expectKnown(unknownUsersPolicies, unknownUsers);
  expectKnown(introductionPolicies, introductions);
  expectKnown(bridgePolicies, bridge);
  expectKnown(mailPolicies, mailPolicy);
  return { domain, created, own: own as Partial<DomainSettings> };
}

function expectKnown(known: readonly string[], value: string | undefined): void {
  if (value !== undefined && !known.includes(value))
    throw new BeckonError('state_invalid', 'a domain has a policy that this version does not know');
}
