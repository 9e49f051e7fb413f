import { randomBytes } from 'node:crypto';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createPublisher } from '../../src/directory/publish.ts';
import type { PublishedSettings, Publisher } from '../../src/directory/publish.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import type { DomainKeys } from '../../src/keys/domain-keys.ts';
import { verifyDomainAnswer } from '../../src/keys/domain-record.ts';
import type { SeenDomain, VerifiedDomain } from '../../src/keys/domain-record.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { signMandate } from '../../src/keys/mandate.ts';
import { verifyUserAnswer } from '../../src/keys/user-answer.ts';
import { createUserKeys } from '../../src/keys/user-keys.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { silentLog } from '../../src/log.ts';
import type { Log } from '../../src/log.ts';
import type { Store } from '../../src/store/api/store.ts';
import { opened } from '../store/fixture.ts';
import type { Opened } from '../store/fixture.ts';

const day = 86_400;
const domain = 'a.test';
const address = 'anna@a.test';
const source = '192.0.2.1';

interface House extends Opened {
  readonly publisher: Publisher;
  /** To be changed by the test. */
  readonly settings: { -readonly [K in keyof PublishedSettings]: PublishedSettings[K] };
  keys: DomainKeys;
  /** Another process over the same tables. */
  restarted(options?: { log?: Log; store?: Pick<Store, 'domains' | 'listed'> }): Publisher;
  verified(by?: Publisher, previous?: SeenDomain): Promise<VerifiedDomain>;
}

async function house(t: ExecutionContext): Promise<House> {
  const store = await opened(t);
  const { clock } = store;
  await store.store.domains.add(domain);
  const made = createDomainKeys(domain, clock.seconds() - 30 * day, systemRandom);
  const settings = {
    contact: 'abuse@hoster.test',
    introductions: 'open' as const,
    introductionsPerHour: 60,
    bucketBits: 0,
    unknownUsers: 'mail' as const,
  };
  const self: House = {
    ...store,
    settings,
    keys: made.keys,
    restarted({ log = silentLog, store: { domains, listed } = store.store } = {}) {
      const get = async (name: string) => (name === domain ? self.settings : undefined);
      const keysOf = (name: string) => (name === domain ? self.keys : undefined);
      return createPublisher({ keysOf, domains: { ...domains, get }, listed, clock, log });
    },
    get publisher() {
      return publisher;
    },
    async verified(by = publisher, previous) {
      const answer = await by.domainAnswer(domain);
      if (answer === undefined) throw new Error('no answer');
      return verifyDomainAnswer(answer, {
        domain,
        fingerprints: [made.keys.fingerprint],
        now: clock.seconds(),
        previous,
      });
    },
  };
  const publisher = self.restarted();
  return self;
}

async function enrol({ store, clock }: Opened): Promise<Uint8Array> {
  const hash = addressHash(address);
  const tokenHash = randomBytes(32);
  const now = clock.seconds();
  const record = signUserRecord({
    keys: createUserKeys(domain, systemRandom, now),
    address,
    serial: now,
    now,
  });
  await store.users.invite(domain, { addressHash: hash, local: 'anna', tokenHash, expires: now + day });
  await store.users.enroll(domain, hash, { tokenHash, device: randomBytes(32), record, now });
  return record;
}

async function userAnswer(home: House, by = home.publisher) {
  const answer = await by.userAnswer(domain, addressHash(address), source);
  const record = await home.verified();
  return answer && verifyUserAnswer(answer, record, address, home.clock.seconds());
}

test('a domain record says what settings and keys say', async (t) => {
  const home = await house(t);
  const record = await home.verified();
  t.like(record, { contact: 'abuse@hoster.test', limits: { introductionsPerHour: 60 }, bucketBits: 0 });
  t.is(record.serial, home.clock.seconds());
  t.is(record.keys.length, 3);
  t.is((await home.publisher.published(domain))?.serial, record.serial);
});

test('a domain that is not ours has no answer', async (t) => {
  const { publisher } = await house(t);
  t.is(await publisher.domainAnswer('b.test'), undefined);
  t.is(await publisher.userAnswer('b.test', addressHash('anna@b.test'), source), undefined);
});

test('it is signed anew after a day, not before, by a restart neither', async (t) => {
  const home = await house(t);
  const first = await home.verified();
  home.clock.advance(day - 1);
  t.deepEqual((await home.verified()).bytes, first.bytes);
  t.deepEqual((await home.verified(home.restarted())).bytes, first.bytes);
  home.clock.advance(1);
  const next = await home.verified(home.publisher, first);
  t.is(next.serial, first.serial + day);
  t.is(next.expires, home.clock.seconds() + 7 * day);
});

