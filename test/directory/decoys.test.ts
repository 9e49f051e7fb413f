/** What an outsider sees of a domain that answers for unknown addresses with decoys. */
import { randomBytes } from 'node:crypto';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { systemRandom } from '../../src/crypto/random.ts';
import { createPublisher, type Publisher } from '../../src/directory/publish.ts';
import { codeOf } from '../../src/errors.ts';
import { createDomainKeys, type DomainKeys } from '../../src/keys/domain-keys.ts';
import { verifyDomainAnswer } from '../../src/keys/domain-record.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { signMandate } from '../../src/keys/mandate.ts';
import { nextSerial } from '../../src/keys/serial.ts';
import { verifyUserAnswer, type VerifiedUser } from '../../src/keys/user-answer.ts';
import { createUserKeys, type UserKeys } from '../../src/keys/user-keys.ts';
import { nextRotation, rotateUserKeys } from '../../src/keys/user-life.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { silentLog } from '../../src/log.ts';
import { decode } from '../../src/wire/schema.ts';
import { decodeSign1 } from '../../src/wire/sign1.ts';
import { userAnswer, userListing, userRecord } from '../../src/wire/users.ts';
import { opened, type Opened } from '../store/fixture.ts';

const day = 86_400;
const domain = 'a.test';
const age = 200 * day;

interface House extends Opened {
  keys: DomainKeys;
  publisher: Publisher;
  restart(): void;
  bytes(address: string): Promise<Uint8Array>;
  look(address: string, previous?: VerifiedUser): Promise<VerifiedUser>;
}

async function house(t: ExecutionContext, work = { perSecond: 1e6, burst: 1e6 }): Promise<House> {
  const store = await opened(t);
  const { clock } = store;
  await store.store.domains.add(domain);
  const settings = {
    contact: 'abuse@hoster.test',
    introductions: 'open' as const,
    introductionsPerHour: 60,
    bucketBits: 0,
    unknownUsers: 'decoy' as const,
  };
  const made = () =>
    createPublisher({
      keysOf: (name) => (name === domain ? self.keys : undefined),
      domains: { ...store.store.domains, get: async () => settings },
      listed: store.store.listed,
      lookups: { perSecond: 1e6, burst: 1e6 },
      work,
      clock,
      log: silentLog,
    });
  const self: House = {
    ...store,
    keys: createDomainKeys(domain, clock.seconds() - age, systemRandom).keys,
    restart: () => void (self.publisher = made()),
    get publisher() {
      return publisher;
    },
    set publisher(next) {
      publisher = next;
    },
    async bytes(address) {
      const answer = await self.publisher.userAnswer(domain, addressHash(address), '192.0.2.1');
      if (answer === undefined) throw new Error('no answer');
      return answer;
    },
    async look(address, previous) {
      const record = await self.publisher.domainAnswer(domain);
      const now = clock.seconds();
      const fingerprints = [self.keys.fingerprint];
      const verified = verifyDomainAnswer(record!, { domain, fingerprints, now, previous: undefined });
      const answer = verifyUserAnswer(await self.bytes(address), verified, address, now, previous);
      if (answer.kind !== 'user') throw new Error('by mail');
      return answer;
    },
  };
  let publisher = made();
  return self;
}

/** Somebody whose client follows the rules: the first record names what was listed before. */
async function enrol(home: House, address: string): Promise<UserKeys> {
  const [local = ''] = address.split('@');
  const before = await home.look(address);
  const now = home.clock.seconds();
  const tokenHash = randomBytes(32);
  const keys = createUserKeys(domain, systemRandom, now);
  const record = signUserRecord({
    keys,
    address,
    serial: nextSerial(before.serial, now),
    previous: before.recordFingerprint,
    now,
  });
  const hash = addressHash(address);
  await home.store.users.invite(domain, { addressHash: hash, local, tokenHash, expires: now + day });
  await home.store.users.enroll(domain, hash, { tokenHash, device: randomBytes(32), record, now });
  return keys;
}

async function rotate(home: House, address: string, keys: UserKeys): Promise<UserKeys> {
  const before = await home.look(address);
  const now = home.clock.seconds();
  const next = rotateUserKeys(keys, systemRandom, now);
  const record = signUserRecord({
    keys: next,
    address,
    serial: nextSerial(before.serial, now),
    previous: before.recordFingerprint,
    now,
  });
  await home.store.users.putRecord(domain, addressHash(address), { previous: before.inner, record });
  return next;
}

