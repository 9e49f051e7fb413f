import test from 'ava';
import { systemRandom } from '../../src/crypto/random.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { signMandate } from '../../src/keys/mandate.ts';
import { address, later, listing, now, path, seen, start, userKeys } from './user-world.ts';
import { answer, endless, failed, found, ours, recordAnswer, zoneOf } from './world.ts';
import type { Route, Site } from './world.ts';

const day = 86_400;

test('a native user is verified, pinned and read once an hour', async (t) => {
  const world = await start(t);
  const { users, site, keys, discover } = world;
  const outcomes = await Promise.all([users.user(address), users.user(address), discover(address)]);
  for (const outcome of outcomes) {
    if (outcome.kind !== 'native') return t.fail(outcome.kind);
    t.is(outcome.user.address, address);
    t.deepEqual(outcome.user.identityFingerprint, keys.identityFingerprint);
    t.is(outcome.domain.domain, 'a.test');
    t.deepEqual(outcome.trust, {
      level: 'dns',
      reasons: ['first_sight', 'listed_by_domain', 'txt_matches', 'dnssec_absent'],
    });
  }
  t.like(await world.restarted().users.user(address), { kind: 'native', stale: false });
  t.is(site.asked(path), 1);
  t.is(site.asked(), 1);
  t.like(await users.pin(address), { since: now, serial: now, compared: false });
  later(world, 3600);
  t.like(await users.user(address), { kind: 'native' });
  t.is(site.asked(path), 2);
});

test('no address is written into the cache', async (t) => {
  const { users, cache } = await start(t);
  await users.user(address);
  t.true([...cache.values.keys()].some((key) => key.startsWith('user-pin:a.test/')));
  t.false([...cache.values.keys()].some((key) => key.includes('anna')));
});

test('what is no canonical address is refused', async (t) => {
  const { users, discover } = await start(t);
  for (const text of ['Anna@a.test', 'anna', 'anna+tag@a.test', '<anna@a.test', 'anna>@a.test'])
    await t.throwsAsync(users.user(text), { code: 'address_invalid' });
  await t.throwsAsync(discover('anna@A.test'), { code: 'domain_invalid' });
});

test('an address is as its domain where that is not native', async (t) => {
  const { users, dns, zone, discover } = await start(t);
  zone({ type: 'MX', name: 'mail.test', priority: 1, exchange: 'mx.mail.test' });
  dns.fail('_beckon._tcp.slow.test', 'silent');
  const mx = [{ host: 'mx.mail.test', priority: 1 }];
  t.deepEqual(await users.user('b@mail.test'), { kind: 'legacy', reason: 'domain', mx, dnssec: false });
  t.deepEqual(await users.user('b@nothing.test'), { kind: 'none', reason: 'no_such_domain' });
  t.deepEqual(await users.user('b@slow.test'), { kind: 'later', reason: 'timeout' });
  t.deepEqual(await discover('b@mail.test'), { kind: 'legacy', reason: 'domain', mx, dnssec: false });
  t.deepEqual(await discover('b@nothing.test'), { kind: 'none', reason: 'no_such_domain' });
  t.deepEqual(await discover('b@slow.test'), { kind: 'later', reason: 'timeout' });
});

test('an address that takes mail is legacy', async (t) => {
  const { users, byMail, discover } = await start(t);
  byMail();
  t.deepEqual(await users.user(address), { kind: 'legacy', reason: 'by_mail' });
  t.deepEqual(await discover(address), { kind: 'legacy', reason: 'by_mail' });
  t.is(await users.pin(address), undefined);
});

test('an address that the domain does not know is told at once, and asked again after a minute', async (t) => {
  const { users, site, clock, serve, discover } = await start(t);
  site.routes.set(path, failed(404, 'user_unknown'));
  t.deepEqual(await users.user(address), { kind: 'unknown', reason: 'no_such_user' });
  t.deepEqual(await discover(address), { kind: 'none', reason: 'no_such_user' });
  t.is(site.asked(path), 1);
  serve();
  clock.advance(60);
  t.like(await users.user(address), { kind: 'native' });
});

const rejections: Record<string, (site: Site) => Route> = {
  cbor_type: () => found(Uint8Array.of(0x80)),
  foreign_answer: (site) => answer(200, 'application/json', listing(site, { keys: userKeys() })),
  http_404: () => answer(404, 'text/html', 'not here'),
  not_served: () => failed(404, 'not_found'),
  rate_limited: () => failed(429, 'rate_limited', 60),
  internal: () => failed(500, 'internal'),
  too_large: () => endless(),
  not_active: (site) => found(listing(site, { keys: userKeys(), status: 'suspended' })),
  record_mismatch: (site) => found(listing(site, { keys: userKeys(), of: 'eve@a.test' })),
  record_expired: (site) => found(listing(site, { keys: userKeys(), at: now - 8 * day })),
  record_invalid: (site) => found(listing(site, { keys: userKeys(), at: now + 7200 })),
  key_unknown: (site) =>
    found(listing(site, { keys: userKeys(), by: createDomainKeys('a.test', now, systemRandom).keys })),
};

