import test, { type ExecutionContext } from 'ava';
import type { ReceivedRequest } from '../../src/account/authenticate.ts';
import { createReadFeed } from '../../src/fetch/feed.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import type { KeyPair } from '../../src/keys/key-pair.ts';
import { signRequest, type SignedRequest } from '../../src/message/http-signature.ts';
import { opened, random, start } from '../store/fixture.ts';
import { rejected } from '../support/identities.ts';
import { access, newDevice, signed } from './access.ts';
import { alpha, amy, ann, gamma, otherAnn } from './fixture.ts';

const body = { sha256: sha256(new TextEncoder().encode('{"count":1}')) };
const request: SignedRequest = {
  method: 'POST',
  domain: 'alpha.test',
  target: '/.well-known/beckon/account/reservations?x=1',
  body,
};

async function home(t: ExecutionContext) {
  const { store, clock } = await opened(t);
  const { authenticate, enrolled } = access(store, clock, [alpha, gamma]);
  return {
    store,
    clock,
    enrolled,
    authenticate,
    outcome: (received: ReceivedRequest, domain = 'alpha.test') =>
      rejected(authenticate.user(domain, received)),
  };
}

test('a device of an enrolled user is who it says', async (t) => {
  const { authenticate, enrolled } = await home(t);
  const [annsDevice, amysDevice] = [await enrolled(ann), await enrolled(amy)];
  t.deepEqual(await authenticate.user('alpha.test', signed(request, annsDevice)), {
    owner: { domain: 'alpha.test', user: ann.verified.addressHash },
    device: annsDevice.publicKey,
    kind: 'device',
  });
  const { owner } = await authenticate.user('alpha.test', signed(request, amysDevice));
  t.deepEqual(owner.user, amy.verified.addressHash);
  const { body: _, ...bare } = request;
  t.deepEqual((await authenticate.user('alpha.test', signed(bare, annsDevice))).device, annsDevice.publicKey);
});

test('a device that nobody enrolled, or that was removed, is refused', async (t) => {
  const { store, enrolled, outcome } = await home(t);
  const device = await enrolled(ann);
  t.is(await outcome(signed(request, newDevice())), 'unauthorized');
  t.is(await outcome(signed(request, ann.keys.identity)), 'unauthorized', 'the identity key is no device');
  const other = newDevice();
  const by = { by: device.publicKey, name: '', now: start };
  await store.users.addDevice('alpha.test', ann.verified.addressHash, { device: other.publicKey, ...by });
  await store.users.removeDevice('alpha.test', ann.verified.addressHash, {
    device: device.publicKey,
    by: other.publicKey,
  });
  t.is(await outcome(signed(request, device)), 'unauthorized');
  t.is(await outcome(signed(request, other)), 'no error');
});

test('a suspended user is refused until let in again', async (t) => {
  const { store, enrolled, outcome } = await home(t);
  const device = await enrolled(ann);
  const suspend = (suspended: boolean) =>
    store.users.suspend('alpha.test', ann.verified.addressHash, suspended);
  await suspend(true);
  t.is(await outcome(signed(request, device)), 'unauthorized');
  await suspend(false);
  t.is(await outcome(signed(request, device)), 'no error');
});

test('a device of another domain of the same daemon is refused', async (t) => {
  const { enrolled, outcome } = await home(t);
  const [own, other] = [await enrolled(ann), await enrolled(otherAnn)];
  t.is(await outcome(signed(request, other)), 'unauthorized', 'signed for the right authority');
  const elsewhere = signed({ ...request, domain: 'gamma.test' }, other);
  t.is(await outcome(elsewhere, 'gamma.test'), 'no error');
  t.is(await outcome(elsewhere), 'unauthorized', 'signed for the other domain');
  t.is(await outcome(signed(request, own), 'gamma.test'), 'unauthorized');
});

test('a request made more than an hour ago, or ahead, is refused', async (t) => {
  const { enrolled, outcome, clock } = await home(t);
  const device = await enrolled(ann);
  t.is(await outcome(signed(request, device, start - 3600)), 'no error');
  t.is(await outcome(signed(request, device, start + 3600)), 'no error');
  t.is(await outcome(signed(request, device, start - 3601)), 'unauthorized');
  t.is(await outcome(signed(request, device, start + 3601)), 'unauthorized');
  const kept = signed(request, device);
  clock.advance(3601);
  t.is(await outcome(kept), 'unauthorized', 'a replay');
});

