/** Clients and strangers that do not keep to the rules. */
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { Secret } from '../../src/crypto/secret.ts';
import type { ClientState } from '../../src/client/state.ts';
import { usableKey } from '../../src/keys/published-key.ts';
import { createDeviceKey } from '../../src/keys/user-keys.ts';
import { provePoll } from '../../src/message/poll-proof.ts';
import { pollRequest, pollResponse, type PollEntry, type PollResponse } from '../../src/wire/collect.ts';
import { acceptRequest, messageObject } from '../../src/wire/message.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { rejected } from '../support/identities.ts';
import { b64, deviceOf, openCaller, type Caller } from './caller.ts';
import { memoryFile, type Files } from './person.ts';
import { startTown, type Town } from './town.ts';

const bytesOf = base64urlnopad.decode;

function stateOf({ state }: Files): ClientState {
  return JSON.parse(state.text ?? '') as ClientState;
}

test('a stranger who knows where to look, and makes up the proof, sees nothing', async (t) => {
  await using town = await startTown();
  await using stranger = openCaller(town);
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'for bob alone');
  await bob.arrivals();
  const [pollKey = ''] = Object.keys(stateOf(bob).drops);
  const [{ id } = { id: '' }] = Object.values(stateOf(bob).received);
  const known = { pollKey: bytesOf(pollKey) };

  for (const entry of [
    { ...known, proof: random(16) },
    { ...known, proof: new Uint8Array(16) },
    { pollKey: random(32), proof: random(16) },
    { ...known, proof: random(16), done: [[bytesOf(id), 0]] as const },
  ])
    t.deepEqual((await poll(stranger, town, entry)).answers, [{ refs: [] }]);

  // The sender knows the drop's poll key too, and cannot prove it.
  const owner = { kind: 'handed-over', scalar: new Secret(random(32)), pollKey: known.pollKey } as const;
  t.deepEqual((await pollAs(stranger, town, owner)).answers, [{ refs: [] }]);

  // What the stranger called done is still there.
  await bob.restart();
  t.is(await bob.read(1), 'for bob alone');
});

