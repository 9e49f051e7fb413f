import test from 'ava';
import { Secret } from '../../src/crypto/secret.ts';
import { ed25519Public } from '../../src/crypto/sign.ts';
import {
  domainIdentityToJson,
  domainKeysFromJson,
  workingKeysToJson,
} from '../../src/keys/domain-key-file.ts';
import { createDomainKeys, type DomainKeys } from '../../src/keys/domain-keys.ts';
import { encodeDomainAnswer, signDomainRecord, verifyDomainRecord } from '../../src/keys/domain-record.ts';
import { recoveryHash } from '../../src/keys/fingerprints.ts';
import { attachChanges, signIdentityChange } from '../../src/keys/identity-change.ts';
import {
  abandonIdentity,
  createIdentity,
  prepareIdentity,
  replaceRecovery,
  takeIdentity,
} from '../../src/keys/identity-life.ts';
import { isTaken, nextIdentity } from '../../src/keys/next-identity.ts';
import { readMandate } from '../../src/keys/mandate.ts';
import { signParentSignature } from '../../src/keys/parent-signature.ts';
import { verifyPinnedAnswer } from '../../src/keys/pinned-domain.ts';
import { servedAttachments } from '../../src/keys/served-attachments.ts';
import { attachmentTypes } from '../../src/wire/registry.ts';
import { keyOf, now, seededRandom, thrown } from '../support/identities.ts';

const domain = 'a.test';
const random = seededRandom('identity life');
const parts = { now, random };
const day = 86_400;

interface Start {
  readonly keys: DomainKeys;
  readonly recovery: Secret;
}

const start = (): Start => createDomainKeys(domain, now - 30 * day, random);
const identityOf = ({ identity }: DomainKeys) => {
  if (identity === undefined) throw new Error('no identity key');
  return identity;
};
const freshRecovery = () => {
  const seed = new Secret(random(32));
  return { seed, hash: recoveryHash(ed25519Public(seed.expose())) };
};

/** What a peer that pinned `before` makes of what is served. */
function seenBy(before: DomainKeys, after: DomainKeys, at = now) {
  const record = signDomainRecord({ keys: after, serial: at, contact: 'a@a.test', now: at });
  return verifyPinnedAnswer(encodeDomainAnswer(record, servedAttachments(after, at)), {
    domain,
    pinned: { fingerprint: before.fingerprint, recoveryHash: before.recoveryHash, left: [] },
    txt: [after.fingerprint],
    now: at,
  });
}

test('the identity key signs its successor: prepared first, then taken; who pinned it follows', (t) => {
  const { keys } = start();
  const next = createIdentity(domain, parts);
  const prepared = prepareIdentity(
    keys,
    next,
    { by: 'identity', identity: identityOf(keys) },
    { keepHere: true, now },
  );
  t.deepEqual(nextIdentity(prepared)?.by, 'identity');
  t.deepEqual(servedAttachments(prepared, now), []);
  t.deepEqual(seenBy(keys, prepared).steps, []);

  const taken = takeIdentity(prepared, undefined, parts);
  t.true(isTaken(taken));
  t.is(nextIdentity(taken), undefined);
  t.deepEqual(taken.identity?.publicKey, next.publicKey);
  t.deepEqual(taken.recoveryHash, keys.recoveryHash);
  t.deepEqual(
    taken.keys.map(({ id }) => id),
    keys.keys.map(({ id }) => id),
  );
  const { record, steps } = seenBy(keys, taken);
  t.deepEqual(record.fingerprint, taken.fingerprint);
  t.like(steps, [{ by: 'identity', created: now }]);
});

test('what a crash leaves between taking an identity and writing its file is read as the new identity', (t) => {
  const { keys } = start();
  const prepared = prepareIdentity(
    keys,
    createIdentity(domain, parts),
    { by: 'identity', identity: identityOf(keys) },
    { keepHere: true, now },
  );
  const oldFile: unknown = JSON.parse(JSON.stringify(domainIdentityToJson(keys)));
  const read = (of: DomainKeys) =>
    domainKeysFromJson(JSON.parse(JSON.stringify(workingKeysToJson(of))), oldFile);
  t.deepEqual(read(prepared).fingerprint, keys.fingerprint);
  t.deepEqual(nextIdentity(read(prepared)), nextIdentity(prepared));
  const taken = takeIdentity(read(prepared), undefined, parts);
  const again = read(taken);
  t.deepEqual(again.identity?.publicKey, taken.identity?.publicKey);
  t.deepEqual(again.changes, taken.changes);
  t.true(isTaken(again));
  const settled = abandonIdentity(again);
  t.is(
    thrown(() => read(settled)),
    'state_invalid',
    'only with the key beside it the old file may stay',
  );
});

