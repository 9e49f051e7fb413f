import test, { type ExecutionContext } from 'ava';
import type { ReceivedRequest } from '../../src/account/authenticate.ts';
import { createDevices, pairingLife } from '../../src/account/devices.ts';
import { createProfile } from '../../src/account/profile.ts';
import { createStates, maxState } from '../../src/account/state.ts';
import type { KeyPair } from '../../src/keys/key-pair.ts';
import type { SignerKind } from '../../src/store/api/users.ts';
import { collected, opened, pieces, random, sha256, start } from '../store/fixture.ts';
import { rejected } from '../support/identities.ts';
import { access, newDevice, signed } from './access.ts';
import { alpha, amy, ann, gamma, otherAnn } from './fixture.ts';

const all: readonly SignerKind[] = ['device', 'recovery', 'pairing', 'gateway'];
const request = { method: 'GET', domain: 'alpha.test', target: '/.well-known/beckon/account/user' };

async function home(t: ExecutionContext) {
  const { store, clock } = await opened(t);
  const { authenticate, enroll, invited, enrolled } = access(store, clock, [alpha, gamma]);
  const [laptop, phrase] = [newDevice(), newDevice()];
  const keys = { device: laptop.publicKey, name: 'laptop', recovery: phrase.publicKey };
  await enroll('alpha.test', { token: await invited(ann.address), record: ann.inner, ...keys });
  const as = (key: KeyPair, kinds: readonly SignerKind[] = all, at = start) =>
    authenticate.user('alpha.test', signed(request, key, at) satisfies ReceivedRequest, kinds);
  return {
    store,
    clock,
    enrolled,
    laptop,
    phrase,
    as,
    devices: createDevices({ users: store.users, clock }),
    states: createStates({ ...store, limits: () => ({}) }),
    profile: createProfile({
      ...store,
      quotaOf: async () => 1000,
      keepOf: async () => 90,
      pullTermsOf: async () => ({ userBytes: 500, keep: 80 }),
    }),
  };
}

function state(bytes: Uint8Array, previous?: Uint8Array) {
  return { size: bytes.length, hash: sha256(bytes), bytes: pieces(bytes), previous };
}

test('a device sees what the domain knows of its user', async (t) => {
  const { store, profile, as, laptop, phrase, devices, states, clock } = await home(t);
  const user = await as(laptop);
  await devices.pair(user, { pairing: newDevice().publicKey, expires: start + 60 });
  const alias = { addressHash: random(32), local: 'a.nn', user: ann.verified.addressHash };
  await store.aliases.add('alpha.test', alias);
  clock.advance(3);
  await states.write(user, state(random(100)));
  t.deepEqual(await profile(user), {
    address: ann.address,
    local: 'ann',
    record: ann.inner,
    aliases: [{ address: 'a.nn@alpha.test' }],
    devices: [
      { device: laptop.publicKey, kind: 'device', name: 'laptop', added: start },
      { device: phrase.publicKey, kind: 'recovery', name: '', added: start },
    ],
    state: { size: 100, changed: start + 3 },
    used: 100,
    quota: 1000,
    keep: 90,
    pulled: { used: 0, quota: 500, keep: 80 },
  });
});

test('each kind of key is let in where its kind is asked for, and nowhere else', async (t) => {
  const { as, laptop, phrase, devices, store } = await home(t);
  const pairing = newDevice();
  await devices.pair(await as(laptop), { pairing: pairing.publicKey, expires: start + 60 });
  const gateway = newDevice();
  const { owner, device: by } = await as(laptop);
  const sealed = new Uint8Array(9);
  const made = { kind: 'submission', device: gateway.publicKey, name: '', sealed, by, now: start } as const;
  await store.gateways.put(owner, made);
  const keys: Readonly<Record<SignerKind, KeyPair>> = { device: laptop, recovery: phrase, pairing, gateway };
  for (const kind of all)
    for (const asked of all) {
      const outcome = await rejected(as(keys[kind], [asked]));
      t.is(outcome, kind === asked ? 'no error' : 'unauthorized', `${kind} as ${asked}`);
    }
});