test('requests at the same time see one record', async (t) => {
  const home = await house(t);
  const records = await Promise.all(Array.from({ length: 10 }, () => home.verified()));
  t.is(new Set(records.map(({ serial }) => serial)).size, 1);
  t.is(new Set(records.map(({ recordHash }) => recordHash.toString())).size, 1);
});

test('changed settings show at once, with a higher serial', async (t) => {
  const home = await house(t);
  const first = await home.verified();
  home.settings.contact = 'new@hoster.test';
  const second = await home.verified(home.publisher, first);
  t.is(second.contact, 'new@hoster.test');
  t.is(second.serial, first.serial + 1);
  home.settings.introductions = 'closed';
  t.deepEqual((await home.verified(home.restarted(), second)).limits, { introductionsPerHour: 0 });
});

test('changed keys show at once', async (t) => {
  const home = await house(t);
  const first = await home.verified();
  const { identity, recoveryHash, keys } = home.keys;
  if (!identity) return t.fail();
  const now = home.clock.seconds();
  const signing = createKeyPair(domain, 'domainSigning', systemRandom, {
    notBefore: now,
    notAfter: now + day,
  });
  const mandate = signMandate({
    domain,
    identity,
    signingKeys: [signing],
    recoveryHash,
    previousSerial: first.mandateSerial,
    now,
  });
  home.keys = {
    ...home.keys,
    mandate,
    keys: [signing, ...keys.filter(({ use }) => use !== 'domainSigning')],
  };
  const second = await home.verified(home.publisher, first);
  t.deepEqual(
    second.signingKeys.map(({ id }) => id),
    [signing.id],
  );
});

test('the clock may jump: no serial is used twice', async (t) => {
  const home = await house(t);
  const first = await home.verified();
  home.clock.advance(-7200);
  home.settings.bucketBits = 1;
  const second = await home.verified(home.restarted(), first);
  t.is(second.serial, first.serial + 1);
  home.clock.advance(-20 * 3600);
  home.settings.bucketBits = 2;
  t.is((await home.verified(home.restarted(), second)).serial, first.serial + 2);
});

test('a serial too far ahead of the clock is not passed: the record that stands is served', async (t) => {
  const home = await house(t);
  const first = await home.publisher.published(domain);
  home.clock.advance(-3 * day);
  home.settings.bucketBits = 1;
  const logged: unknown[] = [];
  const log = { ...silentLog, error: (event: string, fields?: object) => void logged.push([event, fields]) };
  t.deepEqual((await home.restarted({ log }).published(domain))?.record, first?.record);
  t.deepEqual(logged, [['directory.record_not_renewed', { domain, code: 'record_invalid' }]]);
});

test('a record signed while the clock was a year ahead stands in the way until the clock is believed, no longer', async (t) => {
  const home = await house(t);
  const first = await home.verified();
  home.clock.advance(365 * day);
  const astray = await home.publisher.published(domain);
  home.clock.advance(-364 * day);
  t.is((await home.restarted().published(domain))?.serial, astray?.serial);
  home.keys = { ...home.keys, progress: { days: 1, counted: home.clock.seconds(), steady: 1 } };
  const next = await home.verified(home.restarted(), first);
  t.is(next.serial, first.serial + day);
  home.clock.advance(day);
  t.is((await home.verified(home.restarted(), next)).serial, next.serial + day);
});

test('without a signing key there is nothing to serve', async (t) => {
  const home = await house(t);
  home.keys = { ...home.keys, keys: [] };
  await t.throwsAsync(home.publisher.domainAnswer(domain), { code: 'key_not_active' });
});

test('nothing is served that could not be written down', async (t) => {
  const home = await house(t);
  const { domains, listed } = home.store;
  const publish = async () => {
    throw new Error('disk gone');
  };
  const broken = home.restarted({ store: { domains: { ...domains, publish }, listed } });
  await t.throwsAsync(broken.domainAnswer(domain), { message: 'disk gone' });
  const first = await home.verified();
  home.settings.bucketBits = 1;
  t.deepEqual((await home.verified(broken)).bytes, first.bytes);
});

test('a user is listed with the record that was enrolled', async (t) => {
  const home = await house(t);
  const record = await enrol(home);
  const answer = await userAnswer(home);
  t.like(answer, { kind: 'user', status: 'active', escrow: false, inner: record });
  t.deepEqual(
    await home.restarted().userAnswer(domain, addressHash(address), source),
    await home.publisher.userAnswer(domain, addressHash(address), source),
  );
});

