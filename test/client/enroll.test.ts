import test from 'ava';
import { BeckonError } from '../../src/errors.ts';
import { parseState } from '../../src/client/state-json.ts';
import { rejected } from '../support/identities.ts';
import { createWorld, homeOf, invite, memoryFile } from './world.ts';

function files() {
  return { state: memoryFile(), secrets: memoryFile() };
}

test('an invitation becomes a user whose record the domain lists', async (t) => {
  const world = createWorld('alpha.test');
  const saved = files();
  const client = await world.client(saved, 'ann');
  t.is(client.address(), undefined);
  const enrolled = await client.enroll(invite(world, 'ann', 'alpha.test'));
  t.like(enrolled, { address: 'ann@alpha.test', listed: true });
  t.is(enrolled.fingerprint.length, 43);
  t.is(client.address(), 'ann@alpha.test');
  t.is((await world.client(saved, 'ann')).address(), 'ann@alpha.test');
  t.is(homeOf(world, 'alpha.test').users.size, 1);
});

test('the chain and the device key are not in the state', async (t) => {
  const world = createWorld('alpha.test');
  const { state, secrets } = await world.addUser('ann', 'alpha.test');
  const { chain, device } = JSON.parse(secrets.text ?? '') as { chain: string; device: { secret: string } };
  t.false(state.text?.includes(chain));
  t.false(state.text?.includes(device.secret));
});

test('before enrolment there is no state to ask for', async (t) => {
  const client = await createWorld('alpha.test').client(files(), 'ann');
  t.throws(() => client.inbox(), { code: 'unauthorized' });
  t.is(await rejected(client.sync()), 'unauthorized');
});

test('another domain than the invitation names is refused, and nothing is kept', async (t) => {
  const world = createWorld('alpha.test');
  const saved = files();
  const client = await world.client(saved, 'ann');
  const forged = invite(world, 'ann', 'alpha.test', new Uint8Array(32).fill(7));
  t.is(await rejected(client.enroll(forged)), 'fingerprint_mismatch');
  t.is(saved.state.text, undefined);
  t.deepEqual(world.requests, []);
  t.is(await rejected(client.enroll('beckon-invitation:xxxx')), 'invitation_invalid');
});

test('a domain that cannot be reached, is none, or is not native', async (t) => {
  const world = createWorld('alpha.test');
  const client = await world.client(files(), 'ann');
  const invitation = invite(world, 'ann', 'alpha.test');
  for (const kind of ['later', 'none', 'legacy'] as const) {
    world.outcomes.set('alpha.test', { kind, reason: 'x', mx: [] });
    t.is(await rejected(client.enroll(invitation)), `discovery_${kind}`);
  }
  world.outcomes.clear();
  t.like(await client.enroll(invitation), { listed: true });
});

test('a lost answer is repeated with the same bytes, in this run or the next', async (t) => {
  const world = createWorld('alpha.test');
  const saved = files();
  const invitation = invite(world, 'ann', 'alpha.test');
  world.after = () => {
    throw new BeckonError('network_failed', 'the answer was lost');
  };
  const client = await world.client(saved, 'ann');
  t.is(await rejected(client.enroll(invitation)), 'network_failed');
  t.deepEqual(
    world.requests,
    Array.from({ length: 3 }, () => 'POST account/enroll'),
  );
  t.is(client.address(), undefined);
  t.is(await rejected(client.sync()), 'unauthorized');

  world.after = () => {};
  const again = await world.client(saved, 'ann');
  t.like(await again.enroll(invitation), { address: 'ann@alpha.test', listed: true });
  t.deepEqual((await again.sync()).entries, []);
});

test('one home serves one address', async (t) => {
  const world = createWorld('alpha.test');
  const { client } = await world.addUser('ann', 'alpha.test');
  t.is(await rejected(client.enroll(invite(world, 'ann', 'alpha.test'))), 'exists');
  t.is(await rejected(client.enroll(invite(world, 'bob', 'alpha.test'))), 'exists');
});

