/** Cases of wire-spec/keys.md sections 1 to 3 on the life of a domain's keys: statuses, and the borders of their times. */
import type { ErrorCode } from '../../src/errors.ts';
import { keyStatuses, type KeyStatus, type KeyUse } from '../../src/wire/registry.ts';
import { now, type Collection, type Fields as Inputs } from './cases.ts';
import { nameOf } from './conventions.ts';
import type { Node } from './encode.ts';
import { alpha, domainRecordOf, entryOf, keyFor, mandateOf, type Fields, type Key } from './people.ts';
import { sha256 } from './reference.ts';

const day = 86_400;
const slack = 3600;

export function addKeyLife(cases: Collection): void {
  addSigningTimes(cases);
  addKeysToUse(cases);
  addOwnKeys(cases);
}

type Nodes = readonly Node[];

const later = keyFor('alpha.test', 'domainSigning', 'later');
const withdrawn = keyFor('alpha.test', 'domainSigning', 'withdrawn');

/** A record under a mandate with these signing keys, signed with one of them. */
function recordUnder(entries: readonly Node[], by: Key, revoked: readonly Node[] = []): Uint8Array {
  return domainRecordOf(alpha, { 3: mandateOf(alpha, { 4: [...entries], 5: [...revoked] }) }, { key: by });
}

function addSigningTimes(cases: Collection): void {
  const base = { spec: 'keys.md section 2', operation: 'verify domain record' };
  const inputs = (record: Uint8Array): Inputs => ({
    record,
    domain: 'alpha.test',
    fingerprints: [alpha.fingerprint],
    now,
  });
  const living = (over: Fields): Node => entryOf(alpha.signing, over);
  // The mandate of a rotation: the present key to its end, the next from its not-before on.
  const turning = (from: number): readonly Node[] => [
    living({ 7: from + 8 * day }),
    entryOf(later, { 6: from }),
  ];
  const gone = entryOf(withdrawn, { 5: keyStatuses.revoked, 8: now - day });
  const good: readonly (readonly [string, readonly Node[], Key, Nodes?])[] = [
    ['signed an hour before the time of its key', [living({ 6: now + slack })], alpha.signing],
    ['signed an hour after the time of its key', [living({ 7: now - slack })], alpha.signing],
    ['signed by the older of two appointed keys', turning(now + 8 * day), alpha.signing],
    ['signed by the older one while the newer is in use', turning(now - 8 * day), alpha.signing],
    ['signed by the newer one when its time has come', turning(now), later],
    ['signed beside a key that is revoked', [living({}), gone], alpha.signing, [withdrawn.id]],
    ['signed under a mandate that only lists a revoked key', [living({})], alpha.signing, [withdrawn.id]],
  ];
  for (const [description, entries, by, revoked = []] of good) {
    const record = recordUnder(entries, by, revoked);
    cases.positive(nameOf('domain-record', description), {
      ...base,
      description,
      inputs: inputs(record),
      output: {
        serial: now - 3600,
        mandateSerial: now - 10 * day,
        recordHash: sha256(record),
        mandateHash: sha256(mandateOf(alpha, { 4: [...entries], 5: [...revoked] })),
        keys: [alpha.notification.id, alpha.envelope.id, alpha.poll.id],
        bucketBits: 0,
        expires: now - 3600 + 7 * day,
      },
    });
  }
  const bad: readonly (readonly [ErrorCode, string, readonly Node[], Key, Nodes?])[] = [
    ['key_not_active', 'signed by an appointed key whose time has not come', turning(now + 8 * day), later],
    [
      'key_not_active',
      'signed by the older of two when its time is over',
      turning(now - 8 * day - slack - 1),
      alpha.signing,
    ],
    ['key_not_active', 'signed by a revoked key before it was revoked', [living({}), gone], withdrawn],
    [
      'key_not_active',
      'signed by a revoked key that the mandate lists, its entry saying active',
      [living({}), entryOf(withdrawn)],
      withdrawn,
      [withdrawn.id],
    ],
    ['key_unknown', 'signed by a revoked key whose entry is gone', [living({})], withdrawn, [withdrawn.id]],
  ];
  for (const [error, description, entries, by, revoked = []] of bad)
    cases.negative(nameOf('domain-record', description), error, {
      ...base,
      description,
      inputs: inputs(recordUnder(entries, by, revoked)),
    });
}

type Life = readonly [KeyStatus, notBefore: number, notAfter: number, revokedAt?: number];

