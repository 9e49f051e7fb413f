/** The canary: a domain that shows others something else than what its user signed. */
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { userKeysFromJson } from '../../src/keys/user-key-file.ts';
import { rotateUserKeys } from '../../src/keys/user-life.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { makeDomain, makeUser, seededRandom } from '../support/identities.ts';
import { mailPart } from './sink.ts';
import { createWorld, listed, type Shown, type TestClient, type World } from './world.ts';

const hours = 3600;

async function twoUsers() {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  return { world, ann, bob };
}

/** Another record of an own address: of the same identity, or of another one. */
function another(world: World, { address, state }: TestClient, identity: 'same' | 'other'): Uint8Array {
  if (identity === 'other') return makeUser(makeDomain('alpha.test'), 'ann', 'somebody else').inner;
  const at = world.clock.seconds();
  const keys = userKeysFromJson((JSON.parse(state.text ?? '') as { userKeys: unknown }).userKeys);
  return signUserRecord({
    keys: rotateUserKeys(keys, seededRandom('another device'), at),
    address,
    serial: at + 100,
    now: at,
  });
}

function recordOf({ state }: TestClient): Uint8Array {
  return base64urlnopad.decode((JSON.parse(state.text ?? '') as { record: string }).record);
}

const codes = ({ client }: TestClient): readonly string[] => client.alarms().map(({ code }) => code);

async function look(world: World, { client }: TestClient): Promise<void> {
  world.clock.advance(2 * hours + 10);
  await client.sync();
}

test('a domain that shows everybody something else is found out, whatever it shows', async (t) => {
  const lies: Readonly<Record<string, (world: World, ann: TestClient) => Partial<Shown> | 'gone'>> = {
    identity_other: (world, ann) => ({ record: another(world, ann, 'other') }),
    record_other: (world, ann) => ({ record: another(world, ann, 'same') }),
    record_invalid: (_world, ann) => ({ record: Uint8Array.from([...recordOf(ann).slice(0, -1), 0]) }),
    record_missing: () => 'gone',
    not_active: () => ({ status: 'suspended' }),
    escrow: () => ({ escrow: true }),
  };
  for (const [code, lie] of Object.entries(lies)) {
    const { world, ann } = await twoUsers();
    await look(world, ann);
    t.deepEqual(ann.client.alarms(), [], code);
    const began = world.clock.seconds() + 2 * hours + 10;
    world.listing = (_address, truth) => {
      const shown = lie(world, ann);
      return shown === 'gone' ? shown : { ...truth, ...shown };
    };
    await look(world, ann);
    t.deepEqual(ann.client.alarms(), [{ code, address: ann.address, since: began, seen: began }] as unknown);
    await look(world, ann);
    t.like(ann.client.alarms(), [{ code, since: began, seen: world.clock.seconds() }]);
  }
});

test('an older record of one’s own is a lie once the domain had an hour to show the newer one', async (t) => {
  const { world, ann } = await twoUsers();
  const first = recordOf(ann);
  await ann.client.sync();
  world.listing = (_address, truth) => ({ ...truth, record: first });
  await ann.client.revokeKeys();
  world.clock.advance(hours - 10);
  await ann.client.sync();
  t.deepEqual(codes(ann), []);
  await look(world, ann);
  t.deepEqual(codes(ann), ['record_older']);
});

test('who was lied to stays worth knowing after the domain shows the truth again; what explains itself goes', async (t) => {
  const { world, ann } = await twoUsers();
  const truth = world.listing;
  world.listing = (_address, shown) => ({
    ...shown,
    record: another(world, ann, 'other'),
    status: 'suspended',
  });
  await look(world, ann);
  t.deepEqual(codes(ann), ['identity_other', 'not_active']);
  world.listing = truth;
  await look(world, ann);
  t.like(ann.client.alarms(), [{ code: 'identity_other', corrected: world.clock.seconds() }]);
  await look(world, ann);
  t.like(ann.client.alarms(), [{ corrected: world.clock.seconds() - 2 * hours - 10 }]);
  const again = await ann.restart();
  t.deepEqual(codes(again), ['identity_other']);
  await again.client.dismissAlarms();
  await look(world, again);
  t.deepEqual(codes(again), []);
});

test('dismissed alarms come again as long as the domain lies, but for escrow that is known', async (t) => {
  const { world, ann } = await twoUsers();
  world.listing = (_address, shown) => ({ ...shown, record: another(world, ann, 'other'), escrow: true });
  await look(world, ann);
  t.deepEqual(codes(ann).toSorted(), ['escrow', 'identity_other']);
  await ann.client.dismissAlarms();
  t.deepEqual(codes(ann), []);
  await look(world, ann);
  t.deepEqual(codes(ann), ['identity_other']);
});

test('a domain that cannot be asked says nothing, and nobody is asked more than hourly', async (t) => {
  const { world, ann } = await twoUsers();
  let asked = 0;
  world.listing = () => {
    asked++;
    return { kind: 'later', reason: 'network_failed' };
  };
  await ann.client.sync();
  t.is(asked, 1);
  world.clock.advance(hours - 1);
  await ann.client.sync();
  t.is(asked, 1);
  world.clock.advance(hours + 1);
  await ann.client.sync();
  t.is(asked, 2);
  t.deepEqual(codes(ann), []);
});

test('a domain that lies to correspondents only: what they write is refused, and tells who was shown what', async (t) => {
  const { world, ann, bob } = await twoUsers();
  // The keys are Ann's: all that differs is what else the record says.
  const keys = userKeysFromJson((JSON.parse(ann.state.text ?? '') as { userKeys: unknown }).userKeys);
  const at = world.clock.seconds();
  const record = signUserRecord({ keys, address: ann.address, serial: at + 5, bridged: true, now: at });
  world.outcomes.set(ann.address, listed(world, ann.address, record));
  await bob.client.send({ to: [ann.address], parts: [mailPart('hello')], subject: '' });
  world.outcomes.delete(ann.address);
  await ann.client.sync();
  t.like(await ann.client.open(1), { status: 'refused', refusal: 'message_misdirected', from: bob.address });
  const alarm = { code: 'record_shown', address: ann.address, by: bob.address, since: at, seen: at };
  t.deepEqual(ann.client.alarms(), [alarm] as unknown);
  await look(world, ann);
  t.deepEqual(codes(ann), ['record_shown'], 'that its own look finds nothing proves nothing');
  await ann.client.dismissAlarms();
  t.deepEqual(codes(ann), []);
});
