/** Cases of wire-spec/keys.md section 8: the lives of decoys, derived a second time. */
import { xwingPublic } from '../../src/crypto/xwing.ts';
import { keyStatuses, keyUses, suites, type KeyUse } from '../../src/wire/registry.ts';
import { hex, type Collection, type Fields } from './cases.ts';
import { encode, map, type Node } from './encode.ts';
import { recordNode } from './people.ts';
import { seeded } from './random.ts';
import { ctx, ed25519Public, hkdf, keyId, sha256, sign1, x25519Public } from './reference.ts';

const day = 86_400;
const domain = 'alpha.test';
const start = 1_790_000_123;
const secret = seeded('decoys of alpha.test')(32);

interface Entry {
  readonly use: KeyUse;
  readonly key: Uint8Array;
  readonly status: number;
  readonly notBefore: number;
  readonly notAfter: number;
}

interface Made {
  readonly n: number;
  readonly kind: 'first' | 'young' | 'rotated' | 'lost';
  readonly material: Uint8Array;
  readonly created: number;
  readonly listed: number;
  readonly serial: number;
  readonly inner: Uint8Array;
}

/** Who had the address before. */
interface Before {
  readonly inner: Uint8Array;
  readonly serial: number;
  readonly created: number;
  readonly gone: number;
}

const draw = (bytes: Uint8Array, at: number): number => Buffer.from(bytes).readUInt32BE(at);
const part = (whole: number, of: number): number => Number((BigInt(whole) * BigInt(of)) >> 32n);

const lifeKeyOf = (hash: Uint8Array, before?: Before): Uint8Array =>
  hkdf(secret, before ? ctx('decoy', domain, hash, sha256(before.inner)) : ctx('decoy', domain, hash));

function habitsOf(hash: Uint8Array): { habits: Uint8Array; listingOffset: number; lateness: number } {
  const habits = hkdf(lifeKeyOf(hash), ctx('decoy habits', domain), 8);
  return { habits, listingOffset: part(day, draw(habits, 0)), lateness: 2 ** (6 + (draw(habits, 4) % 13)) };
}

/** Records of a life until so many are made. */
function lifeOf(hash: Uint8Array, count: number, before?: Before): readonly Made[] {
  const lifeKey = lifeKeyOf(hash, before);
  // How late its client is goes with the life, its second of the day with the address.
  const late = 2 ** (6 + (draw(hkdf(lifeKeyOf(hash), ctx('decoy habits', domain), 8), 4) % 13));
  const made: Made[] = [];
  let settled = before !== undefined;
  let identity = new Uint8Array();
  let entries: readonly Entry[] = [];
  for (let n = 0; n < count; n++) {
    const material = hkdf(lifeKey, ctx('decoy record', domain, n), 148);
    const [interval, loss, settling, delay, way] = [96, 100, 104, 108, 112].map((at) =>
      draw(material, at),
    ) as [number, number, number, number, number];
    const last = made.at(-1);
    const month = 33 * day + part(3 * day, interval);
    let created: number;
    let kind: Made['kind'] = 'first';
    if (last !== undefined) {
      const age = last.created - start + 900;
      const young = !settled && age < 2 ** 21;
      created = young ? last.created + age + part(age, interval) : last.created + month + part(late, delay);
      kind = young ? 'young' : loss < 2 ** 27 ? 'lost' : 'rotated';
    } else if (before !== undefined)
      created = Math.max(before.created + month, before.gone) + part(late, delay);
    else created = start + part(900, interval);
    if (kind === 'first' || kind === 'young') settled ||= part(2 ** 21, settling) < created - start + 900;
    else settled = true;
    const kept = kind === 'rotated' ? entries : [];
    if (kind !== 'rotated') identity = material.slice(0, 32);
    entries = [
      entry('addressing', x25519Public(material.slice(32, 64)), created),
      entry('sealing', xwingPublic(material.slice(64, 96)), created),
      ...kept
        .map((one) =>
          one.status === keyStatuses.active
            ? { ...one, status: keyStatuses.retired, notAfter: created + 97 * day }
            : one,
        )
        .filter(({ notAfter }) => notAfter > created),
    ];
    const serial = Math.max((last?.serial ?? before?.serial ?? -1) + 1, created);
    const followed = last?.inner ?? before?.inner;
    const previous = followed ? sha256(followed) : material.slice(116, 148);
    const inner = innerOf(hash, identity, entries, { created, serial, previous });
    made.push({ n, kind, material, created, listed: created + part(3, way), serial, inner });
  }
  return made;
}

function entry(use: KeyUse, key: Uint8Array, created: number): Entry {
  return { use, key, status: keyStatuses.active, notBefore: created, notAfter: created + 400 * day };
}

function innerOf(
  hash: Uint8Array,
  identity: Uint8Array,
  entries: readonly Entry[],
  { created, serial, previous }: { created: number; serial: number; previous: Uint8Array },
): Uint8Array {
  const identityKey = ed25519Public(identity);
  const keys: readonly Node[] = entries.map(({ use, key, status, notBefore, notAfter }) =>
    recordNode({
      1: keyId(domain, keyUses[use], key),
      2: keyUses[use],
      3: use === 'sealing' ? suites.xwing : suites.x25519,
      4: key,
      5: status,
      6: notBefore,
      7: notAfter,
    }),
  );
  const payload = recordNode({
    1: domain,
    2: hash,
    3: identityKey,
    4: keys,
    5: created,
    6: created + 400 * day,
    7: serial,
    8: previous,
    10: map(),
    11: 0,
  });
  const id = keyId(domain, keyUses.userIdentity, identityKey);
  return sign1('user record', domain, id, identity, encode(payload)).encoded;
}

