import { access, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { adoptDomains } from '../../src/admin/adopt-domains.ts';
import { keyDirectory, loadDomainKeys, saveDomainKeys } from '../../src/admin/key-files.ts';
import { createKeyKeeper } from '../../src/admin/key-keeper.ts';
import { createKeyOperations } from '../../src/admin/key-operations.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { createPublisher } from '../../src/directory/publish.ts';
import { workingKeysToJson } from '../../src/keys/domain-key-file.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { rotateDomainKeys } from '../../src/keys/key-changes.ts';
import { selectKey } from '../../src/keys/key-pair.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { verifyDomainRecord } from '../../src/keys/domain-record.ts';
import { silentLog, type Log } from '../../src/log.ts';
import { opened, temporaryDir } from '../store/fixture.ts';
import { rejected } from '../support/identities.ts';

const day = 86_400;

/** The parts of a daemon that have to do with keys. `publish`: what happens instead of publishing. */
async function keeping(t: ExecutionContext) {
  const { store, clock } = await opened(t);
  const data = temporaryDir(t);
  await saveDomainKeys(data, createDomainKeys('alpha.test', clock.seconds(), random).keys);
  const logged: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: (event) => void logged.push(`warn ${event}`),
    error: (event) => void logged.push(`error ${event}`),
  };

  /** As a process that starts: from what is on disk. */
  async function started(crash?: () => Promise<never>) {
    const keyRing = createKeyRing();
    await adoptDomains(data, keyRing, store.domains);
    const settings = {
      contact: 'x@alpha.test',
      introductions: 'open' as const,
      introductionsPerHour: 1,
      bucketBits: 0,
      unknownUsers: '404' as const,
    };
    const publisher = createPublisher({
      keysOf: keyRing.keysOf,
      domains: { ...store.domains, get: async () => settings },
      listed: store.listed,
      clock,
      log,
    });
    const keeper = createKeyKeeper({
      dataDir: data,
      keyRing,
      publish: crash ?? publisher.published,
      rotation: () => 30 * day,
      clock,
      random,
      log,
    });
    const operations = createKeyOperations({
      keyRing,
      keeper,
      published: publisher.published,
      rotation: () => 30 * day,
      clock,
      random,
    });
    return { keyRing, publisher, keeper, operations };
  }

  async function publishedKeys({ keyRing, publisher }: Awaited<ReturnType<typeof started>>) {
    const { record } = (await publisher.published('alpha.test'))!;
    const fingerprints = [keyRing.keysOf('alpha.test')!.fingerprint];
    return verifyDomainRecord(record, { domain: 'alpha.test', fingerprints, now: clock.seconds() });
  }

  async function onDisk() {
    const [keys] = await loadDomainKeys(data);
    return keys!;
  }

  return { data, clock, logged, started, publishedKeys, onDisk };
}

test('months of upkeep: disk, key ring and record say the same, day by day', async (t) => {
  const { clock, logged, started, publishedKeys, onDisk } = await keeping(t);
  const daemon = await started();
  const seen = new Set<string>();
  for (let n = 0; n < 120; n++) {
    clock.advance(day);
    await daemon.keeper.run();
    const held = daemon.keyRing.keysOf('alpha.test')!;
    t.deepEqual(workingKeysToJson(await onDisk()), workingKeysToJson(held));
    const record = await publishedKeys(daemon);
    const named = record.keys.map(({ id, status }) => `${id.toString()} ${status}`);
    const own = held.keys.filter(({ use }) => use !== 'domainSigning');
    t.deepEqual(
      named,
      own.map(({ id, status }) => `${id.toString()} ${status}`),
    );
    for (const { id, use } of own) if (use === 'notification') seen.add(id.toString());
  }
  t.true(seen.size >= 4);
  t.deepEqual(logged, []);
});

