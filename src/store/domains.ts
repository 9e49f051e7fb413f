/** The domains that this daemon serves. */
import { BeckonError } from '../errors.ts';
import type { Clock } from '../clock.ts';
import { domainName, serial, time } from '../wire/items.ts';
import { counts } from '../wire/registry.ts';
import { bytes, field, record, text, uint, type ValueOf } from '../wire/schema.ts';
import type { Domain, DomainSettings, DomainStore } from './api/domains.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { name } from './keys.ts';

/** Part of the format on disk: the position is the number. */
const unknownUsers = ['mail', '404', 'decoy'] as const;
const introductions = ['open', 'invited', 'closed'] as const;

const domainRow = record('domain', {
  domain: field(1, domainName),
  created: field(2, time),
  contact: field(3, text(254, 0)),
  unknownUsers: field(4, uint(unknownUsers.length - 1)),
  introductions: field(5, uint(introductions.length - 1)),
  introductionsPerHour: field(6, uint()),
  bucketBits: field(7, uint(counts.bucketBits)),
  transit: field(8, time),
  keep: field(9, time),
  quota: field(10, uint()),
});
type DomainRow = ValueOf<typeof domainRow>;

const publishedRow = record('published', { serial: field(1, serial), record: field(2, bytes(1, 64 * 1024)) });

const maxDomains = 1_000_000;

export interface DomainTables {
  readonly store: DomainStore;
  count(): number;
}

export function createDomains(engine: Engine, clock: Clock): DomainTables {
  const domains = engine.table('domains', schemaCodec(domainRow));
  /** Kept when a domain goes: its serials rise for ever. */
  const published = engine.table('published', schemaCodec(publishedRow, 128 * 1024));

  const store: DomainStore = {
    add: (domain, settings) =>
      engine.write(() => {
        if (domains.has(name(domain))) throw new BeckonError('exists', 'the domain is here already');
        domains.put(name(domain), rowOf({ ...settings, domain, created: clock.seconds() }));
      }),
    async get(domain) {
      const row = domains.get(name(domain));
      return row && domainOf(row);
    },
    list: async () => domains.range({ limit: maxDomains }).map(({ value }) => domainOf(value)),
    update: (domain, changes) =>
      engine.write(() => {
        const row = domains.get(name(domain));
        if (row === undefined) throw new BeckonError('not_found', 'there is no such domain here');
        const changed = { ...domainOf(row), ...definedOf(changes) };
        domains.put(name(domain), { ...row, ...rowOf(changed) });
        return changed;
      }),
    async published(domain) {
      const row = published.get(name(domain));
      return row && { serial: row.serial, record: row.record };
    },
    publish: (domain, next) =>
      engine.write(() => {
        const last = published.get(name(domain));
        if (last !== undefined && next.serial <= last.serial)
          throw new BeckonError('record_rollback', 'the serial of a domain record must rise');
        published.put(name(domain), { serial: next.serial, record: next.record });
      }),
  };
  return { store, count: () => domains.count() };
}

function rowOf(domain: Domain): DomainRow {
  return {
    domain: domain.domain,
    created: domain.created,
    contact: domain.contact,
    unknownUsers: unknownUsers.indexOf(domain.unknownUsers),
    introductions: introductions.indexOf(domain.introductions),
    introductionsPerHour: domain.introductionsPerHour,
    bucketBits: domain.bucketBits,
    transit: domain.transit,
    keep: domain.keep,
    quota: domain.quota,
  };
}

function domainOf(row: DomainRow): Domain {
  return {
    ...row,
    unknownUsers: unknownUsers[row.unknownUsers] as Domain['unknownUsers'],
    introductions: introductions[row.introductions] as Domain['introductions'],
  };
}

function definedOf(changes: Partial<DomainSettings>): Partial<DomainSettings> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}