/** A new signing key under a new mandate, the other keys gone. */
function renewSigning(home: House): void {
  const now = home.clock.seconds();
  const { identity, recoveryHash } = home.keys;
  const life = { notBefore: now, notAfter: now + 400 * day };
  const signing = createKeyPair(domain, 'domainSigning', systemRandom, life);
  const mandate = signMandate({
    domain,
    identity: identity!,
    signingKeys: [signing],
    recoveryHash,
    previousSerial: now - 1,
    now,
  });
  home.keys = {
    ...home.keys,
    mandate,
    keys: [signing, ...home.keys.keys.slice(1).map((key) => ({ ...key, notAfter: now + 400 * day }))],
  };
}

function keysIn(answer: Uint8Array): number {
  const { inner } = decode(userListing, decodeSign1(decode(userAnswer, answer).listing!).payload);
  return decode(userRecord, decodeSign1(inner).payload).keys.length;
}

/** All of an answer that is not keys, hashes, signatures and times. */
function form(answer: Uint8Array): unknown {
  const outer = decode(userAnswer, answer);
  const listing = decode(userListing, decodeSign1(outer.listing!).payload);
  const record = decode(userRecord, decodeSign1(listing.inner).payload);
  const [addressing, sealing, ...older] = record.keys;
  return {
    answer: Object.keys(outer),
    attachments: outer.attachments,
    listing: Object.keys(listing),
    status: [listing.status, listing.escrow, listing.expires - listing.created],
    record: Object.keys(record),
    life: [record.expires - record.created, record.serial - record.created],
    rest: [record.flags, record.capabilities, record.domain, record.previous?.length],
    keys: [addressing, sealing].map((key) => [
      [Object.keys(key!), key!.use, key!.suite, key!.status, key!.key.length],
      [key!.notBefore - record.created, key!.notAfter - record.created],
    ]),
    retired: older.every((key) => key.status === 2 && key.notAfter > record.created),
    newestRetired: older.slice(0, 2).map((key) => key.notAfter - record.created),
  };
}

test('the answer for an address without a user has the form of one with a user, for a year of both', async (t) => {
  const home = await house(t);
  let keys = await enrol(home, 'anna@a.test');
  const decoys = Array.from({ length: 6 }, (_, n) => `nobody${n}@a.test`);
  /** By the number of keys in the record. */
  const sizes = { user: new Map<number, number>(), decoy: new Map<number, number>() };
  let rotated = false;
  renewSigning(home);
  for (let months = 0; months < 10; months++) {
    const user = await home.bytes('anna@a.test');
    sizes.user.set(keysIn(user), user.length);
    for (const decoy of decoys) {
      const bytes = await home.bytes(decoy);
      sizes.decoy.set(keysIn(bytes), bytes.length);
      const [expected, seen] = [form(user), form(bytes)] as [
        Record<string, unknown>,
        Record<string, unknown>,
      ];
      // A first record has no retired keys, of users as of decoys.
      const { newestRetired: a, ...rest } = expected;
      const { newestRetired: b, ...others } = seen;
      t.deepEqual(others, rest);
      t.true((b as number[]).length === 0 || !rotated || (a as number[]).length === 0 || `${a}` === `${b}`);
    }
    const { created } = await home.look('anna@a.test');
    home.clock.advance(nextRotation(created, Math.floor(Math.random() * 2 ** 32)) - home.clock.seconds());
    keys = await rotate(home, 'anna@a.test', keys);
    rotated = true;
  }
  t.deepEqual(
    [...sizes.user.keys()].sort((a, b) => a - b),
    [2, 4, 6, 8],
  );
  t.true(sizes.decoy.has(8));
  for (const [keysListed, size] of sizes.decoy) t.is(sizes.user.get(keysListed), size);
});

test('a client that pinned a decoy sees orderly rotations for a year, and now and then somebody who lost all keys', async (t) => {
  const home = await house(t);
  const addresses = Array.from({ length: 12 }, (_, n) => `nobody${n}@a.test`);
  const pins = new Map<string, VerifiedUser>();
  renewSigning(home);
  let [rotations, losses] = [0, 0];
  for (const address of addresses) pins.set(address, await home.look(address));
  for (let month = 0; month < 14; month++) {
    home.clock.advance(28 * day);
    for (const [address, pinned] of pins) {
      const next = await home.look(address, pinned);
      if (next.serial === pinned.serial) {
        t.deepEqual(next.inner, pinned.inner);
        continue;
      }
      t.deepEqual(next.previous, pinned.recordFingerprint);
      if (Buffer.compare(next.identityKey, pinned.identityKey) === 0) rotations += 1;
      else losses += 1;
      pins.set(address, next);
    }
  }
  t.true(rotations > 80);
  t.true(losses < 20);
});

