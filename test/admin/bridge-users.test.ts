/** The bridge user and the bridge keys of a domain: disk, key ring, users and record say the same. wire-spec/bridges.md section 2. */
import test, { type ExecutionContext } from 'ava';
import { adoptDomains } from '../../src/admin/adopt-domains.ts';
import { createBridgeUsers } from '../../src/admin/bridge-users.ts';
import { createEffectiveSettings } from '../../src/admin/domain-settings.ts';
import { loadDomainKeys, saveDomainKeys } from '../../src/admin/key-files.ts';
import { createKeyKeeper } from '../../src/admin/key-keeper.ts';
import { decodeConfig } from '../../src/config.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { createPublisher } from '../../src/directory/publish.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { verifyDomainRecord, type VerifiedDomain } from '../../src/keys/domain-record.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { verifyUserAnswer } from '../../src/keys/user-answer.ts';
import { silentLog } from '../../src/log.ts';
import { decode } from '../../src/wire/schema.ts';
import { mailCapability } from '../../src/wire/mail.ts';
import { opened, temporaryDir } from '../store/fixture.ts';
import { rejected } from '../support/identities.ts';

const day = 86_400;
const address = 'mail-bridge@alpha.test';

async function bridging(t: ExecutionContext) {
  const { store, clock } = await opened(t);
  const data = temporaryDir(t);
  await saveDomainKeys(data, createDomainKeys('alpha.test', clock.seconds(), random).keys);
  const config = decodeConfig('host = "post.alpha.test"\n');

  /** As a process that starts. */
  async function started(crash?: () => Promise<never>) {
    const keyRing = createKeyRing();
    await adoptDomains(data, keyRing, store.domains);
    const settings = createEffectiveSettings(store.domains, () => config);
    const log = silentLog;
    const publisher = createPublisher({
      keysOf: keyRing.keysOf,
      domains: { ...store.domains, get: settings.of },
      listed: store.listed,
      clock,
      log,
    });
    const bridges = createBridgeUsers({ store, settings });
    const keeper = createKeyKeeper({
      dataDir: data,
      keyRing,
      publish: publisher.published,
      rotation: () => 30 * day,
      bridges: crash === undefined ? bridges : { ...bridges, list: crash },
      clock,
      random,
      log,
    });
    return { keyRing, publisher, keeper };
  }
  type Daemon = Awaited<ReturnType<typeof started>>;

  async function record({ keyRing, publisher }: Daemon): Promise<VerifiedDomain> {
    const published = await publisher.published('alpha.test');
    const fingerprints = [keyRing.keysOf('alpha.test')!.fingerprint];
    return verifyDomainRecord(published!.record, {
      domain: 'alpha.test',
      fingerprints,
      now: clock.seconds(),
    });
  }

  async function bridgeUser(daemon: Daemon) {
    const answer = await daemon.publisher.userAnswer('alpha.test', addressHash(address), '192.0.2.1');
    const verified = verifyUserAnswer(answer!, await record(daemon), address, clock.seconds());
    return verified.kind === 'user' ? verified : undefined;
  }

  const turn = (bridge: 'on' | 'off') => store.domains.update('alpha.test', { bridge });
  const statuses = ({ keys }: VerifiedDomain) =>
    keys
      .filter(({ use }) => use === 'bridge')
      .map(({ status }) => status)
      .sort();
  return { store, clock, data, started, record, bridgeUser, turn, statuses };
}

test('a domain has neither until it is told to, then both at once', async (t) => {
  const { started, record, bridgeUser, turn, statuses } = await bridging(t);
  const daemon = await started();
  await daemon.keeper.run();
  t.deepEqual(statuses(await record(daemon)), []);
  t.is((await record(daemon)).capabilities.get('mail'), undefined);
  t.is(await bridgeUser(daemon), undefined);

  await turn('on');
  await daemon.keeper.runFor('alpha.test');
  const domain = await record(daemon);
  t.deepEqual(statuses(domain), ['active']);
  const user = await bridgeUser(daemon);
  t.true(user?.escrow);
  t.deepEqual(decode(mailCapability, domain.capabilities.get('mail')!), {
    local: 'mail-bridge',
    fingerprint: user!.identityFingerprint,
  });

  const again = await started();
  await again.keeper.run();
  t.deepEqual((await bridgeUser(again))?.recordFingerprint, user?.recordFingerprint);
  t.deepEqual((await record(again)).recordHash, domain.recordHash);
});