for (const [reason, route] of Object.entries(rejections)) {
  test(`an answer is refused: ${reason}`, async (t) => {
    const { users, site, discover } = await start(t);
    site.routes.set(path, route(site));
    t.deepEqual(await users.user(address), { kind: 'later', reason });
    t.deepEqual(await discover(address), { kind: 'later', reason });
    t.is(site.asked(path), 1);
    t.is(await users.pin(address), undefined);
  });
}

test('who was known and is unknown of a sudden, without a signature, is told apart', async (t) => {
  const { users, site, clock, serve } = await start(t);
  serve();
  t.like(await users.user(address), { kind: 'native' });
  site.routes.set(path, failed(404, 'user_unknown'));
  clock.advance(7200);
  t.deepEqual(await users.user(address), { kind: 'unknown', reason: 'no_such_user', pinned: true });
});

test('a 404 of ours without a readable problem still means unknown', async (t) => {
  const { users, site } = await start(t);
  site.routes.set(path, answer(404, ours));
  t.deepEqual(await users.user(address), { kind: 'unknown', reason: 'no_such_user' });
});

test('a user who is gone is unknown', async (t) => {
  const { users, serve } = await start(t);
  serve({ status: 'gone' });
  t.deepEqual(await users.user(address), { kind: 'unknown', reason: 'user_gone' });
});

test('another record of the same identity is an orderly update', async (t) => {
  const { users, clock, keys, serve } = await seen(t);
  serve({ keys: { ...userKeys(), identity: keys.identity } });
  t.like(await users.user(address), { kind: 'native', user: { serial: clock.seconds() } });
  t.like(await users.pin(address), {
    since: now,
    serial: clock.seconds(),
    fingerprint: keys.identityFingerprint,
  });
});

test('an older record is refused, also by a process that did not see the newer one', async (t) => {
  const { users, restarted, serve } = await seen(t);
  serve({ serial: now - 1 });
  t.deepEqual(await users.user(address), { kind: 'later', reason: 'record_rollback' });
  t.deepEqual(await restarted().users.user(address), { kind: 'later', reason: 'record_rollback' });
});

test('another record with the same serial is an alarm', async (t) => {
  const { users, serve, logged } = await seen(t);
  serve({ serial: now });
  t.deepEqual(await users.user(address), { kind: 'later', reason: 'trust_changed' });
  t.true(logged.includes('error directory.user_refused trust_changed'));
});

test('what was seen last of a pinned identity can be read without asking, unless another one was offered', async (t) => {
  const { users, restarted, keys, serve, clock } = await seen(t);
  t.is(await users.lastSeen('nobody@a.test'), undefined);
  clock.advance(60 * 86_400);
  const later = restarted().users;
  t.like(await later.lastSeen(address), { address, identityFingerprint: keys.identityFingerprint });
  clock.advance(400 * 86_400);
  t.is(await later.lastSeen(address), undefined, 'the record itself is past');
  clock.advance(-460 * 86_400);
  await users.answered(address, keys.identityFingerprint);
  serve({ keys: userKeys() });
  t.like(await users.user(address), { kind: 'changed' });
  t.is(await users.lastSeen(address), undefined);
});

test("another identity waits for the user's word, however often it is asked", async (t) => {
  const { users, restarted, keys, serve, discover } = await seen(t);
  await users.answered(address, keys.identityFingerprint);
  const next = userKeys();
  serve({ keys: next });
  const changed = {
    kind: 'changed',
    of: 'user',
    what: 'identity',
    pinned: keys.identityFingerprint,
    offered: next.identityFingerprint,
    since: now,
  } as const;
  t.deepEqual(await users.user(address), changed);
  t.deepEqual(await discover(address), { kind: 'later', reason: 'trust_changed' });
  const again = restarted().users;
  t.deepEqual(await again.user(address), changed);
  t.deepEqual((await again.pin(address))?.fingerprint, keys.identityFingerprint);

  await again.acceptChange(address, next.identityFingerprint);
  t.like(await again.user(address), {
    kind: 'native',
    user: { identityFingerprint: next.identityFingerprint },
  });
});

test("a domain's other identity holds back its users", async (t) => {
  const { users, site, clock, zone, discover } = await seen(t);
  const next = createDomainKeys('a.test', clock.seconds(), systemRandom).keys;
  site.publish(clock.seconds(), next);
  zone(...zoneOf('a.test', site.server.port, next.fingerprint));
  t.like(await users.user(address), { kind: 'changed', of: 'domain', offered: next.fingerprint });
  t.deepEqual(await discover(address), { kind: 'later', reason: 'trust_changed' });
});

test("a pinned address is not written to in clear text without its user's word", async (t) => {
  const world = await seen(t);
  const { users, byMail, serve, logged } = world;
  byMail();
  t.deepEqual(await users.user(address), { kind: 'later', reason: 'pinned_native' });
  t.true(logged.includes('warn directory.pinned_native'));
  await users.acceptMail(address);
  t.deepEqual(await users.user(address), { kind: 'legacy', reason: 'accepted' });
  // Native again: the word was about then, not for ever.
  serve();
  later(world, 3600);
  t.like(await users.user(address), { kind: 'native' });
  later(world, 3600);
  byMail();
  t.deepEqual(await users.user(address), { kind: 'later', reason: 'pinned_native' });
});

