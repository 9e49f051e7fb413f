import { rm } from 'node:fs/promises';
import { base64urlnopad } from '@scure/base';
import test, { type ExecutionContext } from 'ava';
import { createInvite, createReinvite } from '../../src/account/invite.ts';
import { adoptDomains } from '../../src/admin/adopt-domains.ts';
import { createBackups } from '../../src/admin/backup.ts';
import { createEffectiveSettings } from '../../src/admin/domain-settings.ts';
import { keyDirectory, loadDomainKeys, saveDomainKeys } from '../../src/admin/key-files.ts';
import { createRunningOperations } from '../../src/admin/running.ts';
import { decodeConfig } from '../../src/config.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { ed25519Public } from '../../src/crypto/sign.ts';
import { createPublisher } from '../../src/directory/publish.ts';
import { addressHash, recoveryHash } from '../../src/keys/fingerprints.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { parseRecoveryKey } from '../../src/keys/recovery-key.ts';
import { silentLog } from '../../src/log.ts';
import { sealNotification } from '../../src/message/notification.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createReceive } from '../../src/notify/receive.ts';
import { parseInvitation } from '../../src/wire/invitation.ts';
import { domainAnswer, domainRecord } from '../../src/wire/keys.ts';
import { decode } from '../../src/wire/schema.ts';
import { decodeSign1 } from '../../src/wire/sign1.ts';
import { access } from '../account/access.ts';
import { accounts, asUser, sendOne } from '../account/fixture.ts';
import { admit, refTo } from '../fetch/fixture.ts';
import { opened, random, start, temporaryDir, pieces, sha256 } from '../store/fixture.ts';
import { keyOf, makeDomain, makeUser, rejected } from '../support/identities.ts';

const alpha = makeDomain('alpha.test');
const beta = makeDomain('beta.test');
const ann = makeUser(alpha, 'ann');

/** A daemon without its sockets, whose data directory has the keys of alpha.test. */
async function daemon(t: ExecutionContext, more = '') {
  const { store, clock } = await opened(t);
  const data = temporaryDir(t);
  const configOf = (text: string) => decodeConfig(`host = "post.hoster.net"\ndata = "${data}"\n${text}`);
  const state = { config: configOf(more), ports: { https: 8443, udp: 4620 as number | null }, reloads: 0 };
  const keyRing = createKeyRing();
  await saveDomainKeys(data, alpha.keys);
  await adoptDomains(data, keyRing, store.domains);
  const settings = createEffectiveSettings(store.domains, () => state.config);
  const metrics = createMetrics();
  const inviting = {
    users: store.users,
    fingerprintOf: (domain: string) => keyRing.keysOf(domain)?.fingerprint,
    clock,
    random: systemRandom,
  };
  const operations = createRunningOperations({
    version: '1.2.3',
    config: () => state.config,
    ports: () => state.ports,
    store,
    keyRing,
    settings,
    invite: createInvite(inviting),
    reinvite: createReinvite(inviting),
    async reload() {
      state.reloads++;
      return { restartNeeded: ['host'] };
    },
    settleKeys: async () => undefined,
    watchers: () => 40,
    ownDns: async (domain) => (domain === 'alpha.test' ? 'validated' : 'missing'),
    backups: createBackups({ dataDir: () => data, store, version: '1.2.3', clock, hasRoom: () => true }),
    metrics,
    clock,
    random: systemRandom,
  });
  return { store, clock, data, state, configOf, keyRing, settings, metrics, operations };
}

/** A datagram from beta.test about a message arrives. */
async function notified(
  { store, keyRing, clock, metrics }: Awaited<ReturnType<typeof daemon>>,
  messageId: Uint8Array,
) {
  const receive = createReceive({
    findKey: (id) => keyRing.notificationKey(id, clock.seconds()),
    records: { known: async () => beta.verified, learn: async () => beta.verified, renew: async () => {} },
    pending: store.pending,
    preferences: store.preferences,
    events: store.events,
    introductionsPerHour: async () => 0,
    refQuota: 10,
    clock,
    metrics,
    log: silentLog,
  });
  const datagram = sealNotification({
    sender: 'beta.test',
    serial: 1,
    time: start,
    refs: [{ ...refTo(random(32)), messageId }],
    signing: keyOf(beta.keys, 'domainSigning'),
    receiver: 'alpha.test',
    receiverKey: alpha.verified.keys.find(({ use }) => use === 'notification')!,
    random: systemRandom,
  });
  receive.receive(datagram, '192.0.2.7');
  await receive.settled();
}

