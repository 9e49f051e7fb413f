import test from 'ava';
import { systemRandom } from '../../src/crypto/random.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import type { DomainKeys } from '../../src/keys/domain-keys.ts';
import { encodeDomainAnswer, signDomainRecord } from '../../src/keys/domain-record.ts';
import { signMandate } from '../../src/keys/mandate.ts';
import { domainAnswer } from '../../src/wire/keys.ts';
import { decode } from '../../src/wire/schema.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { answer, endless, failed, found, ours, recordAnswer, startWorld, zoneOf } from './world.ts';
import type { Route, Site, World } from './world.ts';

const day = 86_400;

test('a native domain is verified, pinned and read once an hour', async (t) => {
  const { domains, clock, addSite } = await startWorld(t);
  const site = await addSite();
  const first = await domains.domain('a.test');
  if (first.kind !== 'native') return t.fail(first.kind);
  t.deepEqual(first.record.fingerprint, site.keys.fingerprint);
  t.deepEqual(first.targets, [{ host: 'post.hoster.test', port: site.server.port }]);
  t.deepEqual(first.udpTargets, [{ host: 'post.hoster.test', port: 4620 }]);
  t.deepEqual(first.trust, { level: 'dns', reasons: ['first_sight', 'txt_matches', 'dnssec_absent'] });
  t.like(await domains.pin('a.test'), { since: clock.seconds(), compared: false });

  clock.advance(3599);
  t.is(await domains.domain('a.test'), first);
  t.is(site.asked(), 1);
  clock.advance(1);
  t.like(await domains.domain('a.test'), {
    kind: 'native',
    trust: { reasons: ['pinned', 'txt_matches', 'dnssec_absent'] },
  });
  t.is(site.asked(), 2);
  t.is((await domains.pin('a.test'))?.since, clock.seconds() - 3600);
});

test('callers at the same time share one look-up', async (t) => {
  const { domains, addSite } = await startWorld(t);
  const site = await addSite();
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => domains.domain('a.test')));
  t.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(['native']));
  t.is(site.asked(), 1);
});

test('a restart finds what was cached and asks nobody', async (t) => {
  const { domains, dns, clock, restarted, addSite } = await startWorld(t);
  const site = await addSite();
  await domains.domain('a.test');
  const questions = dns.questions.length;
  const again = restarted().domains;
  t.deepEqual((await again.known('a.test'))?.fingerprint, site.keys.fingerprint);
  t.like(await again.domain('a.test'), {
    kind: 'native',
    stale: false,
    targets: [{ host: 'post.hoster.test' }],
  });
  t.is(dns.questions.length, questions);
  t.is(site.asked(), 1);

  clock.advance(2 * day);
  t.truthy(await restarted().domains.known('a.test'), 'due to be read again, and valid still');
  t.truthy(await again.known('a.test'));
  t.is(await restarted().domains.known('unheard.test'), undefined);
  clock.advance(6 * day);
  t.is(await restarted().domains.known('a.test'), undefined, 'expired');
  t.is(await again.known('a.test'), undefined);
  t.is(site.asked(), 1);
});

test('legacy and none come from DNS alone, and are believed for five minutes', async (t) => {
  const { domains, dns, clock, zone } = await startWorld(t);
  zone({ type: 'MX', name: 'mail.test', priority: 10, exchange: 'mx.mail.test' });
  t.deepEqual(await domains.domain('mail.test'), {
    kind: 'legacy',
    dnssec: false,
    mx: [{ host: 'mx.mail.test', priority: 10 }],
  });
  t.deepEqual(await domains.domain('nothing.test'), { kind: 'none', reason: 'no_such_domain' });
  const questions = dns.questions.length;
  await domains.domain('mail.test');
  await domains.domain('nothing.test');
  t.is(dns.questions.length, questions);
  clock.advance(300);
  t.like(await domains.domain('mail.test'), { kind: 'legacy' });
  t.true(dns.questions.length > questions);
});