test('a pinned address of a domain without SRV record waits in the same way', async (t) => {
  const { users, zone, discover } = await seen(t);
  zone({ type: 'MX', name: 'a.test', priority: 1, exchange: 'mx.a.test' });
  const waits = { kind: 'later', reason: 'pinned_native' } as const;
  t.deepEqual(await discover(address), waits);
  t.deepEqual(await users.user('bob@a.test'), waits);
  await users.acceptMail(address);
  t.deepEqual(await discover(address), { kind: 'legacy', reason: 'accepted' });
  t.deepEqual(await users.user('bob@a.test'), waits);
});

test('"by mail" from before the record that was seen is refused', async (t) => {
  const { users, byMail, restarted } = await seen(t);
  byMail(now - 1);
  t.deepEqual(await users.user(address), { kind: 'later', reason: 'record_rollback' });
  t.deepEqual(await restarted().users.user(address), { kind: 'later', reason: 'record_rollback' });
});

test('a pin outlives a restart, whatever makes the record vanish', async (t) => {
  const { zone, site, restarted, byMail } = await seen(t);
  const waits = { kind: 'later', reason: 'pinned_native' } as const;
  const service = '_beckon._tcp.a.test';
  const mx: DnsRecord = { type: 'MX', name: 'a.test', priority: 1, exchange: 'mx.a.test' };
  const others = site.zone.filter(({ type }) => type !== 'SRV');
  const target = site.zone.map((record) => (record.type === 'SRV' ? { ...record, target: '.' } : record));
  const ways: readonly (readonly DnsRecord[])[] = [
    [...others, mx],
    [...others, mx, { type: 'TXT', name: service, text: 'else' }],
    [...target, mx],
    [mx],
    [],
  ];
  for (const way of ways) {
    zone(...way);
    t.deepEqual(await restarted().users.user(address), waits);
  }
  zone(...site.zone);
  byMail();
  t.deepEqual(await restarted().users.user(address), waits);
});

test('a signing key that is newer than our copy makes the domain record be read again', async (t) => {
  const { users, domains, site, clock, serve } = await start(t);
  await domains.domain('a.test');
  clock.advance(60);
  const { identity, recoveryHash, domain } = site.keys;
  if (!identity) return t.fail();
  const at = clock.seconds();
  const signing = createKeyPair(domain, 'domainSigning', systemRandom, {
    notBefore: at,
    notAfter: at + 30 * day,
  });
  const mandate = signMandate({
    domain,
    identity,
    signingKeys: [signing],
    recoveryHash,
    previousSerial: now,
    now: at,
  });
  const others = site.keys.keys.filter(({ use }) => use !== 'domainSigning');
  const rotated = { ...site.keys, mandate, keys: [signing, ...others] };
  serve({ by: rotated });
  t.deepEqual(await users.user(address), { kind: 'later', reason: 'key_unknown' });
  site.routes.set('domains/a.test', found(recordAnswer(rotated, at, at)));
  clock.advance(30);
  t.like(await users.user(address), { kind: 'native', domain: { record: { serial: at } } });
  t.is(site.asked(), 3);
});

test('while the domain cannot be asked the record serves until its listing expires', async (t) => {
  const { users, site, clock } = await seen(t);
  site.routes.set(path, failed(503, 'unavailable'));
  t.like(await users.user(address), { kind: 'native', stale: true });
  clock.advance(7 * day + 1);
  site.publish();
  t.deepEqual(await users.user(address), { kind: 'later', reason: 'unavailable' });
});

test('failures put the next look-up off ever longer, but for who has just had an answer of the domain', async (t) => {
  const { users, site, clock, serve } = await start(t);
  site.routes.set(path, failed(503, 'unavailable'));
  const unavailable = { kind: 'later', reason: 'unavailable' } as const;
  for (const seconds of [5, 10, 20]) {
    t.deepEqual(await users.user(address), unavailable);
    clock.advance(seconds);
  }
  t.deepEqual(await users.user(address), unavailable);
  t.is(site.asked(path), 4);
  serve();
  const answers = { domainAnswers: true };
  t.deepEqual(
    await users.user(address, answers),
    unavailable,
    'not at once: who answers may still fail at this',
  );
  clock.advance(5);
  t.deepEqual(await users.user(address), unavailable);
  t.is(site.asked(path), 4);
  t.like(await users.user(address, answers), { kind: 'native' });
  t.like(await users.user(address), { kind: 'native' });
  t.is(site.asked(path), 5);
});

test('confirm pins before first sight, marks a pin, and refuses another identity', async (t) => {
  const { users, keys, discover } = await start(t);
  await users.confirm(address, keys.identityFingerprint);
  t.like(await discover(address), { kind: 'native', trust: { level: 'direct' } });
  const other = userKeys().identityFingerprint;
  await t.throwsAsync(users.confirm(address, other), { code: 'fingerprint_mismatch' });
  t.like(await users.pin(address), { compared: true, fingerprint: keys.identityFingerprint });
});