test('a crash between any two steps of any change leaves a domain that goes on', async (t) => {
  const { clock, started, publishedKeys, onDisk } = await keeping(t);
  let last = await publishedKeys(await started());
  let crashes = 0;
  for (let n = 0; n < 50; n++) {
    clock.advance(day);
    // Written down, and then the process is gone: nothing was published, nothing answered.
    const doomed = await started(() => Promise.reject(new Error('killed')));
    await doomed.keeper.run();
    crashes++;
    const again = await started();
    const record = await publishedKeys(again);
    t.true(record.serial >= last.serial);
    const own = (await onDisk()).keys;
    t.deepEqual(
      record.keys.map(({ id, status }) => `${id.toString()} ${status}`),
      own.filter(({ use }) => use !== 'domainSigning').map(({ id, status }) => `${id.toString()} ${status}`),
    );
    // What the record before named is still there for whoever used it yesterday.
    for (const { id, use, status } of last.keys)
      if (status === 'active')
        t.true(own.some((key) => key.use === use && key.id.toString() === id.toString()));
    last = record;
  }
  t.is(crashes, 50);
});

test('what cannot be written down does not happen', async (t) => {
  const { data, clock, started, publishedKeys } = await keeping(t);
  const daemon = await started();
  const before = await publishedKeys(daemon);
  await rm(keyDirectory(data, 'alpha.test'), { recursive: true });
  const code = await rejected(
    daemon.keeper.change('alpha.test', (keys) =>
      rotateDomainKeys(keys, ['poll'], { now: clock.seconds(), random }),
    ),
  );
  t.is(code, 'storage_failed');
  t.is(daemon.keyRing.keysOf('alpha.test')!.keys.length, 4);
  t.deepEqual((await publishedKeys(daemon)).recordHash, before.recordHash);
});

test('changes of one domain wait for one another, and a half-written file is removed at the next start', async (t) => {
  const { data, clock, started, onDisk } = await keeping(t);
  const { keeper } = await started();
  const uses = ['poll', 'notification', 'envelope'] as const;
  await Promise.all(
    uses.map((use) =>
      keeper.change('alpha.test', (keys) => rotateDomainKeys(keys, [use], { now: clock.seconds(), random })),
    ),
  );
  t.is((await onDisk()).keys.filter(({ status }) => status === 'pending').length, 3);
  t.is(await rejected(keeper.change('beta.test', (keys) => keys)), 'not_found');
  const draft = join(keyDirectory(data, 'alpha.test'), '.1-1.new');
  await writeFile(draft, 'secret');
  await started();
  t.is((await loadDomainKeys(data)).length, 1);
  await t.throwsAsync(access(draft));
});

test('private halves that are not wanted any more are nowhere: not in memory, not on disk', async (t) => {
  const { data, clock, started } = await keeping(t);
  const { keyRing, operations } = await started();
  const old = selectKey(keyRing.keysOf('alpha.test')!.keys, 'poll', clock.seconds());
  const secret = Buffer.from(old.secret.expose()).toString('base64url');
  const file = join(keyDirectory(data, 'alpha.test'), 'working.json');
  t.true((await readFile(file, 'utf8')).includes(secret));
  const report = await operations.revokeKey('alpha.test', Buffer.from(old.id).toString('hex'));
  t.is(report.keys.filter(({ use, status }) => use === 'poll' && status === 'active').length, 1);
  t.true(old.secret.expose().every((byte) => byte === 0));
  t.false((await readFile(file, 'utf8')).includes(secret));
  t.deepEqual(await readdir(keyDirectory(data, 'alpha.test')), ['identity.json', 'working.json']);
});

test('signing keys follow one another where the identity key is here', async (t) => {
  const { clock, started, publishedKeys } = await keeping(t);
  const daemon = await started();
  const first = await publishedKeys(daemon);
  for (let n = 0; n < 370; n++) {
    clock.advance(day);
    await daemon.keeper.run();
  }
  const later = await publishedKeys(daemon);
  t.true(later.mandateSerial > first.mandateSerial);
  t.false(
    later.signingKeys.some(
      ({ id, notAfter }) =>
        id.toString() === first.signingKeys[0]!.id.toString() && notAfter > clock.seconds() + 17 * day,
    ),
  );
});