test('an invitation that was refused leaves the home free for another address', async (t) => {
  const world = createWorld('alpha.test', 'beta.test');
  const spent = invite(world, 'ann', 'alpha.test');
  await (await world.client(files(), 'ann')).enroll(spent);

  const saved = files();
  t.is(await rejected((await world.client(saved, 'bob')).enroll(spent)), 'invitation_invalid');
  const bob = await world.client(saved, 'bob');
  t.like(await bob.enroll(invite(world, 'bob', 'beta.test')), { address: 'bob@beta.test', listed: true });
  t.is((await world.client(saved, 'bob')).address(), 'bob@beta.test');
});

test('an enrolment whose answer was lost is not given up for another address', async (t) => {
  const world = createWorld('alpha.test');
  const saved = files();
  const first = invite(world, 'ann', 'alpha.test');
  world.after = () => {
    throw new BeckonError('network_failed', 'the answer was lost');
  };
  t.is(await rejected((await world.client(saved, 'ann')).enroll(first)), 'network_failed');
  world.after = () => {};

  const again = await world.client(saved, 'ann');
  t.is(await rejected(again.enroll(invite(world, 'bob', 'alpha.test'))), 'exists');
  world.outcomes.set('ann@alpha.test', { kind: 'later', reason: 'unreachable' });
  t.is(await rejected(again.enroll(invite(world, 'bob', 'alpha.test'))), 'exists');
  world.outcomes.clear();
  t.like(await again.enroll(first), { address: 'ann@alpha.test', listed: true });
});

test('a domain that lists other keys is found out', async (t) => {
  const world = createWorld('alpha.test');
  const other = await world.addUser('bob', 'alpha.test');
  t.truthy(other);
  const client = await world.client(files(), 'ann');
  world.outcomes.set('ann@alpha.test', { kind: 'changed', of: 'user', pinned: new Uint8Array(32) });
  t.is(await rejected(client.enroll(invite(world, 'ann', 'alpha.test'))), 'record_mismatch');
});

test('a domain that does not list the keys yet is no failure', async (t) => {
  const world = createWorld('alpha.test');
  const client = await world.client(files(), 'ann');
  world.outcomes.set('ann@alpha.test', { kind: 'legacy', reason: 'by_mail' });
  t.like(await client.enroll(invite(world, 'ann', 'alpha.test')), { listed: false });
});

test('nothing is asked for before state and secrets are saved', async (t) => {
  for (const which of ['state', 'secrets'] as const) {
    const world = createWorld('alpha.test');
    const saved = files();
    const client = await world.client(saved, 'ann');
    saved[which].fail = true;
    t.is(await rejected(client.enroll(invite(world, 'ann', 'alpha.test'))), 'storage_failed');
    t.deepEqual(world.requests, []);
    saved[which].fail = false;
    t.like(await client.enroll(invite(world, 'ann', 'alpha.test')), { listed: true });
  }
});

test('a damaged state is refused and left as it is', async (t) => {
  const world = createWorld('alpha.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const whole = ann.state.text ?? '';
  const damages = [
    '',
    'null',
    '{}',
    whole.slice(0, -20),
    whole.replace('"version":1', '"version":2'),
    whole.replace('"enrolled":true', '"enrolled":1'),
    whole.replace('"nextDrop":', '"nextdrop":'),
    whole.replace('"accepts":[]', '"accepts":["x"]'),
    whole.replace('"version":1', '"version":1,"more":1'),
  ];
  for (const text of damages) {
    t.not(text, whole);
    const { writes } = ann.state;
    ann.state.text = text;
    t.is(await rejected(ann.restart()), 'state_invalid', text.slice(0, 40));
    t.throws(() => parseState(text), { code: 'state_invalid' });
    t.is(ann.state.text, text);
    t.is(ann.state.writes, writes);
  }
});

test('damaged, missing or foreign secrets are refused', async (t) => {
  const world = createWorld('alpha.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'alpha.test');
  for (const text of [undefined, '{}', '[', bob.secrets.text, ann.secrets.text?.replace('"n":0', '"n":-1')]) {
    ann.secrets.text = text;
    t.is(await rejected((await ann.restart()).client.sync()), 'state_invalid');
    t.is(ann.secrets.text, text);
  }
});
