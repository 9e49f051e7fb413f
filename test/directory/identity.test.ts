/** Changes of a domain's identity, leaving, and parents, as those see them who pinned the domain. */
import test from 'ava';
import { base64urlnopad } from '@scure/base';
import type { Secret } from '../../src/crypto/secret.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { ed25519Public } from '../../src/crypto/sign.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { formatDomainTxt } from '../../src/dns/domain-txt.ts';
import { createDomainKeys, type DomainKeys } from '../../src/keys/domain-keys.ts';
import { encodeDomainAnswer, signDomainRecord } from '../../src/keys/domain-record.ts';
import { recoveryHash } from '../../src/keys/fingerprints.ts';
import { signGone } from '../../src/keys/gone.ts';
import {
  createIdentity,
  prepareIdentity,
  replaceRecovery,
  takeIdentity,
} from '../../src/keys/identity-life.ts';
import type { KeyPair } from '../../src/keys/key-pair.ts';
import { readMandate, signMandate } from '../../src/keys/mandate.ts';
import { signParentSignature } from '../../src/keys/parent-signature.ts';
import { servedAttachments } from '../../src/keys/served-attachments.ts';
import { bool, encode, field, record } from '../../src/wire/schema.ts';
import { hash, serial, time } from '../../src/wire/items.ts';
import { found, startWorld, type Site, type World } from './world.ts';

const now = 1_800_000_000;
const day = 86_400;
const domain = 'a.test';

interface Seen extends World {
  readonly site: Site;
  readonly keys: DomainKeys;
  readonly recovery: Secret;
  /** Serves the record of these keys with what goes beside it, an hour later. */
  serve(keys: DomainKeys): void;
  /** Publishes these ids, and `gone`. */
  txt(fingerprints: readonly Uint8Array[], gone?: Uint8Array): void;
}

/** A domain that was seen natively. */
async function seen(t: Parameters<typeof startWorld>[0]): Promise<Seen> {
  const world = await startWorld(t);
  const site = await world.addSite();
  const { keys, recovery } = createDomainKeys(domain, now - 30 * day, random);
  const text = (fingerprints: readonly Uint8Array[], gone: Uint8Array | undefined): DnsRecord => ({
    type: 'TXT',
    name: `_beckon.${domain}`,
    text: formatDomainTxt({ fingerprints: [...fingerprints], gone: gone ?? null }),
  });
  const others = site.zone.filter(({ type }) => type !== 'TXT');
  const seen: Seen = {
    ...world,
    site,
    keys,
    recovery,
    serve(served) {
      world.clock.advance(3600);
      const at = world.clock.seconds();
      const signed = signDomainRecord({ keys: served, serial: at, contact: 'a@a.test', now: at });
      site.routes.set(`domains/${domain}`, found(encodeDomainAnswer(signed, servedAttachments(served, at))));
    },
    txt: (fingerprints, gone) => world.zone(...others, text(fingerprints, gone)),
  };
  seen.txt([keys.fingerprint]);
  seen.serve(keys);
  t.like(await world.domains.domain(domain), { kind: 'native', history: [], leaving: false });
  return seen;
}

const identityOf = ({ identity }: DomainKeys): KeyPair => {
  if (identity === undefined) throw new Error('no identity key');
  return identity;
};

function succeeded(keys: DomainKeys, by: 'identity' | Secret, at = now): DomainKeys {
  const parts = { now: at, random };
  const nextRecovery = recoveryHash(ed25519Public(random(32)));
  const authority =
    by === 'identity'
      ? ({ by, identity: identityOf(keys) } as const)
      : ({ by: 'recovery', seed: by, nextRecovery } as const);
  const prepared = prepareIdentity(keys, createIdentity(domain, parts), authority, {
    keepHere: true,
    now: at,
  });
  return takeIdentity(prepared, undefined, parts);
}

test('an orderly change of identity does not wait: the pin moves on and says when and by which key', async (t) => {
  const { domains, restarted, clock, keys, serve, txt } = await seen(t);
  await domains.confirm(domain, keys.fingerprint);
  await domains.domain(domain);
  const next = succeeded(keys, 'identity', now + 7);
  txt([keys.fingerprint, next.fingerprint]);
  serve(next);
  const outcome = await domains.domain(domain);
  const event = {
    kind: 'identity',
    by: 'identity',
    from: keys.fingerprint,
    to: next.fingerprint,
    noticed: clock.seconds(),
    made: now + 7,
  } as const;
  t.like(outcome, { kind: 'native', record: { fingerprint: next.fingerprint }, trust: { level: 'direct' } });
  if (outcome.kind === 'native') t.deepEqual(outcome.history, [event]);
  const again = await restarted().domains.domain(domain);
  if (again.kind === 'native') t.deepEqual(again.history, [event]);
  t.like(await domains.pin(domain), { since: now + 3600, compared: true, fingerprint: next.fingerprint });
});

