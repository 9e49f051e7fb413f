import test from 'ava';
import { createDomainKeys, type DomainKey, type DomainKeys } from '../../src/keys/domain-keys.ts';
import { advanceWorkingKeys, forgottenKeys, overlapOf, rotatingUses } from '../../src/keys/domain-life.ts';
import { domainKeysFromJson, workingKeysToJson } from '../../src/keys/domain-key-file.ts';
import { revokeDomainKey, rotateDomainKeys } from '../../src/keys/key-changes.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { findKey, selectKey } from '../../src/keys/key-pair.ts';
import { identityWanted, reportKeys } from '../../src/keys/key-report.ts';
import { appointSigning, mandateEnd, signingIsDue } from '../../src/keys/signing-life.ts';
import { signDomainRecord, verifyDomainRecord, type VerifiedDomain } from '../../src/keys/domain-record.ts';
import { usableKey } from '../../src/keys/published-key.ts';
import { times } from '../../src/wire/registry.ts';
import { now as start, seededRandom, thrown } from '../support/identities.ts';

const day = 86_400;
const hour = 3600;
const rotation = 30 * day;
const random = seededRandom('life');
const advance = (keys: DomainKeys, now: number): DomainKeys =>
  advanceWorkingKeys(keys, { now, random, rotation });

function fresh(seed = 'a domain'): DomainKeys {
  return createDomainKeys('life.test', start, seededRandom(seed)).keys;
}

/** Hour by hour; `each` sees every change. */
function live(
  keys: DomainKeys,
  from: number,
  until: number,
  each: (keys: DomainKeys, now: number) => void = () => {},
): DomainKeys {
  let living = keys;
  for (let now = from; now <= until; now += hour) {
    const next = advance(living, now);
    if (next !== living) each(next, now);
    living = next;
  }
  return living;
}

function published(keys: DomainKeys, now: number): VerifiedDomain {
  const record = signDomainRecord({ keys, serial: now, contact: 'x@life.test', now });
  return verifyDomainRecord(record, { domain: 'life.test', fingerprints: [keys.fingerprint], now });
}

const ofUse = (keys: DomainKeys, use: DomainKey['use'], status?: DomainKey['status']): DomainKey[] =>
  keys.keys.filter((key) => key.use === use && (status === undefined || key.status === status));

for (const use of rotatingUses)
  test(`${use}: published pending for 8 days, used for 30, usable for its overlap, then forgotten`, (t) => {
    const seen = new Map<string, Record<string, number>>();
    const note = (name: string, status: string, now: number): void => {
      const life = seen.get(name) ?? {};
      life[status] ??= now;
      seen.set(name, life);
    };
    let last: DomainKeys = fresh();
    live(last, start, start + 300 * day, (keys, now) => {
      for (const key of ofUse(keys, use)) note(key.id.toString(), key.status, now);
      for (const key of forgottenKeys(last, keys))
        if (key.use === use) note(key.id.toString(), 'forgotten', now);
      t.is(ofUse(keys, use, 'active').length, 1, 'there is always one to use');
      t.true(ofUse(keys, use, 'pending').length <= 1);
      last = keys;
    });
    const lives = [...seen.values()];
    t.true(lives.length >= 10, `${lives.length}`);
    const whole = lives.filter((life) => life['forgotten'] !== undefined);
    t.true(whole.length >= 5);
    for (const life of whole.slice(1)) {
      const { pending = 0, active = 0, retired = 0, forgotten = 0 } = life;
      t.true(active - pending >= times.keyPending && active - pending <= times.keyPending + 2 * day);
      t.true(retired - active >= 29 * day && retired - active <= 32 * day);
      t.true(forgotten - retired > overlapOf[use] && forgotten - retired < overlapOf[use] + 3 * day);
    }
  });