test('a signature is good for what was signed only', async (t) => {
  const { enrolled, outcome } = await home(t);
  const device = await enrolled(ann);
  const good = signed(request, device);
  const [path] = request.target.split('?') as [string];
  const { body: _, ...bare } = good;
  const altered: Readonly<Record<string, ReceivedRequest>> = {
    'another method': { ...good, method: 'PUT' },
    'another path': { ...good, target: '/.well-known/beckon/account/messages?x=1' },
    'another query': { ...good, target: `${path}?x=2` },
    'no query': { ...good, target: path },
    'another domain': { ...good, domain: 'gamma.test' },
    'another body': { ...good, body: { sha256: sha256(random(9)) } },
    'no body': bare,
    'a body that was not signed': { ...signed(bare, device), body },
  };
  for (const [what, received] of Object.entries(altered)) t.is(await outcome(received), 'unauthorized', what);
  t.is(await outcome(good), 'no error');
});

test('each altered part of the signature is refused', async (t) => {
  const { enrolled, outcome } = await home(t);
  const device = await enrolled(ann);
  const another = await enrolled(amy);
  const { signature } = signed(request, device);
  const input = signature['signature-input']!;
  const keyid = /keyid="([^"]+)"/.exec(input)![1]!;
  const amyInput = signRequest(request, another, start)['signature-input'];
  const inputs = [
    '',
    'beckon=()',
    input.replace('"@method" ', ''),
    input.replace('"@authority" ', ''),
    input.replace('"@path" ', ''),
    input.replace('"@query" ', ''),
    input.replace(' "content-digest"', ''),
    input.replace('"@method"', '"@method" "@method"'),
    input.replace('"@method"', '"@method";req'),
    input.replace(/created=\d+/, `created=${start + 1}`),
    input.replace(/;created=\d+/, ''),
    input.replace(keyid, 'AAAA'),
    input.replace(/keyid="[^"]+"/, /keyid="[^"]+"/.exec(amyInput)![0]),
    input.replace('alg="ed25519"', 'alg="hmac-sha256"'),
    input.replace(';alg="ed25519"', ''),
    input.replace('beckon/1 account', 'beckon/2 account'),
    input.replace('beckon=', 'other='),
    `${input};expires=${start - 3601}`,
    `${input};nonce="n"`,
  ];
  for (const changed of inputs) {
    t.not(changed, input);
    const received = { ...request, signature: { ...signature, 'signature-input': changed } };
    t.is(await outcome(received), 'unauthorized', changed);
  }
  const bytes = signature.signature!;
  const flippedBit = bytes.replace(/:(.)/, (_, first: string) => `:${first === 'A' ? 'B' : 'A'}`);
  for (const changed of [undefined, '', 'beckon=:AAAA:', bytes.replace('beckon', 'other'), flippedBit])
    t.is(
      await outcome({ ...request, signature: { ...signature, signature: changed } }),
      'unauthorized',
      changed,
    );
  const digest = signature['content-digest']!;
  for (const changed of [undefined, '', digest.replace('sha-256', 'sha-512'), 'sha-256=:AAAA:'])
    t.is(
      await outcome({ ...request, signature: { ...signature, 'content-digest': changed } }),
      'unauthorized',
      changed,
    );
});

test('the feed is for users of the domain: the daemon asks who signed first', async (t) => {
  const { store, clock, enrolled, authenticate } = await home(t);
  const [own, other] = [await enrolled(ann), await enrolled(otherAnn)];
  const readFeed = createReadFeed({ feed: store.feed, bucketBits: async () => 0, clock });
  const target = '/.well-known/beckon/introductions';
  const ask = async (device: KeyPair) => {
    await authenticate.user('alpha.test', signed({ method: 'GET', domain: 'alpha.test', target }, device));
    return readFeed('alpha.test', {});
  };
  t.is(await rejected(ask(own)), 'no error');
  t.is(await rejected(ask(other)), 'unauthorized');
  t.is(await rejected(ask(newDevice())), 'unauthorized');
});

test('who spoke when a request began and was removed, or suspended, speaks no more when its body is there', async (t) => {
  const { store, enrolled, clock, authenticate } = await home(t);
  const key = await enrolled(ann);
  const { user, still } = authenticate;
  const speaker = await user('alpha.test', signed(request, key));
  t.is(await rejected(still(speaker)), 'no error');
  const owner = ann.verified.addressHash;
  await store.users.suspend('alpha.test', owner, true);
  t.is(await rejected(still(speaker)), 'unauthorized');
  await store.users.suspend('alpha.test', owner, false);
  const other = { device: newDevice().publicKey, name: '', by: key.publicKey, now: clock.seconds() };
  await store.users.addDevice('alpha.test', owner, other);
  await store.users.removeDevice('alpha.test', owner, { device: key.publicKey, by: other.device });
  t.is(await rejected(still(speaker)), 'unauthorized');
});