test('a listing is signed anew at its second of each day, the same by every process', async (t) => {
  const home = await house(t);
  await enrol(home);
  const enrolled = home.clock.seconds();
  const first = await userAnswer(home);
  if (first?.kind !== 'user') return t.fail();
  t.is(first.listedUntil, enrolled + 7 * day);
  const changes: number[] = [];
  let last = first.listedUntil;
  for (let hours = 0; hours < 72; hours++) {
    home.clock.advance(3600);
    const now = await userAnswer(home);
    if (now?.kind !== 'user') return t.fail();
    if (now.listedUntil !== last) changes.push((last = now.listedUntil));
    t.true(now.listedUntil > home.clock.seconds() + 6 * day);
    t.deepEqual(await userAnswer(home, home.restarted()), now);
  }
  t.is(changes.length, 3);
  t.deepEqual([changes[1]! - changes[0]!, changes[2]! - changes[1]!], [day, day]);
});

test('a suspended user, a new record and a new signing key show at once', async (t) => {
  const home = await house(t);
  const record = await enrol(home);
  await userAnswer(home);
  await home.store.users.suspend(domain, addressHash(address), true);
  t.like(await userAnswer(home), { kind: 'user', status: 'suspended' });
  await home.store.users.suspend(domain, addressHash(address), false);

  const now = home.clock.seconds();
  const keys = createUserKeys(domain, systemRandom, now);
  const next = signUserRecord({ keys, address, serial: now + 1, now });
  await home.store.users.putRecord(domain, addressHash(address), { previous: record, record: next });
  t.like(await userAnswer(home), { status: 'active', inner: next });

  const { identity, recoveryHash } = home.keys;
  if (!identity) return t.fail();
  const signing = createKeyPair(domain, 'domainSigning', systemRandom, {
    notBefore: now,
    notAfter: now + day,
  });
  const mandate = signMandate({
    domain,
    identity,
    signingKeys: [signing],
    recoveryHash,
    previousSerial: now,
    now,
  });
  home.keys = { ...home.keys, mandate, keys: [signing, ...home.keys.keys.slice(1)] };
  t.like(await userAnswer(home), { status: 'active', inner: next });
});

test('a network may look up so often', async (t) => {
  const home = await house(t);
  await enrol(home);
  const answers = async (from: string, of: string) =>
    home.publisher.userAnswer(domain, addressHash(of), from);
  for (let n = 0; n < 400; n++) await answers(`192.0.2.${n % 250}`, address);
  for (const whom of [address, 'nobody@a.test'])
    await t.throwsAsync(answers('192.0.2.7', whom), { code: 'rate_limited' });
  t.truthy(await answers('198.51.100.1', address));
  home.clock.advance(1);
  t.truthy(await answers('192.0.2.7', address));
});

test('an address that is not known takes mail, or is unknown, as the setting says', async (t) => {
  const home = await house(t);
  const now = home.clock.seconds();
  const answer = await userAnswer(home);
  if (answer?.kind !== 'by_mail') return t.fail();
  t.true(answer.created <= now && answer.created > now - day);
  t.is(answer.expires, answer.created + 7 * day);
  await home.store.users.invite(domain, {
    addressHash: addressHash(address),
    local: 'anna',
    tokenHash: randomBytes(32),
    expires: now + day,
  });
  t.like(await userAnswer(home), { kind: 'by_mail' });
  home.settings.unknownUsers = '404';
  t.is(await userAnswer(home), undefined);
});

test('one domain that cannot be renewed does not keep the others from it', async (t) => {
  const home = await house(t);
  const logged: unknown[] = [];
  const log = { ...silentLog, error: (event: string) => void logged.push(event) };
  const { domains, listed } = home.store;
  const list = async () => [
    { domain: 'bad.test', created: 0, own: {} },
    { domain, created: 0, own: {} },
  ];
  const keys = { ...createDomainKeys('bad.test', home.clock.seconds(), systemRandom).keys, keys: [] };
  const publisher = createPublisher({
    keysOf: (name) => (name === domain ? home.keys : keys),
    domains: { ...domains, list, get: async () => home.settings },
    listed,
    clock: home.clock,
    log,
  });
  await publisher.renew();
  t.deepEqual(logged, ['directory.record_not_renewed', 'directory.renewal_failed']);
  t.truthy(await domains.published(domain));
});