test('a client submits, lists and takes back for its own user only', async (t) => {
  await using town = await startTown();
  await using caller = openCaller(town);
  const ann = await town.enroll('ann@alpha.test');
  const eve = await town.enroll('eve@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const { recipients } = await ann.send([bob.address], 'from ann');
  const handle = recipients[0]?.handles?.[0] ?? '';
  const [anns, eves] = [await deviceOf(ann), await deviceOf(eve)];

  const { ids } = (
    await caller.call('alpha.test', 'account/reservations', { device: anns, body: { count: 1 } })
  ).json() as { ids: string[] };
  const upload = b64(random(16));
  const size = { method: 'PUT', body: { size: 4096 } } as const;
  t.is((await caller.call('alpha.test', `account/uploads/${upload}`, { ...size, device: anns })).status, 200);

  const ask = async (path: string, options: object): Promise<string | number> => {
    const answer = await caller.call('alpha.test', path, { device: eves, ...options });
    return answer.code ?? answer.status;
  };
  t.is(await ask(`account/uploads/${upload}`, {}), 'not_found', "another user's upload");
  t.is(
    await ask(`account/uploads/${upload}/parts/0`, {
      method: 'PUT',
      body: random(4096),
      type: 'application/octet-stream',
    }),
    'not_found',
  );
  t.is(await ask(`account/messages/${handle}`, {}), 'not_found', "another user's message");
  t.is(await ask(`account/messages/${handle}/retract`, { method: 'POST' }), 'not_found');
  t.deepEqual((await eve.client().sent()).length, 0);

  // Eve's own upload, committed under an id that was reserved for Ann.
  const own = b64(random(16));
  const payload = random(4096);
  await ask(`account/uploads/${own}`, size);
  await ask(`account/uploads/${own}/parts/0`, {
    method: 'PUT',
    body: payload,
    type: 'application/octet-stream',
  });
  const message = {
    id: ids[0],
    destination: 'beta.test',
    recipientHash: b64(random(32)),
    header: b64(random(4096)),
    envelope: await envelopeOf(ann, caller),
    acceptTokenHash: b64(random(32)),
    expires: town.clock.seconds() + 86_400,
  };
  const commit = { upload: own, payloadHash: b64(sha256(payload)), messages: [message] };
  t.is(await ask('account/messages', { body: commit }), 'conflict', 'ids reserved for another user');

  // Nobody's device, and a device at a domain that is not its own.
  const stranger = createDeviceKey('alpha.test', random, town.clock.seconds());
  for (const path of ['account/messages', 'introductions', `account/messages/${handle}`]) {
    t.is(await ask(path, { device: stranger }), 'unauthorized');
    t.is(await ask(path, { device: undefined }), 'unauthorized');
    t.is((await caller.call('beta.test', path, { device: eves })).code, 'unauthorized');
  }
  await bob.arrivals();
  t.is(await bob.read(1), 'from ann');
});

test('a client that gives itself another address is refused by the recipient', async (t) => {
  await using town = await startTown();
  await town.enroll('ann@alpha.test');
  const eve = await town.enroll('eve@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const forged = { ...stateOf(eve), address: 'ann@alpha.test' };
  const liar = await town.person('ann@alpha.test', {
    state: memoryFile(JSON.stringify(forged)),
    secrets: eve.secrets,
  });
  const { number } = await liar.send([bob.address], 'it is me, ann');
  t.is(number, 1, 'the domain cannot see who signs');
  t.like(await bob.arrivals(), [{ status: 'waiting', from: 'ann@alpha.test', fromVerified: false }]);
  const opened = await bob.client().open(1);
  t.not(opened.status, 'opened');
  t.is(opened.refusal ?? opened.held, 'fingerprint_mismatch');
  t.not(await rejected(bob.read(1)), 'no error');
  t.false(opened.fromVerified);
});

test('whoever guesses an accept token ends nothing', async (t) => {
  await using town = await startTown();
  await using stranger = openCaller(town);
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'keep it');
  await bob.arrivals();
  const [{ id } = { id: '' }] = Object.values(stateOf(bob).received);
  const body = encode(acceptRequest, { id: bytesOf(id), acceptToken: random(32) });
  const answers = await Promise.all([
    stranger.call('alpha.test', `m/${id}/accept`, { body }),
    stranger.call('alpha.test', `m/${b64(random(32))}`),
    stranger.call('alpha.test', 'm/x'),
    stranger.call('beta.test', `m/${id}`),
  ]);
  for (const { status, code, bytes } of answers) {
    t.deepEqual([status, code], [404, 'message_gone']);
    t.deepEqual(bytes, answers[0].bytes, 'dead ids look alike');
  }
  t.like(await ann.client().sent(), [{ recipients: [{ state: 'stored' }] }]);
  t.is(await bob.read(1), 'keep it');
});

/** Of the first message that somebody sent. */
async function envelopeOf(files: Files, caller: Caller): Promise<string> {
  const [part] = stateOf(files).sent.flatMap(({ parts }) => parts);
  const { bytes } = await caller.call('alpha.test', `m/${part?.messageId}`);
  return b64(decode(messageObject, bytes).envelope);
}

async function keyOfBeta(caller: Caller, town: Town) {
  const peer = await caller.network.domains.domain('beta.test');
  if (peer.kind !== 'native') throw new Error('not native');
  return usableKey(peer.record, 'poll', town.clock.seconds());
}

async function poll(caller: Caller, town: Town, entry: PollEntry): Promise<PollResponse> {
  const { id: keyId } = await keyOfBeta(caller, town);
  const body = encode(pollRequest, {
    time: town.clock.seconds(),
    nonce: random(16),
    keyId,
    entries: [entry],
  });
  return decode(pollResponse, (await caller.call('beta.test', 'poll', { body })).bytes);
}

async function pollAs(
  caller: Caller,
  town: Town,
  owner: Parameters<typeof provePoll>[0],
): Promise<PollResponse> {
  const { id: keyId, key } = await keyOfBeta(caller, town);
  const occasion = { domain: 'beta.test', keyId, time: town.clock.seconds(), nonce: random(16) };
  const entries = [provePoll(owner, key, occasion)];
  const { time, nonce } = occasion;
  const body = encode(pollRequest, { time, nonce, keyId, entries });
  return decode(pollResponse, (await caller.call('beta.test', 'poll', { body })).bytes);
}