test('what was sealed to any record, up to the last second of its validity, finds its key', (t) => {
  const records: VerifiedDomain[] = [];
  let living = fresh();
  for (let now = start; now < start + 120 * day; now += day) {
    living = advance(living, now);
    records.push(published(living, now));
    for (const record of records) {
      if (record.expires < now) continue;
      for (const use of ['notification', 'poll'] as const) {
        const { id } = usableKey(record, use, now);
        t.is(
          thrown(() => findKey(living.keys, use, id, now)),
          'no error',
        );
      }
    }
    for (const record of records) {
      // An envelope is made while the record is valid, and waits for 90 days at most.
      const made = Math.min(record.expires, now);
      if (now - made > times.transitMax) continue;
      const { id } = usableKey(record, 'envelope', made);
      t.is(
        thrown(() => findKey(living.keys, 'envelope', id, now)),
        'no error',
      );
    }
  }
});

test('a key past its overlap is not active, and once forgotten not known', (t) => {
  let living = fresh();
  const { id } = selectKey(living.keys, 'notification', start);
  let at = start;
  const codes: string[] = [];
  for (; at < start + 60 * day; at += hour) {
    living = advance(living, at);
    const code = thrown(() => findKey(living.keys, 'notification', id, at));
    if (code !== codes.at(-1)) codes.push(code);
  }
  t.deepEqual(codes, ['no error', 'key_not_active', 'key_unknown']);
});

test('the key ring knows what was, is and will be, of each domain, and forgets with it', (t) => {
  const ring = createKeyRing();
  const first = fresh();
  ring.set(first);
  const { id } = selectKey(first.keys, 'notification', start);
  t.is(ring.notificationKey(id, start)?.domain, 'life.test');
  const begun = rotateDomainKeys(first, ['notification'], { now: start, random });
  ring.set(begun);
  const [pending] = ofUse(begun, 'notification', 'pending');
  t.is(
    thrown(() => ring.notificationKey(pending!.id, start)),
    'key_not_active',
  );
  const later = live(begun, start, start + 30 * day);
  ring.set(later);
  t.is(ring.notificationKey(id, start), undefined);
  t.is(ring.notificationKey(pending!.id, start + 30 * day)?.domain, 'life.test');
  t.is(
    thrown(() => ring.pollKey('other.test', id, start)),
    'key_unknown',
  );
});

test('a mandate signed while the clock was wrong does not count once the clock is right', (t) => {
  const far = start + 500 * day;
  const astray = appointSigning(fresh(), fresh().identity!, { now: far, random });
  const now = start + day;
  const parts = { now, random };
  t.is(
    thrown(() => rotateDomainKeys(astray, ['domainSigning'], parts)),
    'record_invalid',
    'not believed yet',
  );
  const settled = live(astray, now, now + 2 * day);
  const right = rotateDomainKeys(settled, ['domainSigning'], { now: now + 2 * day, random });
  const record = published(right, now + 2 * day);
  t.is(record.mandateSerial, now + 2 * day);
});

test('a pending key is not used, by us or by whoever reads the record', (t) => {
  const living = live(fresh(), start, start + 23 * day);
  const [pending] = ofUse(living, 'poll', 'pending');
  t.truthy(pending);
  const now = start + 23 * day;
  t.is(
    thrown(() => findKey(living.keys, 'poll', pending!.id, now)),
    'key_not_active',
  );
  t.notDeepEqual(usableKey(published(living, now), 'poll', now).id, pending!.id);
  const entry = published(living, now).keys.find((key) => key.id.toString() === pending!.id.toString());
  t.is(entry?.status, 'pending');
  t.true((entry?.notBefore ?? 0) >= now);
});

test('the record says at every step what the keys are', (t) => {
  live(fresh(), start, start + 130 * day, (keys, now) => {
    const said = published(keys, now).keys.map(({ id, status, notBefore, notAfter }) => ({
      id,
      status,
      notBefore,
      notAfter,
    }));
    const held = keys.keys
      .filter(({ use }) => use !== 'domainSigning')
      .map(({ id, status, notBefore, notAfter }) => ({ id, status, notBefore, notAfter }));
    t.deepEqual(said, held);
  });
});