test('a device that is added speaks for the user, and no more once it is removed', async (t) => {
  const { as, laptop, devices } = await home(t);
  const phone = newDevice();
  await devices.add(await as(laptop), { device: phone.publicKey, name: 'phone' });
  const user = await as(phone);
  await devices.remove(await as(laptop), phone.publicKey);
  t.is(await rejected(as(phone)), 'unauthorized');
  const late = { device: newDevice().publicKey, name: '' };
  t.is(await rejected(devices.add(user, late)), 'unauthorized', 'a request that was let in before');
});

test('a pairing reads the state and adds one device, within its hour', async (t) => {
  const { as, laptop, devices, states, clock } = await home(t);
  const blob = random(5000);
  await states.write(await as(laptop), state(blob));
  const [pairing, phone] = [newDevice(), newDevice()];
  const wanted = { pairing: pairing.publicKey, expires: start + 10 * pairingLife };
  t.deepEqual(await devices.pair(await as(laptop), wanted), { expires: start + pairingLife });
  t.is(await rejected(devices.pair(await as(laptop), { ...wanted, expires: start })), 'request_invalid');

  const newcomer = await as(pairing);
  const read = (await states.read(newcomer))!;
  t.deepEqual(await collected(read.open(0, read.size)), blob);
  await devices.add(newcomer, { device: phone.publicKey, name: 'phone' });
  await devices.add(await as(pairing), { device: phone.publicKey, name: 'phone' });
  t.is(await rejected(states.read(await as(pairing))), 'unauthorized', 'it was used');
  t.truthy(await states.read(await as(phone)));

  const second = newDevice();
  await devices.pair(await as(laptop), { ...wanted, pairing: second.publicKey });
  clock.advance(pairingLife);
  t.is(await rejected(as(second, all, start + pairingLife)), 'unauthorized', 'past');
});

test('keys of other users, and keys that are none, are no devices', async (t) => {
  const { as, laptop, phrase, devices, enrolled } = await home(t);
  const user = await as(laptop);
  const amys = await enrolled(amy);
  const others = await enrolled(otherAnn);
  for (const key of [amys, others]) {
    const { publicKey } = key;
    t.is(await rejected(devices.add(user, { device: publicKey, name: '' })), 'conflict');
    t.is(await rejected(devices.setRecovery(user, publicKey)), 'conflict');
    t.is(await rejected(devices.pair(user, { pairing: publicKey, expires: start + 60 })), 'conflict');
  }
  t.is(await rejected(devices.add(user, { device: phrase.publicKey, name: '' })), 'conflict');
  const small = new Uint8Array(32);
  t.is(await rejected(devices.add(user, { device: small, name: '' })), 'key_invalid');
  t.is(await rejected(devices.setRecovery(user, small)), 'key_invalid');
  t.is(await rejected(devices.pair(user, { pairing: small, expires: start + 60 })), 'key_invalid');
});

test('another user has another state, and devices of their own', async (t) => {
  const { as, laptop, devices, states, enrolled, profile } = await home(t);
  const amys = await as(await enrolled(amy));
  await states.write(await as(laptop), state(random(100)));
  t.is(await states.read(amys), undefined);
  await states.write(amys, state(random(50)));
  await devices.remove(amys, laptop.publicKey);
  t.is((await profile(await as(laptop))).devices.length, 2, 'not hers to remove');
  t.like(await profile(amys), { address: amy.address, used: 50 });
});

test('a state has 16 MiB at most, and a full quota does not keep it out', async (t) => {
  const { as, laptop, states, store } = await home(t);
  const user = await as(laptop);
  const large = { ...state(random(1)), size: maxState + 1 };
  t.is(await rejected(states.write(user, large)), 'too_large');
  const tight = createStates({ ...store, limits: () => ({ totalBytes: 10 }) });
  t.is(await rejected(tight.write(user, state(random(11)))), 'storage_full');
  await tight.write(user, state(random(10)));
});

test('a recovery key is another one than that of the device', async (t) => {
  const { store, clock } = await opened(t);
  const { enroll, invited } = access(store, clock, [alpha]);
  const { publicKey } = newDevice();
  const enrolment = { token: await invited(ann.address), record: ann.inner, device: publicKey };
  t.is(await rejected(enroll('alpha.test', { ...enrolment, recovery: publicKey })), 'request_invalid');
  t.is(await rejected(enroll('alpha.test', { ...enrolment, recovery: new Uint8Array(32) })), 'key_invalid');
  t.is(await rejected(enroll('alpha.test', { ...enrolment, recovery: newDevice().publicKey })), 'no error');
});
