/** What the threat model says and no other test holds, over the real network and the real disk. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { concat } from '../../src/crypto/kdf.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { searchDirectory, type Needle } from '../../src/demo/search.ts';
import { loadDomainKeys } from '../../src/admin/key-files.ts';
import { parseInvitation } from '../../src/wire/invitation.ts';
import { datagramTypes } from '../../src/wire/registry.ts';
import { flipped, keyOf } from '../support/identities.ts';
import { eventually } from './eventually.ts';
import type { Files } from './person.ts';
import { startTown } from './town.ts';
import { standBefore } from './wire.ts';

/** Every secret of a client that stands in its files under a name. */
function secretsOf({ state, secrets }: Files): readonly Needle[] {
  const named = /"(secret|master|seed|scalar|chain|contentKey|acceptToken)":"([\w-]+)"/g;
  return [...`${state.text} ${secrets.text}`.matchAll(named)].flatMap(([, name = '', text = '']) =>
    waysToWrite(name, base64urlnopad.decode(text)),
  );
}

function waysToWrite(name: string, bytes: Uint8Array): readonly Needle[] {
  const texts = [base64urlnopad.encode(bytes), Buffer.from(bytes).toString('hex')];
  return [bytes, ...texts.map((text) => Buffer.from(text))].map((way) => ({ name, bytes: way }));
}

test('no secret of a client lies at a hoster: private keys, seeds, content keys, tokens', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'first');
  await bob.arrivals();
  await bob.client().open(1);
  await bob.send([ann.address], 'answer');
  await ann.arrivals();
  const { invitation } = await town.hoster('alpha').admin.inviteUser('carol@alpha.test');
  const token = waysToWrite('token', parseInvitation(invitation).token);
  const needles = [...secretsOf(ann), ...secretsOf(bob), ...token];
  const names = new Set(needles.map(({ name }) => name));
  t.deepEqual(
    [...names].sort(),
    ['acceptToken', 'chain', 'contentKey', 'master', 'scalar', 'secret', 'seed', 'token'],
    'there is something of each kind to look for',
  );
  for (const hoster of town.hosters()) {
    await hoster.stop();
    const [keys] = await loadDomainKeys(hoster.data);
    if (keys === undefined) throw new Error('no keys');
    const control = waysToWrite('of the domain', keyOf(keys, 'poll').secret.expose());
    t.deepEqual([...(await searchDirectory(hoster.data, [...needles, ...control]))], ['of the domain']);
  }
});

test('nothing that comes by UDP is answered', async (t) => {
  await using town = await startTown();
  await using wire = await standBefore(town, 'beta');
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'first');
  const genuine = await eventually('datagram', () => wire.seen[0]);
  const beta = town.hoster('beta');
  const [keys] = await loadDomainKeys(beta.data);
  const keyId = keys === undefined ? new Uint8Array(8) : keyOf(keys, 'notification').id;

  const stranger = createSocket('udp4').bind(0, '127.0.0.1');
  await once(stranger, 'listening');
  const answers: Uint8Array[] = [];
  stranger.on('message', (answer) => answers.push(answer));
  const say = (datagram: Uint8Array): Promise<unknown> =>
    new Promise((resolve) => stranger.send(datagram, beta.ports().udp, beta.address, resolve));
  // The control: what does answer is heard.
  const echo = createSocket('udp4').bind(0, '127.0.0.1');
  await once(echo, 'listening');
  echo.on('message', (datagram, { port, address }) => echo.send(datagram, port, address));

  for (const datagram of [
    new Uint8Array(0),
    random(512),
    concat(Uint8Array.of(datagramTypes.notification), keyId, random(503)),
    flipped(genuine),
    genuine,
    genuine,
  ])
    await say(datagram);
  t.is((await bob.arrivals()).length, 1, 'they were received');
  stranger.send('heard', echo.address().port, '127.0.0.1');
  await eventually('echo', () => answers[0]);
  t.deepEqual(
    answers.map((answer) => String(answer)),
    ['heard'],
  );
  for (const socket of [stranger, echo]) {
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  }
});