test('an invitation from before an orderly change is as good as one from after it', async (t) => {
  const { domains, keys, serve, txt } = await seen(t);
  const next = succeeded(keys, 'identity');
  txt([next.fingerprint]);
  serve(next);
  await domains.domain(domain);
  await domains.confirm(domain, keys.fingerprint);
  t.like(await domains.domain(domain), {
    record: { fingerprint: next.fingerprint },
    trust: { level: 'direct' },
  });
  const other = createDomainKeys(domain, now, random).keys.fingerprint;
  await t.throwsAsync(domains.confirm(domain, other), { code: 'fingerprint_mismatch' });

  // Also where it is the first that is heard of the domain.
  await domains.forget(domain);
  await domains.confirm(domain, keys.fingerprint);
  t.like(await domains.domain(domain), {
    record: { fingerprint: next.fingerprint },
    trust: { level: 'direct' },
  });
});

test('a new identity counts once TXT names it, and the old one goes on until then', async (t) => {
  const { domains, clock, keys, serve, txt } = await seen(t);
  const next = succeeded(keys, 'identity');
  serve(next);
  t.deepEqual(await domains.domain(domain), { kind: 'later', reason: 'fingerprint_mismatch' });
  t.deepEqual((await domains.pin(domain))?.fingerprint, keys.fingerprint);
  txt([next.fingerprint, keys.fingerprint]);
  clock.advance(5);
  t.like(await domains.domain(domain), { kind: 'native', record: { fingerprint: next.fingerprint } });
});

test('what the recovery key signs leads back from where a thief had led', async (t) => {
  const { domains, clock, keys, recovery, serve, txt } = await seen(t);
  const stolen = succeeded(keys, 'identity');
  txt([stolen.fingerprint]);
  serve(stolen);
  t.like(await domains.domain(domain), { kind: 'native', record: { fingerprint: stolen.fingerprint } });

  const owners = succeeded(keys, recovery);
  txt([stolen.fingerprint, owners.fingerprint]);
  serve(owners);
  const back = await domains.domain(domain);
  t.like(back, { kind: 'native', record: { fingerprint: owners.fingerprint } });
  if (back.kind === 'native')
    t.deepEqual(
      back.history.map((event) => event.kind === 'identity' && event.by),
      ['identity', 'recovery'],
    );

  // The thief goes on, with TXT naming both still: nobody is led away, nor asked.
  for (const thiefs of [stolen, keys]) {
    clock.advance(900);
    serve(thiefs);
    t.deepEqual(await domains.domain(domain), { kind: 'later', reason: 'record_rollback' });
  }
  clock.advance(900);
  serve(succeeded(stolen, 'identity'));
  t.deepEqual(await domains.domain(domain), { kind: 'later', reason: 'fingerprint_mismatch' });
  t.deepEqual((await domains.pin(domain))?.fingerprint, owners.fingerprint);
});

test('who was away for several changes follows them all', async (t) => {
  const { domains, clock, keys, recovery, serve, txt } = await seen(t);
  const latest = succeeded(succeeded(succeeded(keys, 'identity'), recovery), 'identity');
  txt([latest.fingerprint]);
  clock.advance(1000 * day);
  const signing = readMandate(latest.mandate).signingKeys.length;
  t.is(signing, 2);
  const fresh = createDomainKeys(domain, clock.seconds(), random).keys;
  const renewed = {
    ...latest,
    keys: fresh.keys,
    mandate: signMandate({
      domain,
      identity: identityOf(latest),
      signingKeys: fresh.keys.filter(({ use }) => use === 'domainSigning'),
      recoveryHash: latest.recoveryHash,
      now: clock.seconds(),
    }),
  };
  serve(renewed);
  t.like(await domains.domain(domain), { kind: 'native', record: { fingerprint: latest.fingerprint } });
  t.is((await domains.pin(domain))?.history?.length, 2, 'the first is needless: the recovery key decided');
});