test('later is not absent, and is asked again with growing gaps', async (t) => {
  const { domains, dns, clock, zone } = await startWorld(t);
  zone({ type: 'MX', name: 'mail.test', priority: 10, exchange: 'mx.mail.test' });
  dns.fail('_beckon._tcp.mail.test', 'servfail');
  const asked = async () => {
    const before = dns.questions.length;
    t.deepEqual(await domains.domain('mail.test'), { kind: 'later', reason: 'servfail' });
    return dns.questions.length > before;
  };
  t.true(await asked());
  for (const gap of [5, 10, 20, 40]) {
    clock.advance(gap - 1);
    t.false(await asked());
    clock.advance(1);
    t.true(await asked());
  }
  dns.fail('_beckon._tcp.mail.test', null);
  clock.advance(900);
  t.like(await domains.domain('mail.test'), { kind: 'legacy' });
});

test('a name that is not canonical is refused before anyone is asked', async (t) => {
  const { domains, dns } = await startWorld(t);
  for (const name of ['A.test', 'a.test.', 'a', 'a.test/../b']) {
    await t.throwsAsync(domains.domain(name), { code: 'domain_invalid' });
    await t.throwsAsync(domains.refresh(name, 0), { code: 'domain_invalid' });
  }
  t.deepEqual(dns.questions, []);
});

const now = 1_800_000_000;
const otherKeys = (domain = 'a.test') => createDomainKeys(domain, now, systemRandom).keys;

function corrupted(keys: DomainKeys): Uint8Array {
  const { record } = decode(domainAnswer, recordAnswer(keys, now, now));
  const last = record.length - 1;
  return encodeDomainAnswer(record.map((byte, i) => (i === last ? byte ^ 1 : byte)));
}

function withRevokedSigner(keys: DomainKeys): DomainKeys {
  const { domain, identity, recoveryHash } = keys;
  const signingKeys = keys.keys.filter(({ use }) => use === 'domainSigning');
  if (!identity) throw new Error('no identity key');
  const revoked = signingKeys.map(({ id }) => id);
  return { ...keys, mandate: signMandate({ domain, identity, signingKeys, revoked, recoveryHash, now }) };
}

const rejections: Record<string, (site: Site) => Route> = {
  // What is not an answer of this protocol.
  cbor_type: () => found(Uint8Array.of(0x80)),
  cbor_truncated: () => found(Uint8Array.of(0xa2, 0x01)),
  foreign_answer: ({ keys }) => answer(200, 'text/html', recordAnswer(keys, now, now)),
  http_404: () => answer(404, 'text/html', 'not here'),
  http_502: () => answer(502, ours, 'garbage'),
  not_served: () => failed(404, 'not_found'),
  unavailable: () => failed(503, 'unavailable'),
  too_large: () => endless(),
  // What is one, and does not hold.
  fingerprint_mismatch: () => found(recordAnswer(otherKeys(), now, now)),
  signature_invalid: ({ keys }) => found(corrupted(keys)),
  key_unknown: ({ keys }) => found(recordAnswer({ ...keys, keys: otherKeys().keys }, now, now)),
  key_not_active: ({ keys }) => found(recordAnswer(withRevokedSigner(keys), now, now)),
  record_expired: ({ keys }) => found(recordAnswer(keys, now - 8 * day, now - 8 * day)),
  record_invalid: ({ keys }) => found(recordAnswer(keys, now, now + 7200)),
};

for (const [reason, route] of Object.entries(rejections)) {
  test(`an answer is refused: ${reason}`, async (t) => {
    const { domains, addSite } = await startWorld(t);
    const site = await addSite();
    site.routes.set('domains/a.test', route(site));
    t.deepEqual(await domains.domain('a.test'), { kind: 'later', reason });
    t.is(await domains.pin('a.test'), undefined);
  });
}