test('a domain is added: served at once, its keys on disk, its recovery key told once', async (t) => {
  const { operations, keyRing, data, store } = await daemon(t);
  const added = await operations.addDomain('Second.Test');
  const keys = keyRing.keysOf('second.test')!;
  t.is(added.domain, 'second.test');
  t.is(added.fingerprint, base64urlnopad.encode(keys.fingerprint));
  const recovery = ed25519Public(parseRecoveryKey(added.recoveryKey).expose());
  t.deepEqual(recoveryHash(recovery), keys.recoveryHash);
  const loaded = (await loadDomainKeys(data)).find(({ domain }) => domain === 'second.test');
  t.deepEqual(loaded?.fingerprint, keys.fingerprint);
  t.truthy(loaded?.identity);
  t.truthy(await store.domains.get('second.test'));
  t.deepEqual(added.dns, await operations.domainDns('second.test'));
});

test('where mail programs hand in mail stands in DNS, once they do', async (t) => {
  const services = async (more: string) =>
    (await (await daemon(t, more)).operations.domainDns('alpha.test'))
      .filter(({ name }) => name.startsWith('_submission'))
      .map(({ name, type, value }) => `${name} ${type} ${value}`);
  t.deepEqual(await services(''), []);
  t.deepEqual(await services('[submission]\nlisten = ":465"\nstarttls = ":10587"'), [
    '_submissions._tcp.alpha.test SRV 0 1 465 post.hoster.net.',
    '_submission._tcp.alpha.test SRV 0 1 10587 post.hoster.net.',
  ]);
});

test('a domain is added once', async (t) => {
  const { operations, data, keyRing } = await daemon(t);
  t.is(await rejected(operations.addDomain('alpha.test')), 'exists');
  t.is(await rejected(operations.addDomain('ALPHA.test')), 'exists');
  const [one, other] = await Promise.all([
    rejected(operations.addDomain('new.test')),
    rejected(operations.addDomain('new.test')),
  ]);
  t.deepEqual([one, other].sort(), ['exists', 'no error']);
  const loaded = (await loadDomainKeys(data)).find(({ domain }) => domain === 'new.test');
  t.deepEqual(
    loaded?.fingerprint,
    keyRing.keysOf('new.test')?.fingerprint,
    'the keys that are served are on disk',
  );
  for (const bad of ['', 'no domain', 'a..test', 'localhost/..', '../alpha.test'])
    t.is(await rejected(operations.addDomain(bad)), 'domain_invalid', bad);
  await saveDomainKeys(data, beta.keys);
  t.is(await rejected(operations.addDomain('beta.test')), 'exists', 'keys that init made are never replaced');
});

test('the list shows each domain with its users and what holds for it', async (t) => {
  const { operations, store, clock } = await daemon(t, 'contact = "abuse@hoster.net"');
  await operations.addDomain('second.test');
  await access(store, clock, [alpha]).enrolled(ann);
  const [first, second] = await operations.domains();
  t.deepEqual(first, {
    domain: 'alpha.test',
    fingerprint: base64urlnopad.encode(alpha.keys.fingerprint),
    users: 1,
    settings: {
      contact: 'abuse@hoster.net',
      unknownUsers: 'mail',
      introductions: 'open',
      introductionsPerHour: 1000,
      bucketBits: 0,
      bridge: 'off',
      mailPolicy: 'mark',
      transit: 14 * 86_400,
      quota: 2_000_000_000,
      pullQuota: 500_000_000,
      egress: 1_000_000_000_000,
      keep: 90 * 86_400,
    },
    own: [],
    dns: 'validated',
  });
  t.like(second, { domain: 'second.test', users: 0, own: [], dns: 'missing' });
});