test('another recovery key is an alarm unless the one before signed it', async (t) => {
  const { domains, clock, keys, recovery, serve, logged } = await seen(t);
  const nextRecovery = recoveryHash(ed25519Public(random(32)));
  const changed = replaceRecovery(
    keys,
    identityOf(keys),
    { by: 'recovery', seed: recovery, nextRecovery },
    { now },
  );
  serve({ ...changed, changes: [] });
  t.deepEqual(await domains.domain(domain), { kind: 'later', reason: 'trust_changed' });
  t.true(logged.includes('error directory.record_refused trust_changed'));
  clock.advance(900);
  serve(changed);
  const outcome = await domains.domain(domain);
  t.like(outcome, { kind: 'native' });
  if (outcome.kind === 'native')
    t.deepEqual(outcome.history, [{ kind: 'recovery_key', noticed: clock.seconds(), made: now }]);
});

test('another escrow policy is reported', async (t) => {
  const { domains, clock, keys, serve } = await seen(t);
  const mandate = signMandate({
    domain,
    identity: identityOf(keys),
    signingKeys: keys.keys.filter(({ use }) => use === 'domainSigning'),
    recoveryHash: keys.recoveryHash,
    escrow: true,
    now,
  });
  serve({ ...keys, mandate });
  const outcome = await domains.domain(domain);
  if (outcome.kind !== 'native') return t.fail(outcome.kind);
  t.deepEqual(outcome.history, [{ kind: 'escrow', escrow: true, noticed: clock.seconds() }]);
});

test('a pin from before these things were kept still reads, and learns them', async (t) => {
  const { domains, cache, keys, serve, txt, restarted } = await seen(t);
  const pin = await domains.pin(domain);
  if (pin === undefined) return t.fail();
  const before = record('domain-pin', {
    fingerprint: field(1, hash),
    since: field(2, time),
    compared: field(3, bool),
    mandateSerial: field(4, serial),
    mandateHash: field(5, hash),
    recordSerial: field(6, serial),
    recordHash: field(7, hash),
  });
  const { fingerprint, since, compared, mandateSerial, mandateHash, recordSerial, recordHash } = pin;
  const old = { fingerprint, since, compared, mandateSerial, mandateHash, recordSerial, recordHash };
  await cache.put(`domain-pin:${domain}`, encode(before, old));
  const after = restarted().domains;
  t.deepEqual((await after.pin(domain))?.recoveryHash, undefined);
  serve(keys);
  t.like(await after.domain(domain), { kind: 'native', history: [] });
  t.deepEqual((await after.pin(domain))?.recoveryHash, keys.recoveryHash);

  await cache.put(`domain-pin:${domain}`, encode(before, old));
  const next = succeeded(keys, 'identity');
  txt([next.fingerprint]);
  serve(next);
  t.like(await restarted().domains.domain(domain), {
    kind: 'native',
    record: { fingerprint: next.fingerprint },
  });
});

test('a change that somebody accepted by word stands in the history, and may be taken back', async (t) => {
  const { domains, clock, keys, serve, txt } = await seen(t);
  const { keys: other } = createDomainKeys(domain, now, random);
  txt([other.fingerprint]);
  serve(other);
  t.like(await domains.domain(domain), { kind: 'changed', offered: other.fingerprint });
  await domains.acceptChange(domain, other.fingerprint);
  const outcome = await domains.domain(domain);
  t.like(outcome, { kind: 'native', history: [{ kind: 'identity', by: 'word' }] });
  txt([keys.fingerprint]);
  clock.advance(900);
  serve(keys);
  t.like(await domains.domain(domain), { kind: 'changed', offered: keys.fingerprint });
});

test('a domain that leaves is native and leaving, then gone for good, and never legacy by itself', async (t) => {
  const { domains, restarted, clock, zone, keys, serve, txt } = await seen(t);
  const gone = signGone(domain, identityOf(keys).secret, now);
  txt([keys.fingerprint], gone);
  serve(keys);
  const leaving = await domains.domain(domain);
  t.like(leaving, { kind: 'native', leaving: true });
  if (leaving.kind === 'native') t.true(leaving.trust.reasons.includes('leaving'));
  t.like(await restarted().domains.domain(domain), { kind: 'native', leaving: true });

  clock.advance(3600);
  const text = formatDomainTxt({ fingerprints: [], gone });
  zone(
    { type: 'TXT', name: `_beckon.${domain}`, text },
    { type: 'MX', name: domain, priority: 1, exchange: 'mx.a.test' },
  );
  t.deepEqual(await domains.domain(domain), { kind: 'none', reason: 'left' });
  t.deepEqual(await restarted().domains.domain(domain), { kind: 'none', reason: 'left' });

  // It comes back: a later mandate, and the old `gone` counts no more.
  clock.advance(300);
  const back = signMandate({
    domain,
    identity: identityOf(keys),
    signingKeys: keys.keys.filter(({ use }) => use === 'domainSigning'),
    recoveryHash: keys.recoveryHash,
    now: clock.seconds(),
  });
  txt([keys.fingerprint], gone);
  serve({ ...keys, mandate: back });
  t.like(await domains.domain(domain), { kind: 'native', leaving: false });
});