test('an identity that is kept offline is given once, and another is refused', (t) => {
  const { keys } = start();
  const next = createIdentity(domain, parts);
  const prepared = prepareIdentity(
    keys,
    next,
    { by: 'identity', identity: identityOf(keys) },
    { keepHere: false, now },
  );
  t.is(JSON.stringify(workingKeysToJson(prepared)).includes('"key":{'), false);
  t.is(
    thrown(() => takeIdentity(prepared, undefined, parts)),
    'conflict',
  );
  t.is(
    thrown(() => takeIdentity(prepared, createIdentity(domain, parts), parts)),
    'state_invalid',
  );
  const taken = takeIdentity(prepared, next, parts);
  t.is(taken.identity, undefined);
  t.true(isTaken(taken));
  t.deepEqual(seenBy(keys, taken).record.fingerprint, taken.fingerprint);
  t.is(
    thrown(() => takeIdentity(taken, next, parts)),
    'conflict',
  );
});

test('the recovery key takes the identity back from a thief, withdraws what signs, and serves once', (t) => {
  const { keys, recovery } = start();
  const fresh = freshRecovery();
  const authority = { by: 'recovery', seed: recovery, nextRecovery: fresh.hash } as const;
  const prepared = prepareIdentity(keys, createIdentity(domain, parts), authority, { keepHere: true, now });
  const taken = takeIdentity(prepared, undefined, parts);
  t.deepEqual(taken.recoveryHash, fresh.hash);
  t.deepEqual(readMandate(taken.mandate).revoked, [keyOf(keys, 'domainSigning').id]);
  t.notDeepEqual(keyOf(taken, 'domainSigning').id, keyOf(keys, 'domainSigning').id);
  t.like(seenBy(keys, taken).steps, [{ by: 'recovery' }]);

  // The thief led somebody to a key of his own: the owner's change counts there too, and not the other way round.
  const thiefs = createIdentity(domain, parts);
  const stolen = takeIdentity(
    prepareIdentity(keys, thiefs, { by: 'identity', identity: identityOf(keys) }, { keepHere: true, now }),
    undefined,
    parts,
  );
  t.deepEqual(seenBy(stolen, taken).record.fingerprint, taken.fingerprint);
  t.is(
    thrown(() => seenBy(taken, stolen)),
    'fingerprint_mismatch',
  );

  t.is(
    thrown(() => prepareIdentity(taken, thiefs, authority, { keepHere: true, now })),
    'key_unknown',
  );
});

test('a thief’s mandate a day ahead does not keep the owner’s out', (t) => {
  const { keys, recovery } = start();
  const ahead = now + day;
  const authority = { by: 'recovery', seed: recovery, nextRecovery: freshRecovery().hash } as const;
  const taken = takeIdentity(
    prepareIdentity(keys, createIdentity(domain, parts), authority, { keepHere: true, now }),
    undefined,
    parts,
  );
  const record = signDomainRecord({ keys: taken, serial: now, contact: 'a@a.test', now });
  const seen = { serial: ahead, recordHash: new Uint8Array(32), mandateSerial: ahead };
  const { record: verified } = verifyPinnedAnswer(encodeDomainAnswer(record, servedAttachments(taken, now)), {
    domain,
    pinned: { fingerprint: keys.fingerprint, recoveryHash: keys.recoveryHash, left: [], seen },
    txt: [taken.fingerprint],
    now,
  });
  t.deepEqual(verified.fingerprint, taken.fingerprint);
});