test('a clock that jumps ahead, for hours or back and forth, ends no key early', (t) => {
  const before = live(fresh(), start, start + 31 * day);
  const held = before.keys.map((key) => key.id.toString());
  t.is(ofUse(before, 'notification', 'retired').length, 1);
  let living = before;
  const at = start + 31 * day;
  // A year ahead for half a day, then a year back, then right.
  for (let i = 0; i < 12; i++) living = advance(living, at + 365 * day + i * hour);
  for (let i = 0; i < 12; i++) living = advance(living, at - 365 * day + i * hour);
  living = live(living, at, at + 2 * day);
  for (const id of held) t.true(living.keys.some((key) => key.id.toString() === id));
  const now = at + 2 * day;
  for (const use of rotatingUses) {
    const active = selectKey(living.keys, use, now);
    t.is(active.id.toString(), selectKey(before.keys, use, at).id.toString(), 'the same is in use');
    t.true(active.notAfter > now + times.recordValidity);
    t.is(usableKey(published(living, now), use, now).id.toString(), active.id.toString());
  }
  // And rotation goes on as if nothing had been.
  const later = live(living, now, now + 60 * day);
  for (const use of rotatingUses)
    t.notDeepEqual(selectKey(later.keys, use, now + 60 * day).id, selectKey(living.keys, use, now).id);
});

test('keys that a jumped clock began are set right when it is put back', (t) => {
  const far = start + 1000 * day;
  let living = live(fresh(), start, start + 2 * day);
  // Wrong for three weeks: long enough for successors to be published and to take over.
  living = live(living, far, far + 40 * day);
  const now = start + 43 * day;
  living = live(living, now, now + 2 * day);
  for (const use of rotatingUses) {
    const key = usableKey(published(living, now + 2 * day), use, now + 2 * day);
    t.true(key.notBefore <= now + 2 * day);
    for (const retired of ofUse(living, use, 'retired'))
      t.true(retired.notAfter <= now + 2 * day + overlapOf[use]);
    for (const pending of ofUse(living, use, 'pending'))
      t.true(pending.notBefore <= now + 2 * day + times.keyPending);
  }
});

test('a domain that rested for two years goes on with its keys, and then rotates', (t) => {
  const rested = live(fresh(), start, start + 2 * day);
  const now = start + 730 * day;
  const woken = advance(rested, now);
  for (const use of rotatingUses) {
    t.is(selectKey(woken.keys, use, now).id.toString(), selectKey(rested.keys, use, start).id.toString());
    t.is(ofUse(woken, use, 'pending').length, 0, 'nothing is begun by a clock that was not seen to run');
  }
  const later = live(woken, now + hour, now + 12 * day);
  for (const use of rotatingUses)
    t.notDeepEqual(selectKey(later.keys, use, now + 12 * day).id, selectKey(rested.keys, use, start).id);
});

test('a rotation begun early has its overlap; asked for twice it is one', (t) => {
  const parts = { now: start + day, random };
  const begun = rotateDomainKeys(fresh(), ['notification'], parts);
  t.is(ofUse(begun, 'notification', 'pending').length, 1);
  t.is(ofUse(begun, 'poll', 'pending').length, 0);
  t.deepEqual(rotateDomainKeys(begun, ['notification'], parts), begun);
  const old = selectKey(begun.keys, 'notification', start);
  const later = live(begun, start + day, start + 10 * day);
  t.notDeepEqual(selectKey(later.keys, 'notification', start + 10 * day).id, old.id);
  t.is(
    thrown(() => findKey(later.keys, 'notification', old.id, start + 10 * day)),
    'no error',
  );
});