test('restarts, and new keys of the domain, change nothing of a decoy', async (t) => {
  const home = await house(t);
  const bytes = await home.bytes('nobody@a.test');
  home.restart();
  t.deepEqual(await home.bytes('nobody@a.test'), bytes);
  const before = await home.look('nobody@a.test');

  renewSigning(home);
  const after = await home.look('nobody@a.test', before);
  t.deepEqual(after.inner, before.inner);
  t.is(after.listedUntil, before.listedUntil);
});

test('who signs up where a decoy was goes on with it, and shows at once', async (t) => {
  const home = await house(t);
  const decoy = await home.look('anna@a.test');
  t.is(decoy.status, 'active');
  const keys = await enrol(home, 'anna@a.test');
  const user = await home.look('anna@a.test', decoy);
  t.deepEqual(user.identityKey, keys.identity.publicKey);
  t.deepEqual(user.previous, decoy.recordFingerprint);
  t.true(user.serial > decoy.serial);
});

test('suspended users are listed as before; who is invited or whose alias is not signed is nobody', async (t) => {
  const home = await house(t);
  await enrol(home, 'anna@a.test');
  const bytes = await home.bytes('anna@a.test');
  await home.store.users.suspend(domain, addressHash('anna@a.test'), true);
  t.deepEqual(await home.bytes('anna@a.test'), bytes);

  const alias = await home.bytes('info@a.test');
  const hash = addressHash('info@a.test');
  await home.store.aliases.add(domain, {
    addressHash: hash,
    local: 'info',
    user: addressHash('anna@a.test'),
  });
  t.deepEqual(await home.bytes('info@a.test'), alias);
  const invited = await home.bytes('bert@a.test');
  await home.store.users.invite(domain, {
    addressHash: addressHash('bert@a.test'),
    local: 'bert',
    tokenHash: randomBytes(32),
    expires: home.clock.seconds() + day,
  });
  t.deepEqual(await home.bytes('bert@a.test'), invited);
});

test('an alias that is taken away stays listed until somebody would have rotated, and then goes on', async (t) => {
  const home = await house(t);
  const keys = await enrol(home, 'anna@a.test');
  const before = await home.look('info@a.test');
  const hash = addressHash('info@a.test');
  const user = addressHash('anna@a.test');
  await home.store.aliases.add(domain, { addressHash: hash, local: 'info', user });
  const now = home.clock.seconds();
  const record = signUserRecord({
    keys,
    address: 'info@a.test',
    serial: nextSerial(before.serial, now),
    previous: before.recordFingerprint,
    now,
  });
  await home.store.aliases.putRecord(domain, hash, { user, record });
  const listed = await home.look('info@a.test', before);
  t.deepEqual(listed.inner, record);

  await home.store.aliases.remove(domain, hash);
  t.deepEqual((await home.look('info@a.test', listed)).inner, record);
  home.clock.advance(30 * day);
  t.deepEqual((await home.look('info@a.test', listed)).inner, record);
  home.restart();
  home.clock.advance(10 * day);
  const next = await home.look('info@a.test', listed);
  t.deepEqual(next.previous, listed.recordFingerprint);
  t.true(next.serial > listed.serial);
  t.true(next.created >= listed.created + 33 * day);
});

test('a flood of look-ups costs so much and no more, and everybody is refused alike then', async (t) => {
  const home = await house(t, { perSecond: 100, burst: 200 });
  await enrol(home, 'anna@a.test');
  home.restart();
  const outcomes: string[] = [];
  for (let n = 0; n < 30; n++)
    outcomes.push(await home.bytes(`nobody${n}@a.test`).then(() => 'answered', codeOf));
  const answered = outcomes.indexOf('rate_limited');
  t.true(answered > 5);
  t.true(outcomes.slice(answered).every((outcome) => outcome === 'rate_limited'));
  await t.throwsAsync(home.bytes('anna@a.test'), { code: 'rate_limited' });
  t.truthy(await home.bytes('nobody1@a.test'));
  home.clock.advance(1);
  t.truthy(await home.bytes('anna@a.test'));
});