test('an answer about another domain is refused: record_mismatch', async (t) => {
  const { domains, zone, addSite } = await startWorld(t);
  const site = await addSite();
  const other = otherKeys('b.test');
  site.publish(now, other);
  zone(...zoneOf('a.test', site.server.port, other.fingerprint));
  t.deepEqual(await domains.domain('a.test'), { kind: 'later', reason: 'record_mismatch' });
});

test('a domain that cannot be reached is later', async (t) => {
  const { domains, addSite } = await startWorld(t);
  const site = await addSite();
  await site.server.close();
  t.deepEqual(await domains.domain('a.test'), { kind: 'later', reason: 'network_failed' });
});

/** Seen natively, then an hour passes, so that the next look-up reads the record again. */
async function seen(world: World): Promise<Site> {
  const site = await world.addSite();
  await world.domains.domain('a.test');
  world.clock.advance(3600);
  return site;
}

test('an older record is refused, also by a process that did not see the newer one', async (t) => {
  const world = await startWorld(t);
  const site = await seen(world);
  site.publish(now - 1);
  t.deepEqual(await world.domains.domain('a.test'), { kind: 'later', reason: 'record_rollback' });
  t.deepEqual(await world.restarted().domains.domain('a.test'), { kind: 'later', reason: 'record_rollback' });
});

test('another record with the same serial is an alarm', async (t) => {
  const world = await startWorld(t);
  const site = await seen(world);
  site.publish(now);
  t.deepEqual(await world.domains.domain('a.test'), { kind: 'later', reason: 'trust_changed' });
  t.true(world.logged.includes('error directory.record_refused trust_changed'));
});

test('another identity waits for a word, however often it is asked', async (t) => {
  const world = await startWorld(t);
  const site = await seen(world);
  const next = otherKeys();
  site.publish(world.clock.seconds(), next);
  world.zone(...zoneOf('a.test', site.server.port, next.fingerprint));
  const changed = {
    kind: 'changed',
    pinned: site.keys.fingerprint,
    offered: next.fingerprint,
    since: now,
  } as const;
  t.deepEqual(await world.domains.domain('a.test'), changed);
  const { domains } = world.restarted();
  t.deepEqual(await domains.domain('a.test'), changed);
  t.deepEqual((await domains.pin('a.test'))?.fingerprint, site.keys.fingerprint);

  await domains.acceptChange('a.test', next.fingerprint);
  t.like(await domains.domain('a.test'), { kind: 'native', record: { fingerprint: next.fingerprint } });
});

test('another identity that DNS does not name either is no change but a forgery', async (t) => {
  const world = await startWorld(t);
  const site = await seen(world);
  site.publish(world.clock.seconds(), otherKeys());
  t.deepEqual(await world.domains.domain('a.test'), { kind: 'later', reason: 'fingerprint_mismatch' });
});

test('the pinned identity is believed though TXT names another, and the trust says so', async (t) => {
  const world = await startWorld(t);
  const site = await seen(world);
  site.publish();
  world.zone(...zoneOf('a.test', site.server.port, otherKeys().fingerprint));
  t.like(await world.domains.domain('a.test'), {
    kind: 'native',
    trust: { level: 'none', reasons: ['pinned', 'txt_differs'] },
  });
});

test('a strange certificate is refused at first sight and does not matter afterwards', async (t) => {
  const world = await startWorld(t);
  const stranger = await createTestAuthority();
  const site = await world.addSite('a.test', { authority: stranger });
  t.deepEqual(await world.domains.domain('a.test'), { kind: 'later', reason: 'tls_failed' });
  await world.domains.confirm('a.test', site.keys.fingerprint);
  t.like(await world.domains.domain('a.test'), { kind: 'native', trust: { level: 'direct' } });
});