for (const use of rotatingUses)
  test(`a revoked ${use} key is refused at once, and another takes its place at once`, (t) => {
    const living = live(fresh(), start, start + 23 * day);
    const now = start + 23 * day;
    const old = selectKey(living.keys, use, now);
    const [pending] = ofUse(living, use, 'pending');
    const after = revokeDomainKey(living, old.id, { now, random });
    const ring = createKeyRing();
    ring.set(living);
    ring.set(after);
    const taken = forgottenKeys(living, after).map((key) => key.id.toString());
    t.deepEqual(new Set(taken), new Set([old.id.toString(), pending!.id.toString()]));
    if (use === 'notification')
      t.is(
        thrown(() => ring.notificationKey(old.id, now)),
        'key_not_active',
      );
    if (use === 'poll')
      t.is(
        thrown(() => ring.pollKey('life.test', old.id, now)),
        'key_not_active',
      );

    const record = published(after, now);
    const entry = record.keys.find((key) => key.id.toString() === old.id.toString());
    t.like(entry, { status: 'revoked', revokedAt: now });
    const next = usableKey(record, use, now);
    t.is(
      thrown(() => findKey(after.keys, use, next.id, now)),
      'no error',
    );
    t.false(record.keys.some((key) => key.id.toString() === pending!.id.toString()));

    t.is(
      thrown(() => revokeDomainKey(after, old.id, { now, random })),
      'conflict',
    );
    t.is(
      thrown(() => revokeDomainKey(after, pending!.id, { now, random })),
      'not_found',
    );
    const later = live(after, now, now + overlapOf[use] + 3 * day);
    t.is(later.revoked.length, 0);
    t.is(
      thrown(() => findKey(later.keys, use, old.id, now)),
      'key_unknown',
    );
  });

test('a retired or pending key is revoked without a replacement', (t) => {
  const living = live(fresh(), start, start + 31 * day);
  const now = start + 31 * day;
  const [retired] = ofUse(living, 'envelope', 'retired');
  const after = revokeDomainKey(living, retired!.id, { now, random });
  t.is(after.keys.length, living.keys.length - 1);
  t.is(
    thrown(() => findKey(after.keys, 'envelope', retired!.id, now)),
    'key_unknown',
  );
  const soon = rotateDomainKeys(fresh(), ['poll'], { now: start, random });
  const [pending] = ofUse(soon, 'poll', 'pending');
  t.is(ofUse(revokeDomainKey(soon, pending!.id, { now: start, random }), 'poll').length, 1);
});

test('revoked without end, a record still has room for what is in use', (t) => {
  let keys = fresh();
  for (let i = 0; i < 40; i++)
    keys = revokeDomainKey(keys, selectKey(keys.keys, 'poll', start).id, { now: start, random });
  const record = published(keys, start);
  for (const use of rotatingUses) t.is(usableKey(record, use, start).status, 'active');
  t.is(record.keys.length, 32);
});

test('keys and their progress survive their file at every step', (t) => {
  let keys = revokeDomainKey(fresh(), selectKey(fresh().keys, 'poll', start).id, { now: start, random });
  keys = live(keys, start, start + 40 * day, (next) => {
    const through = domainKeysFromJson(JSON.parse(JSON.stringify(workingKeysToJson(next))));
    t.deepEqual(workingKeysToJson(through), workingKeysToJson(next));
    t.deepEqual(through.revoked, next.revoked);
    t.deepEqual(through.progress, next.progress);
  });
  const first = { ...workingKeysToJson(fresh()) } as Record<string, unknown>;
  delete first['revoked'];
  delete first['progress'];
  first['keys'] = (first['keys'] as Record<string, unknown>[]).map(({ since: _, ...key }) => key);
  const old = domainKeysFromJson(first);
  t.is(ofUse(live(old, start + 100 * day, start + 140 * day), 'poll').length > 1, true, 'written by 0.1.0');
});