test('the recovery key alone is replaced by the present one, at once', (t) => {
  const { keys, recovery } = start();
  const fresh = freshRecovery();
  const authority = { by: 'recovery', seed: recovery, nextRecovery: fresh.hash } as const;
  const changed = replaceRecovery(keys, identityOf(keys), authority, parts);
  t.deepEqual(changed.fingerprint, keys.fingerprint);
  t.deepEqual(readMandate(changed.mandate).recoveryHash, fresh.hash);
  t.deepEqual(seenBy(keys, changed).record.recoveryHash, fresh.hash);
  t.is(
    thrown(() => seenBy(keys, { ...changed, changes: [] })),
    'trust_changed',
    'the identity key alone cannot',
  );
  t.is(
    thrown(() => replaceRecovery(changed, identityOf(keys), authority, parts)),
    'key_unknown',
  );
  const underWay = prepareIdentity(keys, createIdentity(domain, parts), authority, { keepHere: true, now });
  t.is(
    thrown(() => replaceRecovery(underWay, identityOf(keys), authority, parts)),
    'conflict',
  );
});

test('what the recovery key signs makes the changes before it needless, and too many lose their oldest', (t) => {
  const { keys, recovery } = start();
  let changed = keys;
  for (let i = 0; i < 20; i++) {
    const next = createIdentity(domain, parts);
    const authority = { by: 'identity', identity: identityOf(changed) } as const;
    changed = takeIdentity(
      prepareIdentity(changed, next, authority, { keepHere: true, now }),
      undefined,
      parts,
    );
  }
  const [[type, bytes] = [0, new Uint8Array()], ...more] = servedAttachments(changed, now);
  t.is(type, attachmentTypes.identityChanges);
  t.true(bytes.length <= 4096);
  t.deepEqual(more, []);
  t.is(
    thrown(() => seenBy(keys, changed)),
    'fingerprint_mismatch',
    'away for too many',
  );
  const authority = { by: 'recovery', seed: recovery, nextRecovery: freshRecovery().hash } as const;
  const owned = takeIdentity(
    prepareIdentity(changed, createIdentity(domain, parts), authority, { keepHere: true, now }),
    undefined,
    parts,
  );
  t.is(owned.changes?.length, 1);
  t.is(seenBy(keys, owned).steps.length, 1);
  t.is(seenBy(changed, owned).steps.length, 1);
});

test('changes of the longest domain name fit, as many as do', (t) => {
  const long = `${'a'.repeat(59)}.`.repeat(3) + 'a'.repeat(60);
  const [one, other] = [createIdentity(long, parts), createIdentity(long, parts)];
  const signed = signIdentityChange({
    domain: long,
    by: 'identity',
    seed: one.secret,
    identityKey: other.publicKey,
    now,
  });
  const [[, bytes] = [0, new Uint8Array()]] = attachChanges(Array.from({ length: 16 }, () => signed));
  t.true(bytes.length <= 4096);
  t.true(bytes.length > 4096 - 1024);
});

test('the signatures of parents are served while they hold, and about this identity', (t) => {
  const { keys } = start();
  const identity = createIdentity('test', parts);
  const signed = (over: object = {}) =>
    signParentSignature({ domain, fingerprint: keys.fingerprint, parent: 'test', identity, now, ...over });
  const withParents = {
    ...keys,
    parents: [signed({ expires: now + day }), signed({ fingerprint: new Uint8Array(32) })],
  };
  t.is(servedAttachments(withParents, now).length, 1);
  t.is(servedAttachments(withParents, now + day + 3601).length, 0);
  t.is(
    thrown(() => signed({ parent: 'other.test' })),
    'record_invalid',
  );
  t.is(
    thrown(() => signed({ expires: now + 401 * day })),
    'record_invalid',
  );
});

test('statements about the identity are written down and read again', (t) => {
  const { keys } = start();
  const changed = { ...keys, parents: [random(100)], gone: random(69), changes: [random(200)] };
  const { identity: _, ...read } = domainKeysFromJson(
    JSON.parse(JSON.stringify(workingKeysToJson(changed))),
    JSON.parse(JSON.stringify(domainIdentityToJson(keys))),
  );
  t.like(read, { parents: changed.parents, gone: changed.gone, changes: changed.changes });
  t.deepEqual(
    verifyDomainRecord(signDomainRecord({ keys: read, serial: now, contact: 'a', now }), {
      domain,
      fingerprints: [keys.fingerprint],
      now,
    }).fingerprint,
    keys.fingerprint,
  );
});