test('months: keys of both follow one another, the identity stays, disk and lists agree', async (t) => {
  const { clock, data, started, record, bridgeUser, turn, statuses } = await bridging(t);
  const daemon = await started();
  await turn('on');
  await daemon.keeper.run();
  const { identityFingerprint } = (await bridgeUser(daemon))!;
  const records = new Set<string>();
  const bridgeKeys = new Set<string>();
  let retired = 0;
  for (let n = 0; n < 100; n++) {
    clock.advance(day);
    await daemon.keeper.run();
    const user = await bridgeUser(daemon);
    t.deepEqual(user?.identityFingerprint, identityFingerprint);
    records.add(Buffer.from(user!.recordFingerprint).toString('hex'));
    const domain = await record(daemon);
    t.is(statuses(domain).filter((status) => status === 'active').length, 1);
    if (statuses(domain).includes('retired')) retired += 1;
    for (const { use, id } of domain.keys)
      if (use === 'bridge') bridgeKeys.add(Buffer.from(id).toString('hex'));
    if (n % 33 === 0) {
      const [onDisk] = await loadDomainKeys(data);
      t.deepEqual(onDisk?.bridge?.record, daemon.keyRing.keysOf('alpha.test')?.bridge?.record);
      t.deepEqual(user?.recordFingerprint, (await bridgeUser(await started()))?.recordFingerprint);
    }
  }
  t.true(records.size >= 3);
  t.true(bridgeKeys.size >= 4);
  t.true(retired > 20);
});

test('turned off: nothing new is sealed to it, what was is opened for eight days more, the user stays who it is', async (t) => {
  const { clock, started, record, bridgeUser, turn, statuses } = await bridging(t);
  const daemon = await started();
  await turn('on');
  await daemon.keeper.run();
  const { identityFingerprint } = (await bridgeUser(daemon))!;
  await turn('off');
  await daemon.keeper.run();
  t.deepEqual(statuses(await record(daemon)), ['retired']);
  t.is((await record(daemon)).capabilities.get('mail'), undefined);
  for (let n = 0; n < 12; n++) {
    clock.advance(day);
    await daemon.keeper.run();
  }
  t.deepEqual(statuses(await record(daemon)), []);
  t.deepEqual((await bridgeUser(daemon))?.identityFingerprint, identityFingerprint);
  await turn('on');
  await daemon.keeper.run();
  t.deepEqual((await bridgeUser(daemon))?.identityFingerprint, identityFingerprint);
  t.deepEqual(statuses(await record(daemon)), ['active']);
});

test('a crash between the key file and the list of users: the next start lists it', async (t) => {
  const { started, bridgeUser, turn } = await bridging(t);
  const crashed = await started(async () => {
    throw new Error('gone');
  });
  await turn('on');
  await crashed.keeper.run();
  t.is(await bridgeUser(crashed), undefined);
  const daemon = await started();
  await daemon.keeper.run();
  t.truthy(await bridgeUser(daemon));
});

test('after a restore the record of the bridge user is signed anew: others may have seen a later one', async (t) => {
  const { store, clock, started, bridgeUser, turn } = await bridging(t);
  const daemon = await started();
  await turn('on');
  await daemon.keeper.run();
  const before = (await bridgeUser(daemon))!;
  clock.advance(day);
  await store.domains.forgetPublished('alpha.test');
  const restored = await started();
  await restored.keeper.run();
  const after = (await bridgeUser(restored))!;
  t.true(after.serial > before.serial);
  t.deepEqual(after.identityFingerprint, before.identityFingerprint);
});

test('the address is nobody else’s, and nobody changes it', async (t) => {
  const { store, started, bridgeUser, turn } = await bridging(t);
  const hash = addressHash(address);
  const invitation = { addressHash: hash, local: 'mail-bridge', tokenHash: hash, expires: 2 ** 32 };
  const daemon = await started();
  await turn('on');
  await daemon.keeper.run();
  t.is(await rejected(store.users.invite('alpha.test', invitation)), 'exists');
  t.is(await rejected(store.users.reinvite('alpha.test', { ...invitation, suspend: true })), 'conflict');
  t.is(await rejected(store.users.suspend('alpha.test', hash, true)), 'conflict');
  t.is(await rejected(store.users.remove('alpha.test', hash)), 'conflict');
  t.is((await bridgeUser(daemon))?.status, 'active');
});

test('where somebody had the name before, the bridge takes another', async (t) => {
  const { store, started, record, turn } = await bridging(t);
  const daemon = await started();
  const hash = addressHash(address);
  const invitation = { addressHash: hash, local: 'mail-bridge', tokenHash: hash, expires: 2 ** 32 };
  await store.users.invite('alpha.test', invitation);
  await turn('on');
  await daemon.keeper.run();
  const capability = (await record(daemon)).capabilities.get('mail');
  t.is(decode(mailCapability, capability!).local, 'mail-bridge-2');
  const held = { addressHash: hash, local: 'mail-bridge', record: new Uint8Array(9) };
  t.is(await rejected(store.users.putHeld('alpha.test', held)), 'exists');
});