function addKeysToUse(cases: Collection): void {
  const base = { spec: 'keys.md section 1', operation: 'key to use' };
  const [first, second] = ['first', 'second'].map((label) => keyFor('alpha.test', 'notification', label)) as [
    Key,
    Key,
  ];
  const entry = (key: Key, [status, notBefore, notAfter, revokedAt]: Life): Node =>
    entryOf(key, {
      5: keyStatuses[status],
      6: notBefore,
      7: notAfter,
      ...(revokedAt === undefined ? {} : { 8: revokedAt }),
    });
  const inputs = (...entries: readonly Node[]): Inputs => ({
    record: domainRecordOf(alpha, { 4: [...entries] }),
    domain: 'alpha.test',
    fingerprints: [alpha.fingerprint],
    use: 'notification' satisfies KeyUse,
    now,
  });
  const old: Life = ['active', now - 30 * day, now + 370 * day];
  const good: readonly (readonly [string, readonly Node[], Key])[] = [
    ['the active one', [entry(first, old)], first],
    [
      'beside a pending one',
      [entry(first, old), entry(second, ['pending', now - day, now + 400 * day])],
      first,
    ],
    [
      'after a retired one',
      [
        entry(first, ['retired', now - 38 * day, now + 8 * day]),
        entry(second, ['active', now, now + 400 * day]),
      ],
      second,
    ],
    [
      'after a revoked one',
      [
        entry(first, ['revoked', now - 38 * day, now + 8 * day, now]),
        entry(second, ['active', now, now + 400 * day]),
      ],
      second,
    ],
    [
      'the one of the latest not-before',
      [entry(second, ['active', now, now + 400 * day]), entry(first, old)],
      second,
    ],
    ['an hour before its time', [entry(first, ['active', now + slack, now + day])], first],
    ['an hour after its time', [entry(first, ['active', now - day, now - slack])], first],
  ];
  for (const [description, entries, key] of good)
    cases.positive(nameOf('key-to-use', description), {
      ...base,
      description,
      inputs: inputs(...entries),
      output: key.id,
    });
  const bad: readonly (readonly [string, readonly Node[]])[] = [
    ['none of the use', [entryOf(alpha.poll)]],
    ['only a pending one', [entry(first, ['pending', now - day, now + day])]],
    ['only a retired one', [entry(first, ['retired', now - day, now + day])]],
    ['only a revoked one', [entry(first, ['revoked', now - day, now + day, now + 1])]],
    ['more than an hour before its time', [entry(first, ['active', now + slack + 1, now + day])]],
    ['more than an hour after its time', [entry(first, ['active', now - day, now - slack - 1])]],
  ];
  for (const [description, entries] of bad)
    cases.negative(nameOf('key-to-use', description), 'key_not_active', {
      ...base,
      description,
      inputs: inputs(...entries),
    });
}

function addOwnKeys(cases: Collection): void {
  const base = { spec: 'keys.md section 1', operation: 'find own key' };
  const own = keyFor('alpha.test', 'poll', 'own');
  const inputs = ([status, notBefore, notAfter]: Life, over: Inputs = {}): Inputs => ({
    domain: 'alpha.test',
    keys: [{ use: 'poll', secret: own.secret, status, notBefore, notAfter }],
    use: 'poll',
    keyId: own.id,
    now,
    ...over,
  });
  const good: readonly (readonly [string, Life])[] = [
    ['active', ['active', now - day, now + day]],
    ['retired', ['retired', now - day, now + day]],
    ['retired, an hour after its time', ['retired', now - day, now - slack]],
    ['active, an hour before its time', ['active', now + slack, now + day]],
  ];
  for (const [description, life] of good)
    cases.positive(nameOf('own-key', description), {
      ...base,
      description,
      inputs: inputs(life),
      output: own.publicKey,
    });
  const other = keyFor('alpha.test', 'poll', 'forgotten');
  const bad: readonly (readonly [ErrorCode, string, Inputs])[] = [
    ['key_not_active', 'pending', inputs(['pending', now - day, now + day])],
    ['key_not_active', 'revoked', inputs(['revoked', now - day, now + day])],
    [
      'key_not_active',
      'retired, more than an hour after its time',
      inputs(['retired', now - day, now - slack - 1]),
    ],
    [
      'key_not_active',
      'active, more than an hour before its time',
      inputs(['active', now + slack + 1, now + day]),
    ],
    ['key_unknown', 'forgotten', inputs(['active', now - day, now + day], { keyId: other.id })],
    ['key_unknown', 'of another use', inputs(['active', now - day, now + day], { use: 'notification' })],
  ];
  for (const [error, description, fields] of bad)
    cases.negative(nameOf('own-key', description), error, { ...base, description, inputs: fields });
}