test('a pinned domain never becomes legacy by itself', async (t) => {
  const world = await startWorld(t);
  const site = await seen(world);
  const gone = { kind: 'later', reason: 'pinned_native' } as const;
  world.zone({ type: 'MX', name: 'a.test', priority: 1, exchange: 'mx.a.test' });
  t.deepEqual(await world.domains.domain('a.test'), gone);
  t.true(world.logged.includes('warn directory.pinned_native'));
  world.zone();
  t.deepEqual(await world.restarted().domains.domain('a.test'), gone);

  await world.domains.forget('a.test');
  t.deepEqual(await world.domains.domain('a.test'), { kind: 'none', reason: 'no_such_domain' });
  world.zone(...site.zone);
  world.clock.advance(300);
  t.like(await world.domains.domain('a.test'), { kind: 'native' });
});

test('while a pinned domain cannot be asked its record serves until it expires', async (t) => {
  const world = await startWorld(t);
  const site = await seen(world);
  world.dns.fail('_beckon._tcp.a.test', 'servfail');
  t.like(await world.domains.domain('a.test'), { kind: 'native', stale: true });
  world.dns.fail('_beckon._tcp.a.test', null);
  await site.server.close();
  world.clock.advance(900);
  t.like(await world.domains.domain('a.test'), { kind: 'native', stale: true });
  world.clock.advance(7 * day);
  t.deepEqual(await world.domains.domain('a.test'), { kind: 'later', reason: 'network_failed' });
});

test('a higher serial makes the record be read again, twice a minute at most', async (t) => {
  const { domains, clock, addSite } = await startWorld(t);
  const site = await addSite();
  await domains.domain('a.test');
  clock.advance(10);
  site.publish();
  t.like(await domains.refresh('a.test', now), { kind: 'native', record: { serial: now } });
  t.is(site.asked(), 1);
  t.like(await domains.refresh('a.test', now + 10), { kind: 'native', record: { serial: now + 10 } });
  t.is(site.asked(), 2);
  await domains.refresh('a.test', now + day);
  t.is(site.asked(), 2);
  clock.advance(30);
  await domains.refresh('a.test', now + day);
  t.is(site.asked(), 3);
  t.is((await domains.known('a.test'))?.serial, now + 10);
});

test('confirm pins before first sight, marks a pin, and refuses another identity', async (t) => {
  const { domains, addSite } = await startWorld(t);
  const site = await addSite();
  await domains.domain('a.test');
  const other = otherKeys().fingerprint;
  await t.throwsAsync(domains.confirm('a.test', other), { code: 'fingerprint_mismatch' });
  await domains.confirm('a.test', site.keys.fingerprint);
  t.like(await domains.domain('a.test'), {
    trust: { level: 'direct', reasons: ['compared', 'pinned', 'txt_matches', 'dnssec_absent'] },
  });
  await domains.forget('a.test');
  await domains.confirm('a.test', other);
  t.like(await domains.domain('a.test'), { kind: 'changed', pinned: other, offered: site.keys.fingerprint });
});

test('a look-up under way does not write over a word given meanwhile', async (t) => {
  const world = await startWorld(t);
  const site = await seen(world);
  const next = otherKeys().fingerprint;
  const record = recordAnswer(site.keys, world.clock.seconds(), world.clock.seconds());
  let accepted: Promise<void> | undefined;
  site.routes.set('domains/a.test', (response) => {
    accepted = world.domains.acceptChange('a.test', next);
    setImmediate(() => found(record)(response));
  });
  await world.domains.domain('a.test');
  await accepted;
  t.deepEqual((await world.domains.pin('a.test'))?.fingerprint, next);
});

test('a newer record moves the pin on', async (t) => {
  const world = await startWorld(t);
  const site = await seen(world);
  const { keys } = site;
  const serial = world.clock.seconds();
  const record = signDomainRecord({ keys, serial, contact: 'new@hoster.test', now: serial });
  site.routes.set('domains/a.test', found(encodeDomainAnswer(record)));
  t.like(await world.domains.domain('a.test'), { record: { contact: 'new@hoster.test' } });
  t.like(await world.domains.pin('a.test'), {
    since: now,
    recordSerial: serial,
    mandateSerial: now - 30 * day,
  });
});
