/** What earlier versions saved is read for good: `saved/` holds what their clients wrote. */
import { readFile } from 'node:fs/promises';
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { receivedKey } from '../../src/client/reduce.ts';
import { createSecretsStore, loadSecrets } from '../../src/client/secrets.ts';
import { formatState, parseState } from '../../src/client/state-json.ts';
import { createWorld, memoryFile } from './world.ts';

const saved = (name: string): Promise<string> =>
  readFile(new URL(`./saved/${name}.json`, import.meta.url), 'utf8');

test('the state of 0.1.0 loads with all that was in it, and is saved in the form of today', async (t) => {
  const text = await saved('state-0.1.0');
  const before = JSON.parse(text);
  const state = parseState(text);
  const received = Object.values(state.received);
  t.like(state, { version: 1, address: 'ann@alpha.test', enrolled: true, nextDrop: 1 });
  t.deepEqual(
    received.map(({ number }) => number).sort((a, b) => a - b),
    [2, 3, 4, 5],
  );
  t.true(Object.entries(state.received).every(([key, entry]) => key === receivedKey(entry)));
  t.deepEqual(state.accepts, received.filter(({ status }) => status === 'accepted').map(receivedKey));
  for (const member of [
    'record',
    'userKeys',
    'master',
    'epoch',
    'contacts',
    'drops',
    'sent',
    'letters',
  ] as const)
    t.deepEqual(state[member], before[member], member);
  t.deepEqual(parseState(formatState(state)), state);
});

test('a client goes on over the files of 0.1.0', async (t) => {
  const files = {
    state: memoryFile(await saved('state-0.1.0')),
    secrets: memoryFile(await saved('device-0.1.0')),
  };
  const { epoch } = parseState(files.state.text ?? '');
  t.is(base64urlnopad.encode((await loadSecrets(createSecretsStore(files.secrets), epoch)).epoch), epoch);
  const ann = await createWorld('alpha.test', 'beta.test').client(files, 'ann');
  t.is(ann.address(), 'ann@alpha.test');
  t.deepEqual(
    ann.inbox().map(({ number, status, cover }) => [number, status, cover]),
    [
      [2, 'accepted', undefined],
      [5, 'opened', true],
    ],
  );
  t.like(ann.entry(5), { parts: [{ status: 'opened' }, { status: 'opened' }] });
});

test('what was put off before devices shared that stays put off', async (t) => {
  const before = JSON.parse(await saved('state-0.1.0')) as { received: Record<string, object> };
  const [[name, entry] = ['', {}]] = Object.entries(before.received);
  before.received[name] = { ...entry, deferred: 1_900_000_000 };
  const state = parseState(JSON.stringify(before));
  const deferred = Object.values(state.received).flatMap((received) => received.deferred ?? []);
  t.deepEqual(deferred, [{ until: 1_900_000_000, at: 0 }]);
  t.deepEqual(parseState(formatState(state)).received, state.received);
});