test('own settings hold over the defaults, and null takes them back', async (t) => {
  const { operations, settings } = await daemon(t);
  const before = (await settings.of('alpha.test'))!;
  t.is(before.contact, 'postmaster@post.hoster.net');
  const own = {
    contact: 'abuse@alpha.test',
    unknownUsers: '404',
    introductions: 'closed',
    introductionsPerHour: 7,
    bucketBits: 12,
    bridge: 'on' as const,
    mailPolicy: 'refuse' as const,
    transit: 3600,
    quota: 0,
    pullQuota: 0,
    egress: 5000,
    keep: 0,
  } as const;
  const changed = await operations.setDomain('Alpha.test', own);
  t.deepEqual(changed.settings, own);
  t.deepEqual([...changed.own].sort(), Object.keys(own).sort());
  t.deepEqual(await settings.of('alpha.test'), own, 'at once, for all that ask');

  const one = await operations.setDomain('alpha.test', { quota: null, contact: undefined });
  t.deepEqual(one.settings, { ...own, quota: before.quota });
  t.deepEqual(await operations.setDomain('alpha.test', {}), one);
  const none = Object.fromEntries(Object.keys(own).map((name) => [name, null]));
  const back = await operations.setDomain('alpha.test', none);
  t.deepEqual(back.settings, before);
  t.deepEqual(back.own, []);
  t.deepEqual((await operations.setDomain('alpha.test', none)).own, [], 'twice is once');
});

test('a setting that is out of its range changes nothing', async (t) => {
  const { operations } = await daemon(t);
  t.is(await rejected(operations.setDomain('alpha.test', { quota: 5, bucketBits: 13 })), 'cbor_range');
  t.is(
    await rejected(operations.setDomain('alpha.test', { unknownUsers: 'bounce' as 'mail' })),
    'state_invalid',
  );
  t.deepEqual((await operations.domains())[0]?.own, [], 'the domain can still be read');
});

test('decoys are refused beside a door that says who is there', async (t) => {
  const { operations } = await daemon(t, '[smtp_in]\nlisten = "127.0.0.1:2525"');
  t.is(await rejected(operations.setDomain('alpha.test', { unknownUsers: 'decoy' })), 'conflict');
  t.is((await operations.setDomain('alpha.test', { unknownUsers: '404' })).settings.unknownUsers, '404');
});

test('a reload of the configuration reaches domains without own settings at once', async (t) => {
  const { operations, settings, state, configOf } = await daemon(t);
  await operations.addDomain('second.test');
  await operations.setDomain('second.test', { transit: 7200 });
  state.config = configOf('[defaults]\ntransit = "2d"\nquota = "1GB"');
  t.like(await settings.of('alpha.test'), { transit: 2 * 86_400, quota: 1_000_000_000 });
  t.like(await settings.of('second.test'), { transit: 7200, quota: 1_000_000_000 });
  t.deepEqual(await operations.reload(), { restartNeeded: ['host'] });
  t.is(state.reloads, 1);
});

test('what is set shows in the published record with the next look-up', async (t) => {
  const { operations, settings, store, keyRing, clock } = await daemon(t);
  const { keysOf } = keyRing;
  const domains = { ...store.domains, get: settings.of };
  const publisher = createPublisher({ keysOf, domains, listed: store.listed, clock, log: silentLog });
  const published = async () => {
    const answer = decode(domainAnswer, (await publisher.domainAnswer('alpha.test'))!);
    return decode(domainRecord, decodeSign1(answer.record).payload);
  };
  const before = await published();
  await operations.setDomain('alpha.test', {
    contact: 'abuse@alpha.test',
    bucketBits: 3,
    introductions: 'closed',
  });
  const after = await published();
  t.like(after, { contact: 'abuse@alpha.test', bucketBits: 3, limits: { introductionsPerHour: 0 } });
  t.true(after.serial > before.serial);
});

