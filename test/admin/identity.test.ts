/** A change of a domain's identity on disk: whatever breaks it off, the next start goes on with the one or the other. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { adoptDomains } from '../../src/admin/adopt-domains.ts';
import { createIdentityOperations } from '../../src/admin/identity-operations.ts';
import { keyDirectory, saveDomainKeys } from '../../src/admin/key-files.ts';
import { createKeyKeeper } from '../../src/admin/key-keeper.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { takeIdentity } from '../../src/keys/identity-life.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { isTaken } from '../../src/keys/next-identity.ts';
import { silentLog as log } from '../../src/log.ts';
import { opened, temporaryDir } from '../store/fixture.ts';
import { rejected } from '../support/identities.ts';

const domain = 'alpha.test';

async function begun(t: ExecutionContext) {
  const { store, clock } = await opened(t);
  const data = temporaryDir(t);
  const { keys } = createDomainKeys(domain, clock.seconds(), random);
  await saveDomainKeys(data, keys);
  let txt: readonly Uint8Array[] = [keys.fingerprint];

  /** As a process that starts. */
  async function started() {
    const keyRing = createKeyRing();
    await adoptDomains(data, keyRing, store.domains);
    const publish = async () => undefined;
    const keeper = createKeyKeeper({
      dataDir: data,
      keyRing,
      publish,
      rotation: () => 30 * 86_400,
      clock,
      random,
      log,
    });
    const operations = createIdentityOperations({
      keyRing,
      keeper,
      dnsOf: () => [],
      domainTxt: async () => ({ kind: 'found', txt: { fingerprints: [...txt], gone: null } }),
      clock,
      random,
    });
    return { keyRing, keeper, operations, keysNow: () => keyRing.keysOf(domain)! };
  }

  const file = async (name: string) =>
    JSON.parse(await readFile(join(keyDirectory(data, domain), name), 'utf8')) as Record<string, unknown>;
  return { started, file, keys, clock, publishTxt: (...ids: Uint8Array[]) => void (txt = ids) };
}

test('prepared, it survives a restart; taken, it does without its file; the next run writes that', async (t) => {
  const { started, file, keys, clock } = await begun(t);
  const prepared = await (await started()).operations.prepareIdentity(domain, {});
  const second = await started();
  t.deepEqual((await second.operations.identity(domain)).next, prepared.next);
  t.deepEqual(second.keysNow().fingerprint, keys.fingerprint);

  // The crash comes right after the keys were written.
  await second.keeper.change(domain, (present) =>
    takeIdentity(present, undefined, { now: clock.seconds(), random }),
  );
  const third = await started();
  t.true(isTaken(third.keysNow()));
  t.is((await third.operations.identity(domain)).fingerprint, prepared.next?.fingerprint ?? 'none');
  t.is((await third.operations.identity(domain)).kept, 'here');
  const before = await file('identity.json');
  await third.keeper.run();
  t.notDeepEqual(await file('identity.json'), before);
  t.false('next' in (await file('working.json')));
  const fourth = await started();
  t.is((await fourth.operations.identity(domain)).fingerprint, prepared.next?.fingerprint ?? 'none');
  t.truthy(fourth.keysNow().identity);
});

test('what is refused changes nothing, on disk or in memory', async (t) => {
  const { started, file } = await begun(t);
  const { operations, keysNow } = await started();
  const before = await file('working.json');
  const nextRecovery = 'A'.repeat(43);
  const stranger = { recovery: 'BECKON-RECOVERY-0000', nextRecovery };
  t.is(await rejected(operations.takeIdentity(domain, {})), 'conflict');
  t.is(await rejected(operations.prepareIdentity(domain, stranger)), 'key_invalid');
  t.is(await rejected(operations.prepareIdentity(domain, { identity: {} })), 'state_invalid');
  t.is(await rejected(operations.attach(domain, 'beckon-parent:AAAA')), 'cbor_type');
  t.is(await rejected(operations.attach(domain, 'hello')), 'request_invalid');
  t.is(await rejected(operations.identity('beta.test')), 'not_found');
  t.deepEqual(await file('working.json'), before);

  await operations.prepareIdentity(domain, {});
  const prepared = keysNow();
  t.is(await rejected(operations.takeIdentity(domain, {})), 'discovery_later');
  t.is(keysNow(), prepared);
  await operations.abandonIdentity(domain);
  const { progress: _p, ...rest } = await file('working.json');
  const { progress: _b, ...old } = before;
  t.deepEqual(rest, old);
});

test('a domain that leaves takes no notifications, and its identity does not change meanwhile', async (t) => {
  const { started, keys, clock } = await begun(t);
  const { operations, keyRing } = await started();
  const { id } = keys.keys.find(({ use }) => use === 'notification')!;
  t.is(keyRing.notificationKey(id, clock.seconds())?.domain, domain);
  t.true((await operations.retireDomain(domain, {})).leaving);
  t.is(keyRing.notificationKey(id, clock.seconds()), undefined);
  t.is(await rejected(operations.prepareIdentity(domain, {})), 'conflict');
  const again = await started();
  t.true((await again.operations.identity(domain)).leaving);
  t.false((await again.operations.retireDomain(domain, { back: true })).leaving);
  t.is(again.keyRing.notificationKey(id, clock.seconds())?.domain, domain);
});