test('where the identity key is offline its operator is asked for it, once a day', async (t) => {
  const { data, clock, logged, started } = await keeping(t);
  const { keeper, operations } = await started();
  const identity = await operations.identityKey('alpha.test');
  t.is((await operations.domainKeys('alpha.test')).identity, 'here');
  t.is((await operations.forgetIdentityKey('alpha.test', identity)).identity, 'offline');
  t.deepEqual(await readdir(keyDirectory(data, 'alpha.test')), ['working.json']);
  t.is(await rejected(operations.identityKey('alpha.test')), 'not_found');
  t.is(await rejected(operations.rotateKeys('alpha.test', ['signing'])), 'conflict');

  for (let n = 0; n < 345; n++) {
    t.deepEqual(logged, []);
    clock.advance(day);
    await keeper.run();
    if (logged.length > 0) break;
  }
  const report = await operations.domainKeys('alpha.test');
  t.true(report.mandateEnds - clock.seconds() <= 60 * day && report.mandateEnds - clock.seconds() > 58 * day);
  t.is(report.identityWanted, report.mandateEnds);
  await keeper.run();
  t.deepEqual(logged, ['warn keys.identity_wanted']);
  clock.advance(day);
  await keeper.run();
  t.is(logged.length, 2);

  // Brought, used, and not kept.
  const renewed = await operations.rotateKeys('alpha.test', ['signing'], identity);
  t.is(renewed.identity, 'offline');
  t.is(renewed.identityWanted, undefined);
  t.true(renewed.mandateEnds > clock.seconds() + 390 * day);
  t.deepEqual(await readdir(keyDirectory(data, 'alpha.test')), ['working.json']);
  t.is((await started()).keyRing.keysOf('alpha.test')!.identity, undefined);
});

test('an identity key of another domain, a key id that is none: refused, nothing changes', async (t) => {
  const { started, onDisk } = await keeping(t);
  const { operations } = await started();
  const before = workingKeysToJson(await onDisk());
  const identity = (await operations.identityKey('alpha.test')) as { domain: string };
  const signing = (await operations.domainKeys('alpha.test')).keys.find(({ use }) => use === 'signing')!;
  const other = { ...identity, domain: 'beta.test' };
  t.is(await rejected(operations.rotateKeys('alpha.test', ['signing'], other)), 'state_invalid');
  t.is(await rejected(operations.revokeKey('alpha.test', signing.id, {})), 'state_invalid');
  t.is(await rejected(operations.forgetIdentityKey('alpha.test', other)), 'state_invalid');
  t.is(await rejected(operations.revokeKey('alpha.test', 'no id')), 'request_invalid');
  t.is(await rejected(operations.revokeKey('alpha.test', '0'.repeat(16))), 'not_found');
  t.is(await rejected(operations.domainKeys('beta.test')), 'not_found');
  t.deepEqual(workingKeysToJson(await onDisk()), before);
});

test('what is public of the keys holds nothing that is not', async (t) => {
  const { started, onDisk } = await keeping(t);
  const { operations } = await started();
  const shown = JSON.stringify([
    await operations.publicKeys('alpha.test'),
    await operations.domainKeys('alpha.test'),
  ]);
  const { keys, identity } = await onDisk();
  for (const { secret } of [...keys, identity!])
    for (const encoding of ['base64url', 'hex'] as const)
      t.false(shown.includes(Buffer.from(secret.expose()).toString(encoding)));
  t.is(
    (await operations.publicKeys('alpha.test')).identityKey,
    Buffer.from(identity!.publicKey).toString('base64url'),
  );
});