const hashOf = (n: number): Uint8Array => sha256(ctx('address', `nobody${n}@${domain}`));

/** The first of some addresses whose life has a record of the kind, and which one that is. */
function found(
  wanted: (records: readonly Made[], at: number) => boolean,
): readonly [Uint8Array, readonly Made[], number] {
  for (let n = 0; n < 200; n++) {
    const records = lifeOf(hashOf(n), 16);
    const at = records.findIndex((_, index) => index < 15 && wanted(records, index));
    if (at >= 0) return [hashOf(n), records, at];
  }
  throw new Error('no address has such a life');
}

export function addDecoys(cases: Collection): void {
  const base = { spec: 'keys.md section 8' };
  for (const n of [0, 1]) {
    const { habits, ...output } = habitsOf(hashOf(n));
    cases.positive(`decoy-habits-${n}`, {
      ...base,
      operation: 'decoy habits',
      description: `the second of the day of a listing, and L, of address ${n}`,
      inputs: { secret, start, domain, addressHash: hashOf(n) },
      intermediate: { lifeKey: lifeKeyOf(hashOf(n)), habits },
      output,
    });
  }
  const kinds: readonly (readonly [string, string, (records: readonly Made[], at: number) => boolean])[] = [
    ['first', 'the first record of a life', (_, at) => at === 0],
    [
      'young',
      'a young record, with keys of its own',
      (records, at) => records[at]?.kind === 'young' && at > 1,
    ],
    ['rotated', 'a first rotation', (records, at) => records[at]?.kind === 'rotated'],
    [
      'rotated-four-times',
      'a rotation with as many retired keys as there may be',
      (records, at) => at > 3 && records.slice(at - 3, at + 1).every(({ kind }) => kind === 'rotated'),
    ],
    ['lost', 'all keys were lost: another identity', (records, at) => records[at]?.kind === 'lost'],
  ];
  for (const [name, description, wanted] of kinds) {
    const [hash, records, at] = found(wanted);
    addRecord(cases, `decoy-record-${name}`, description, hash, records, at, (records[at] as Made).listed);
  }
  const [hash, records, at] = found((_, index) => index === 2);
  const next = records[at + 1] as Made;
  addRecord(
    cases,
    'decoy-record-until-the-next',
    'a second before the next is listed',
    hash,
    records,
    at,
    next.listed - 1,
  );
  addSuccessors(cases);
}

function addRecord(
  cases: Collection,
  name: string,
  description: string,
  hash: Uint8Array,
  records: readonly Made[],
  at: number,
  now: number,
  before?: Before,
): void {
  const { inner, created, listed, serial, material, n } = records[at] as Made;
  const after: Fields = before === undefined ? {} : { after: { ...before } };
  cases.positive(name, {
    spec: 'keys.md section 8',
    operation: 'decoy record',
    description,
    inputs: { secret, start, domain, addressHash: hash, now, ...after },
    intermediate: {
      lifeKey: lifeKeyOf(hash, before),
      n,
      material,
      created: records.slice(0, at + 1).map((record) => record.created),
    },
    output: { inner, created, listed, serial, fingerprint: hex(sha256(inner)) },
  });
}

function addSuccessors(cases: Collection): void {
  const hash = hashOf(5);
  const [user] = lifeOf(hash, 1) as [Made];
  const inner = innerOf(
    hash,
    seeded('somebody')(32),
    [
      entry('addressing', x25519Public(seeded('somebody addressing')(32)), user.created + day),
      entry('sealing', xwingPublic(seeded('somebody sealing')(32)), user.created + day),
    ],
    { created: user.created + day, serial: user.created + day, previous: sha256(user.inner) },
  );
  const stayed = { inner, serial: user.created + day, created: user.created + day };
  for (const [name, gone] of [
    ['soon', user.created + 3 * day],
    ['late', user.created + 90 * day],
  ] as const) {
    const before = { ...stayed, gone };
    const records = lifeOf(hash, 2, before);
    const [first, second] = records as [Made, Made];
    const left = name === 'soon' ? 'before a rotation was due' : 'after a rotation was due';
    addRecord(
      cases,
      `decoy-after-a-user-who-left-${name}`,
      `the first record after a user who left ${left}`,
      hash,
      records,
      0,
      first.listed,
      before,
    );
    if (name === 'soon')
      addRecord(
        cases,
        'decoy-after-a-user-second',
        'the record after that',
        hash,
        records,
        1,
        second.listed,
        before,
      );
    cases.positive(`decoy-after-a-user-not-yet-${name}`, {
      spec: 'keys.md section 8',
      operation: 'decoy record',
      description: `a second before: the last record of the user, who left ${left}, is still listed`,
      inputs: { secret, start, domain, addressHash: hash, now: first.listed - 1, after: { ...before } },
      intermediate: { lifeKey: lifeKeyOf(hash, before) },
      output: { inner, created: before.created, serial: before.serial, fingerprint: hex(sha256(inner)) },
    });
  }
}