test('the DNS records name the host and the ports that strangers reach', async (t) => {
  const values = async (more: string, udp: number | null = 4620) => {
    const { operations, state } = await daemon(t, more);
    state.ports = { https: 8443, udp };
    return (await operations.domainDns('alpha.test')).map(({ type, value }) => `${type} ${value}`);
  };
  const own = await values('');
  t.deepEqual(own.slice(0, 2), ['SRV 0 0 8443 post.hoster.net.', 'SRV 0 0 4620 post.hoster.net.']);
  t.is(own[3], 'CNAME post.hoster.net.');
  t.is(own.length, 4);
  t.regex(own[2]!, /^TXT "/);
  t.true(own[2]!.includes(base64urlnopad.encode(alpha.keys.fingerprint)));
  const proxied = await values('[listen]\nhttps = "127.0.0.1:8443"\n[tls]\nmode = "proxy"');
  t.is(proxied[0], 'SRV 0 0 443 post.hoster.net.', 'a proxy stands before it');
  const withoutUdp = await values('[listen]\nudp = ""', null);
  t.deepEqual(
    withoutUdp.map((line) => line.split(' ')[0]),
    ['SRV', 'TXT', 'CNAME'],
  );
});

test('nothing is said or done about domains that are not served', async (t) => {
  const { operations } = await daemon(t);
  t.is(await rejected(operations.setDomain('other.test', { quota: 5 })), 'not_found');
  t.is(await rejected(operations.domainDns('other.test')), 'not_found');
  t.is(await rejected(operations.users('other.test')), 'not_found');
  t.is(await rejected(operations.inviteUser('ann@other.test')), 'not_found');
  t.is(await rejected(operations.setDomain('no domain', {})), 'domain_invalid');
  t.deepEqual(
    (await operations.domains()).map(({ domain }) => domain),
    ['alpha.test'],
  );
});

test('users are invited, enrol, are suspended and let in again', async (t) => {
  const { operations, store, clock } = await daemon(t);
  const invited = await operations.inviteUser('Ann@Alpha.test');
  t.is(invited.address, 'ann@alpha.test');
  const { token, ...rest } = parseInvitation(invited.invitation);
  t.deepEqual(rest, { domain: 'alpha.test', local: 'ann', fingerprint: alpha.keys.fingerprint });
  const ofAnn = { address: 'ann@alpha.test', created: start, bytes: 0 };
  t.deepEqual(await operations.users('alpha.test'), [{ ...ofAnn, state: 'invited', devices: 0 }]);

  const device = random(32);
  await access(store, clock, [alpha]).enroll('alpha.test', { token, record: ann.inner, device });
  t.deepEqual(await operations.users('ALPHA.test'), [{ ...ofAnn, state: 'active', devices: 1 }]);
  t.is(await rejected(operations.inviteUser('ann@alpha.test')), 'exists');

  t.deepEqual(await operations.suspendUser('ANN@alpha.test', true), {
    ...ofAnn,
    state: 'suspended',
    devices: 1,
  });
  t.is((await store.users.byDevice(device))?.status, 'suspended');
  t.deepEqual(await operations.suspendUser('ann@alpha.test', false), {
    ...ofAnn,
    state: 'active',
    devices: 1,
  });
});

test('aliases are given and taken', async (t) => {
  const { operations, store } = await daemon(t);
  await operations.inviteUser('ann@alpha.test');
  t.deepEqual(await operations.aliases('ann@alpha.test'), { address: 'ann@alpha.test', aliases: [] });
  const given = await operations.setAlias('ann@alpha.test', 'INFO@alpha.test', true);
  t.deepEqual(given, {
    address: 'ann@alpha.test',
    aliases: [{ address: 'info@alpha.test', listed: false }],
  });
  t.deepEqual(await operations.setAlias('ann@alpha.test', 'info@alpha.test', true), given);
  const user = addressHash('ann@alpha.test');
  await store.aliases.putRecord('alpha.test', addressHash('info@alpha.test'), { user, record: random(300) });
  t.true((await operations.aliases('ann@alpha.test')).aliases[0]?.listed);

  await operations.inviteUser('bea@alpha.test');
  const refused: [string, string, boolean, string][] = [
    ['ann@alpha.test', 'bea@alpha.test', true, 'exists'],
    ['bea@alpha.test', 'info@alpha.test', true, 'exists'],
    ['bea@alpha.test', 'info@alpha.test', false, 'not_found'],
    ['nobody@alpha.test', 'x@alpha.test', true, 'not_found'],
    ['ann@alpha.test', 'info@beta.test', true, 'address_invalid'],
    ['ann@alpha.test', 'info+tag@alpha.test', true, 'address_invalid'],
  ];
  for (const [address, alias, held, code] of refused)
    t.is(await rejected(operations.setAlias(address, alias, held)), code, alias);
  t.is(await rejected(operations.inviteUser('info@alpha.test')), 'exists');
  t.deepEqual((await operations.setAlias('ann@alpha.test', 'info@alpha.test', false)).aliases, []);
});

test('what is no address of a user here is refused', async (t) => {
  const { operations } = await daemon(t);
  for (const bad of ['ann', '@alpha.test', 'ann@', 'a b@alpha.test', 'ann+news@alpha.test'])
    t.regex(await rejected(operations.inviteUser(bad)), /^(address|domain)_invalid$/, bad);
  t.is(await rejected(operations.suspendUser('nobody@alpha.test', true)), 'not_found');
  t.is(await rejected(operations.suspendUser('ann@other.test', true)), 'not_found');
  t.is(await rejected(operations.suspendUser('nobody', true)), 'address_invalid');
});

test('a message can be traced by its handle, at either end', async (t) => {
  const { operations, store, clock } = await daemon(t);
  const { handle, message } = await sendOne(accounts(store, clock), asUser(ann));
  t.deepEqual(await operations.trace(handle), [{ time: start, event: 'stored', peer: 'beta.test' }]);
  t.deepEqual(await operations.trace(` ${handle.toUpperCase()} `), await operations.trace(handle));

  const receiver = await daemon(t);
  t.deepEqual(await receiver.operations.trace(handle), [], 'nobody heard of it there');
  await notified(receiver, message.id);
  t.deepEqual(await receiver.operations.trace(handle), [
    { time: start, event: 'received', peer: 'beta.test' },
  ]);
  for (const bad of ['', 'x', handle.slice(1), `${handle}a`, '0'.repeat(16)])
    t.is(await rejected(operations.trace(bad)), 'request_invalid', bad);
});

test('the status counts what waits and what came', async (t) => {
  const { operations, store, clock, metrics } = await daemon(t);
  const empty = await operations.status();
  t.deepEqual(empty, {
    version: '1.2.3',
    uptime: 0,
    domains: 1,
    users: 0,
    waiting: { messages: 0, bytes: 0, hasRoom: true },
    stored: { bytes: 0, maxBytes: 50_000_000_000, aside: 0 },
    pulled: { messages: 0, bytes: 0 },
    received: { since: start, stored: 0, introductions: 0, dropped: {} },
    mailQueue: 0,
    watchers: 40,
    identityWanted: [],
  });
  clock.advance(60);
  await access(store, clock, [alpha]).enrolled(ann);
  const one = await sendOne(accounts(store, clock), asUser(ann));
  clock.advance(60);
  await sendOne(accounts(store, clock), asUser(ann));
  await admit(store, [refTo(random(32), { introduction: random(178) })], {
    domain: 'alpha.test',
    sender: 'beta.test',
  });
  metrics.datagrams.inc({ outcome: 'stored' }, 2);
  metrics.datagrams.inc({ outcome: 'datagram_stale' });
  const { payload, message } = one;
  const bytes = 2 * (payload.payload.length + message.header.length + message.envelope.length);
  const state = random(9000);
  const shared = { size: 9000, hash: sha256(state), bytes: pieces(state) };
  await store.states.put(asUser(ann).owner, shared);
  t.deepEqual(await operations.status(), {
    version: '1.2.3',
    uptime: 120,
    domains: 1,
    users: 1,
    waiting: {
      messages: 2,
      bytes,
      hasRoom: true,
      oldest: { created: start + 60, destination: 'beta.test' },
    },
    stored: { bytes: bytes + 9000, maxBytes: 50_000_000_000, aside: 9000 },
    pulled: { messages: 0, bytes: 0 },
    received: { since: start, stored: 2, introductions: 1, dropped: { datagram_stale: 1 } },
    mailQueue: 0,
    watchers: 40,
    identityWanted: [],
  });
  t.is((await operations.users('alpha.test'))[0]?.bytes, (await operations.status()).stored.bytes);
});

test('a user is invited again, and removed', async (t) => {
  const { operations, store, clock } = await daemon(t);
  t.is(await rejected(operations.reinviteUser('ann@alpha.test', { revoke: false })), 'not_found');
  t.is(await rejected(operations.removeUser('ann@alpha.test')), 'not_found');
  await access(store, clock, [alpha]).enrolled(ann);
  const state = async () => (await operations.users('alpha.test'))[0]?.state;
  const issued = await operations.reinviteUser('ANN@alpha.test', { revoke: false });
  t.like(parseInvitation(issued.invitation), { domain: 'alpha.test', local: 'ann' });
  t.is(await state(), 'active');
  await operations.reinviteUser('ann@alpha.test', { revoke: true });
  t.is(await state(), 'suspended');
  t.deepEqual(await operations.removeUser('ANN@alpha.test'), { address: 'ann@alpha.test' });
  t.like((await operations.users('alpha.test'))[0], { state: 'gone', devices: 0, bytes: 0 });
  await operations.inviteUser('ann@alpha.test');
  t.is(await state(), 'invited');
});

test('a start adopts domains whose keys init made, and keeps the settings of those it knew', async (t) => {
  const { operations, data, store } = await daemon(t);
  await operations.setDomain('alpha.test', { quota: 5 });
  await saveDomainKeys(data, beta.keys);
  const ring = createKeyRing();
  for (let again = 0; again < 2; again++) await adoptDomains(data, ring, store.domains);
  t.deepEqual([...ring.domains()].sort(), ['alpha.test', 'beta.test']);
  t.deepEqual(ring.keysOf('beta.test')?.fingerprint, beta.keys.fingerprint);
  t.deepEqual((await store.domains.get('alpha.test'))?.own, { quota: 5 });
  t.deepEqual((await store.domains.get('beta.test'))?.own, {});
});

test('a domain of version 0.1 gets what decoys come from at the first start, and keeps it', async (t) => {
  const { data, store } = await daemon(t);
  const { decoys: made, ...older } = beta.keys;
  await saveDomainKeys(data, older);
  const [first, second] = [createKeyRing(), createKeyRing()];
  await adoptDomains(data, first, store.domains);
  await adoptDomains(data, second, store.domains);
  const root = first.keysOf('beta.test')?.decoys;
  t.is(root?.secret.length, 32);
  t.false(root?.secret.equals(made!.secret));
  t.true(second.keysOf('beta.test')?.decoys?.secret.equals(root!.secret));
  t.is(root?.start, made!.start);
});

test('a domain whose keys were taken away is not served, and does not hide the others', async (t) => {
  const { data, store, state, clock } = await daemon(t);
  const first = await daemon(t);
  await saveDomainKeys(data, beta.keys);
  await adoptDomains(data, createKeyRing(), store.domains);
  await rm(keyDirectory(data, 'beta.test'), { recursive: true });
  const keyRing = createKeyRing();
  await adoptDomains(data, keyRing, store.domains);
  const operations = createRunningOperations({
    version: '1',
    config: () => state.config,
    ports: () => state.ports,
    store,
    keyRing,
    settings: createEffectiveSettings(store.domains, () => state.config),
    settleKeys: async () => undefined,
    watchers: () => 0,
    invite: async () => ({ invitation: '', expires: 0 }),
    reinvite: async () => ({ invitation: '', expires: 0 }),
    reload: first.operations.reload,
    ownDns: async () => 'missing',
    backups: createBackups({ dataDir: () => data, store, version: '1', clock, hasRoom: () => true }),
    metrics: createMetrics(),
    clock,
    random: systemRandom,
  });
  await store.domains.update('beta.test', { quota: 5 });
  t.deepEqual(
    (await operations.domains()).map(({ domain }) => domain),
    ['alpha.test'],
  );
  t.is(await rejected(operations.domainDns('beta.test')), 'not_found');
  const again = await operations.addDomain('beta.test');
  t.not(again.fingerprint, base64urlnopad.encode(beta.keys.fingerprint), 'a new identity');
  t.deepEqual((await store.domains.get('beta.test'))?.own, { quota: 5 });
});
