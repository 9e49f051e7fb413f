import test from 'ava';
import { sha256 } from '../../src/crypto/kdf.ts';
import { Secret } from '../../src/crypto/secret.ts';
import {
  createDecoyRoot,
  decoyRecords,
  habitsOf,
  type DecoyLife,
  type DecoyRecord,
} from '../../src/keys/decoy.ts';
import { recordFingerprint } from '../../src/keys/fingerprints.ts';
import { keysToWriteTo, verifyInnerRecord } from '../../src/keys/user-record.ts';
import { times } from '../../src/wire/registry.ts';

const day = 86_400;
const start = 1_790_000_123;
const domain = 'alpha.test';
const root = createDecoyRoot(start, (length) => new Uint8Array(length).fill(7));
const hashOf = (n: number) => sha256(Uint8Array.of(n, n >> 8));
const lifeOf = (n: number): DecoyLife => ({ root, domain, addressHash: hashOf(n) });

function recordsUntil(life: DecoyLife, now: number): readonly DecoyRecord[] {
  const records: DecoyRecord[] = [];
  for (const record of decoyRecords(life)) {
    if (record.listed > now && records.length > 0) break;
    records.push(record);
  }
  return records;
}

const verified = (life: DecoyLife, { inner, listed }: DecoyRecord) =>
  verifyInnerRecord(inner, { domain, addressHash: life.addressHash, now: listed });

test('every record verifies, names the one before, and can be written to until the next', (t) => {
  for (let n = 0; n < 20; n++) {
    const life = lifeOf(n);
    const records = recordsUntil(life, start + 500 * day);
    t.true(records.length > 10);
    for (const [at, record] of records.entries()) {
      const read = verified(life, record);
      const before = records[at - 1];
      if (before === undefined) t.is(read.previous?.length, 32);
      else t.deepEqual(read.previous, recordFingerprint(before.inner));
      t.true(before === undefined || read.serial > verified(life, before).serial);
      t.is(read.serial, read.created);
      t.like(read, { flags: 0, capabilities: new Map(), expires: read.created + times.userRecordValidity });
      const next = records[at + 1];
      t.notThrows(() => keysToWriteTo(read, (next?.created ?? record.created) - 1));
    }
  }
});

test('a settled decoy rotates as clients do: same identity, the old keys retired, a month apart and late sometimes', (t) => {
  let rotations = 0;
  let losses = 0;
  for (let n = 0; n < 60; n++) {
    const life = lifeOf(n);
    const records = recordsUntil(life, start + 400 * day);
    for (let at = 1; at < records.length; at++) {
      const [before, after] = [records[at - 1]!, records[at]!];
      const gap = after.created - before.created;
      if (gap < times.userKeyRotation) continue;
      t.true(gap < times.userKeyRotation + times.userKeyRotationSpread + 2 ** 18);
      const [old, fresh] = [verified(life, before), verified(life, after)];
      if (Buffer.compare(old.identityKey, fresh.identityKey) !== 0) {
        losses += 1;
        t.is(fresh.keys.length, 2);
        continue;
      }
      rotations += 1;
      t.deepEqual(
        fresh.keys.slice(0, 4).map(({ use, status }) => `${use} ${status}`),
        ['addressing active', 'sealing active', 'addressing retired', 'sealing retired'],
      );
      t.deepEqual(fresh.keys[2]?.id, old.keys[0]?.id);
      t.true(fresh.keys.length <= 8);
    }
  }
  t.true(rotations > 300);
  t.true(losses > 0 && losses < rotations / 10);
});

test('times are those of people: any second, spread over the age of the domain', (t) => {
  const records = Array.from({ length: 400 }, (_, n) => recordsUntil(lifeOf(n), start + 20 * day).at(-1)!);
  const ages = records.map(({ created }) => created - start);
  t.true(ages.every((age) => age >= 0 && age <= 20 * day));
  t.true(ages.filter((age) => age > 2 * day).length > 100);
  t.true(ages.filter((age) => age < day).length < 250);
  t.true(new Set(ages.map((age) => age % 60)).size > 50);
  const offsets = records.map((_, n) => habitsOf(lifeOf(n)).listingOffset);
  t.true(offsets.every((offset) => offset >= 0 && offset < day));
  t.true(new Set(offsets.map((offset) => Math.floor(offset / 3600))).size === 24);
});

test('a decoy follows from secret, domain and address alone', (t) => {
  const now = start + 200 * day;
  const again: DecoyLife = {
    ...lifeOf(1),
    root: { secret: new Secret(root.secret.expose().slice()), start },
  };
  t.deepEqual(recordsUntil(again, now), recordsUntil(lifeOf(1), now));
  const others: DecoyLife[] = [
    lifeOf(2),
    { ...lifeOf(1), domain: 'beta.test' },
    { ...lifeOf(1), root: createDecoyRoot(start, (length) => new Uint8Array(length).fill(8)) },
  ];
  const keysOf = (life: DecoyLife) =>
    recordsUntil(life, now).map(({ inner }) => Buffer.from(inner).toString('hex'));
  for (const other of others) t.false(keysOf(other).some((inner) => keysOf(lifeOf(1)).includes(inner)));
});

test('after somebody went, their address goes on with a record that follows theirs, no sooner than they would have rotated', (t) => {
  const [last] = recordsUntil(lifeOf(9), start);
  const inner = last!.inner;
  for (const stayed of [3 * day, 80 * day]) {
    const gone = last!.created + stayed;
    const after = { inner, serial: last!.created, created: last!.created, gone };
    const life: DecoyLife = { ...lifeOf(9), after };
    const [first, second] = recordsUntil(life, gone + 120 * day);
    const read = verified(life, first!);
    t.deepEqual(read.previous, recordFingerprint(inner));
    t.true(read.created >= gone && read.created >= last!.created + times.userKeyRotation);
    t.true(read.serial > after.serial);
    t.is(read.keys.length, 2);
    t.deepEqual(verified(life, second!).previous, recordFingerprint(first!.inner));
  }
});