test('a forged or damaged gone is reported and counts for nothing', async (t) => {
  const { domains, clock, zone, keys, serve, txt, logged } = await seen(t);
  const other = createIdentity(domain, { now, random });
  const good = signGone(domain, identityOf(keys).secret, now);
  const forged = [
    signGone(domain, other.secret, now),
    signGone('b.test', identityOf(keys).secret, now),
    good.map((byte, i) => (i === 30 ? byte ^ 1 : byte)),
    signGone(domain, identityOf(keys).secret, now - 31 * day),
  ];
  for (const gone of forged) {
    txt([keys.fingerprint], gone);
    serve(keys);
    const outcome = await domains.domain(domain);
    t.like(outcome, { kind: 'native', leaving: false });
    if (outcome.kind === 'native') t.true(outcome.trust.reasons.includes('gone_refused'));
    clock.advance(3600);
    zone({ type: 'TXT', name: `_beckon.${domain}`, text: formatDomainTxt({ fingerprints: [], gone }) });
    t.deepEqual(await domains.domain(domain), { kind: 'later', reason: 'pinned_native' });
    clock.advance(900);
  }
  t.deepEqual(
    logged.filter((line) => line.includes('gone_refused')),
    ['signature_invalid', 'signature_invalid', 'signature_invalid', 'record_rollback'].flatMap((code) => [
      `warn directory.gone_refused ${code}`,
      `warn directory.gone_refused ${code}`,
    ]),
  );
});

test('a parent that signed the identity makes the trust a chain, as long as TXT of the parent names its key', async (t) => {
  const { domains, restarted, clock, dns, zone, site, keys, serve } = await seen(t);
  const parent = createIdentity('test', { now, random });
  const named = createDomainKeys('test.test', now, random).keys.fingerprint;
  const until = now + 20 * 3600;
  const content = { domain, fingerprint: keys.fingerprint, parent: 'test', identity: parent, now };
  const signed = signParentSignature({ ...content, expires: until });
  const parentTxt = (fingerprint: Uint8Array): DnsRecord => ({
    type: 'TXT',
    name: '_beckon.test',
    text: `v=beckon1; id=${base64urlnopad.encode(fingerprint)}`,
  });
  const own: DnsRecord[] = site.zone.map((each) =>
    each.type === 'TXT'
      ? { ...each, text: formatDomainTxt({ fingerprints: [keys.fingerprint], gone: null }) }
      : each,
  );
  const { fingerprint } = {
    fingerprint: new Uint8Array(await crypto.subtle.digest('SHA-256', parent.publicKey.slice())),
  };
  const trusted = async () => {
    serve({ ...keys, parents: [signed] });
    const outcome = await domains.domain(domain);
    return outcome.kind === 'native' ? outcome.trust : t.fail(outcome.kind);
  };

  zone(...own, parentTxt(fingerprint));
  t.deepEqual(await trusted(), {
    level: 'chain',
    reasons: ['parent_signed', 'pinned', 'txt_matches', 'dnssec_absent'],
  });
  t.like(await restarted().domains.domain(domain), { trust: { level: 'chain' } });
  zone(...own, parentTxt(named));
  t.like(await trusted(), { level: 'dns', reasons: ['parent_refused', 'pinned'] });
  zone(...own);
  t.like(await trusted(), { level: 'dns', reasons: ['parent_refused', 'pinned'] });
  dns.fail('_beckon.test', 'servfail');
  t.like(await trusted(), { level: 'dns', reasons: ['parent_unknown', 'pinned'] });
  dns.fail('_beckon.test', null);

  // Served for another identity, or damaged: `servedAttachments` would not, a liar does.
  const at = clock.seconds() + 3600;
  clock.advance(3600);
  const flipped = signed.map((byte, i) => (i === signed.length - 1 ? byte ^ 1 : byte));
  const answer = signDomainRecord({ keys, serial: at, contact: 'a@a.test', now: at });
  site.routes.set(`domains/${domain}`, found(encodeDomainAnswer(answer, [[1, flipped]])));
  zone(...own, parentTxt(fingerprint));
  t.like(await domains.domain(domain), { trust: { level: 'dns', reasons: ['parent_refused', 'pinned'] } });
});