test('a signing key is followed by another a year on, both under one mandate, each in its time', (t) => {
  const keys = fresh();
  t.false(signingIsDue(keys, start + 356 * day));
  const now = start + 358 * day;
  t.true(signingIsDue(keys, now));
  const old = selectKey(keys.keys, 'domainSigning', start);
  const after = appointSigning(keys, keys.identity!, { now, random });
  t.false(signingIsDue(after, now + day));
  t.is(selectKey(after.keys, 'domainSigning', now).id.toString(), old.id.toString(), 'not yet');
  t.is(appointSigning(after, keys.identity!, { now: now + day, random }), after, 'one is appointed already');
  const next = now + times.keyPending;
  t.is(selectKey(after.keys, 'domainSigning', next - 1).id.toString(), old.id.toString());
  const turned = selectKey(after.keys, 'domainSigning', next);
  t.not(turned.id.toString(), old.id.toString());
  // What the old one signed on its last day is believed for as long as it says, while the record names both.
  const record = published(after, next - 1);
  t.is(record.mandateSerial, now);
  t.deepEqual(
    reportKeys(after, now, rotation)
      .filter((key) => key.use === 'domainSigning')
      .map((key) => key.status),
    ['pending', 'active'],
  );
  t.deepEqual(
    reportKeys(after, next, rotation)
      .filter((key) => key.use === 'domainSigning')
      .map((key) => key.status),
    ['active', 'retired'],
  );
  t.true(mandateEnd(after) >= start + 2 * 365 * day);
  const later = live(after, now, now + 20 * day);
  t.is(ofUse(later, 'domainSigning').length, 1, 'the old one is forgotten');
});

test('without the identity key nothing is signed, and somebody is asked for it 60 days before the end', (t) => {
  const { identity, ...offline } = fresh();
  const end = start + times.mandateValidity;
  t.is(mandateEnd(offline), end);
  t.is(identityWanted(offline, end - 61 * day), undefined);
  t.is(identityWanted(offline, end - 60 * day), end);
  t.is(identityWanted({ ...offline, identity: identity! }, end), undefined);
  const [signing] = ofUse(offline, 'domainSigning');
  t.is(
    thrown(() => rotateDomainKeys(offline, ['domainSigning'], { now: start, random })),
    'conflict',
  );
  t.is(
    thrown(() => revokeDomainKey(offline, signing!.id, { now: start, random })),
    'conflict',
  );
  // Brought too late, it makes a key that is used at once.
  const late = rotateDomainKeys(offline, ['domainSigning'], { now: end + day, random, identity: identity! });
  t.is(late.identity, undefined, 'it is not kept');
  t.is(
    thrown(() => published(late, end + day)),
    'no error',
  );
});

test('a revoked signing key signs for nobody, whatever it says about the time', (t) => {
  const keys = fresh();
  const stolen = selectKey(keys.keys, 'domainSigning', start);
  const appointed = appointSigning(keys, keys.identity!, { now: start + day, random });
  const now = start + 2 * day;
  const after = revokeDomainKey(appointed, stolen.id, { now, random });
  const record = published(after, now);
  t.is(record.revoked.length, 2, 'the one appointed after it lay on the same disk');
  t.true(record.mandateSerial > published(appointed, now).mandateSerial);
  const forged = { ...after, keys: appointed.keys };
  t.is(
    thrown(() => published(forged, now)),
    'key_not_active',
  );
  t.is(ofUse(after, 'domainSigning').length, 1);
  const entry = record.signingKeys.find((key) => key.id.toString() === stolen.id.toString());
  t.like(entry, { status: 'revoked', revokedAt: now });
  // The id stays withdrawn in later mandates, when the entry is gone.
  const rested = live(after, now, now + 20 * day);
  const again = appointSigning(rested, keys.identity!, { now: now + 20 * day, random });
  const later = published(again, now + 20 * day);
  t.is(later.revoked.length, 2);
  t.false(later.signingKeys.some((key) => key.id.toString() === stolen.id.toString()));
});
