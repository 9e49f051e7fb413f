/** Contact cards: made, read, used once, claimed by the first, revoked, refused. */
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { decode, encode } from '../../src/wire/schema.ts';
import { contactCard } from '../../src/wire/card.ts';
import { decodeSign1, encodeSign1 } from '../../src/wire/sign1.ts';
import { rejected } from '../support/identities.ts';
import { mailPart, memorySink, textIn } from './sink.ts';
import { createWorld, homeOf, listed, type TestClient, type World } from './world.ts';

const day = 86_400;

async function people() {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const eve = await world.addUser('eve', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  return { world, ann, eve, bob };
}

const write = (from: TestClient, to: string, text = 'hello', expires?: number) =>
  from.client.send({
    to: [to],
    parts: [mailPart(text)],
    subject: 'hi',
    ...(expires === undefined ? {} : { expires }),
  });

async function codeOfSending(from: TestClient, to: string): Promise<string | undefined> {
  const { number, recipients } = await write(from, to);
  return number === undefined ? recipients[0]?.code : 'sent';
}

const cardsOf = (world: World) => homeOf(world, 'beta.test').cards;

test('a card: the link is fetched, the message goes over its drop, the answer takes over', async (t) => {
  const { world, ann, bob } = await people();
  const made = await bob.client.cards.make({ note: 'ann' });
  t.regex(made.link, /^https:\/\/beckon\.beta\.test\/\.well-known\/beckon\/cards\/[\w-]{22}#[\w-]{43}$/);
  t.is(made.expires, world.clock.seconds() + 30 * day);
  t.deepEqual(
    [...cardsOf(world).values()].map((sealed) => sealed.length),
    [4168],
  );
  t.like(await ann.client.cards.read(made.link), {
    address: bob.address,
    expires: made.expires,
    whole: made.whole,
  });

  const sent = await write(ann, made.link);
  t.like(sent.recipients, [{ to: bob.address, address: bob.address, outcome: 'native', way: 'card' }]);
  t.false(JSON.stringify(sent).includes(made.link.slice(-43)), 'the key is not repeated');
  t.is(world.messages()[0]?.introduction, undefined, 'nobody is introduced');
  world.fetches.length = 0;
  const { entries } = await bob.client.sync();
  t.like(entries, [{ status: 'waiting', way: 'card', card: 'ann', fromVerified: false }]);
  t.is(entries[0]?.from, undefined, 'nobody knows before it is opened');
  t.deepEqual(world.fetches, [], 'nobody was asked before the user decided');
  t.like(await bob.client.open(1), { status: 'opened', from: ann.address, fromVerified: true, way: 'card' });
  const sink = memorySink();
  await bob.client.payload(1, sink);
  t.is(textIn(sink), 'hello');
  t.like(bob.client.cards.list(), [{ id: made.id, claimed: { by: ann.address } }]);
  t.is(cardsOf(world).size, 0, 'others find nothing');

  t.like((await write(bob, ann.address, 'answer')).recipients, [{ way: 'drop' }]);
  t.like((await ann.client.sync()).entries, [{ status: 'opened', from: bob.address, way: 'drop' }]);
  t.like((await write(ann, bob.address)).recipients, [{ way: 'drop' }]);
  t.like((await bob.client.sync()).entries, [{ status: 'opened', from: ann.address, way: 'drop' }]);
});

test('several parts go over one card, and are opened together', async (t) => {
  const { ann, bob } = await people();
  const { whole } = await bob.client.cards.make();
  await ann.client.send({ to: [whole], parts: [mailPart('one'), mailPart('two')], subject: '' });
  const waiting = (await bob.client.sync()).entries;
  t.is(waiting.length, 3);
  for (const { number } of waiting) await bob.client.open(number);
  const [cover] = bob.client.inbox().filter(({ cover: is }) => is);
  t.deepEqual(
    cover?.parts?.map(({ status }) => status),
    ['opened', 'opened'],
  );
});

test('a sender uses a card once; what is not sent does not use it up', async (t) => {
  const { world, ann, bob } = await people();
  const { whole } = await bob.client.cards.make();
  world.before = ({ path }) => {
    if (path.endsWith('/messages')) throw Object.assign(new Error('no'), {});
  };
  await t.throwsAsync(write(ann, whole));
  world.before = () => {};
  t.is(await codeOfSending(ann, whole), 'sent');
  t.is(await codeOfSending(ann, whole), 'conflict');
  t.is(await codeOfSending(await ann.restart(), whole), 'conflict');
  t.like((await write(ann, bob.address)).recipients, [{ way: 'introduction' }]);
});

test('the first whose message verifies has the card: others are refused, and their domain is not asked', async (t) => {
  const { world, ann, eve, bob } = await people();
  const { whole } = await bob.client.cards.make();
  await write(eve, whole, 'from eve');
  await write(ann, whole, 'from ann');
  const waiting = (await bob.client.sync()).entries;
  t.is(waiting.length, 2);
  for (const { number } of waiting) await bob.client.open(number);
  const [first, second] = bob.client.inbox();
  t.is(first?.status, 'opened');
  t.like(second, { status: 'refused', refusal: 'message_mismatch' });
  t.is(bob.client.cards.list()[0]?.claimed?.by, first?.from);
  t.is(world.messages().length, 2);
});

test('a message that does not verify claims nothing', async (t) => {
  const { world, ann, eve, bob } = await people();
  const { whole } = await bob.client.cards.make();
  await write(eve, whole);
  const [forged] = world.messages();
  if (forged !== undefined) forged.header = forged.header.map((byte, at) => (at === 2000 ? byte ^ 1 : byte));
  const [waiting] = (await bob.client.sync()).entries;
  t.like(await bob.client.open(waiting?.number ?? 0), { status: 'refused' });
  t.is(bob.client.cards.list()[0]?.claimed, undefined);
  await write(ann, whole);
  const [good] = (await bob.client.sync()).entries;
  t.like(await bob.client.open(good?.number ?? 0), { status: 'opened', from: ann.address });
});

test('a card is durable in the state blob before anyone sees it', async (t) => {
  const { world, bob } = await people();
  world.before = ({ method, path }) => {
    if (method === 'PUT' && path.endsWith('/state')) throw Object.assign(new Error('no'), {});
  };
  await t.throwsAsync(bob.client.cards.make());
  t.is(cardsOf(world).size, 0);
  world.before = () => {};
  t.deepEqual(bob.client.cards.list(), [], 'and the drop that was made for it is revoked');
});

test('a card lasts for an hour to 90 days, and its message no longer than it', async (t) => {
  const { world, ann, bob } = await people();
  for (const lasts of [0, 3599, 90 * day + 1, Number.NaN])
    t.is(await rejected(bob.client.cards.make({ lasts })), 'request_invalid');
  t.is(await rejected(bob.client.cards.make({ note: 'x'.repeat(201) })), 'request_invalid');
  const { whole, expires } = await bob.client.cards.make({ lasts: 2 * 3600 });
  const now = world.clock.seconds();
  t.like(await write(ann, whole, 'too long', now + 3 * 3600), { recipients: [{ code: 'drop_expired' }] });
  t.is((await write(ann, whole)).expires, expires, 'it ends with the card where nothing else was said');
  world.clock.advance(3601);
  t.is(await codeOfSending(ann, (await bob.client.cards.make({ lasts: 3600 })).whole), 'sent');
  const short = await bob.client.cards.make({ lasts: 3600 });
  world.clock.advance(1);
  t.is(await codeOfSending(ann, short.whole), 'drop_expired', 'less than a message waits');
  world.clock.advance(3600);
  t.is(await codeOfSending(ann, short.whole), 'drop_expired');
  t.deepEqual(bob.client.cards.list(), []);
});

test('a revoked card leads nowhere: the link is dead, the drop is polled no more and its seed is gone', async (t) => {
  const { world, ann, bob } = await people();
  const made = await bob.client.cards.make();
  t.is(await rejected(bob.client.cards.revoke('')), 'not_found');
  t.is(await rejected(bob.client.cards.revoke('nobody')), 'not_found');
  await bob.client.cards.revoke(made.id.slice(0, 8));
  t.is(cardsOf(world).size, 0);
  t.deepEqual(bob.client.cards.list(), []);
  t.is(await codeOfSending(ann, made.link), 'not_found');
  await write(ann, made.whole);
  t.deepEqual((await bob.client.sync()).entries, []);
  const { drops } = JSON.parse(bob.state.text ?? '') as {
    drops: Record<string, { kind: string; seed?: string }>;
  };
  t.deepEqual(
    Object.values(drops).filter(({ kind, seed }) => kind === 'card' && seed !== undefined),
    [],
  );
});

test('what is forged, of another domain, of another identity or withdrawn is refused, and nothing is sent', async (t) => {
  const { world, ann, eve, bob } = await people();
  const made = await bob.client.cards.make();
  const signed = base64urlnopad.decode(made.whole.slice('beckon-card:'.length));
  const object = decodeSign1(signed);
  const card = decode(contactCard, object.payload);
  const whole = (bytes: Uint8Array): string => `beckon-card:${base64urlnopad.encode(bytes)}`;
  const forged = (over: Partial<typeof card>): string =>
    whole(encodeSign1({ ...object, payload: encode(contactCard, { ...card, ...over }) }));
  t.is(await codeOfSending(ann, forged({ created: card.created - 1 })), 'signature_invalid');
  t.is(await codeOfSending(ann, forged({ address: eve.address })), 'fingerprint_mismatch');
  t.is(await codeOfSending(ann, forged({ address: 'nobody@beta.test' })), 'user_unknown');
  t.is(
    await codeOfSending(ann, forged({ drop: { ...card.drop, domain: 'alpha.test' } })),
    'message_mismatch',
  );
  t.is(await codeOfSending(ann, whole(signed.slice(0, -1))), 'cbor_truncated');
  t.is(await codeOfSending(ann, 'beckon-card:AAAA=='), 'request_invalid');
  const [domain, fragment] = [
    made.link.replace('beta', 'alpha'),
    made.link.replace(/#.*/, `#${'A'.repeat(43)}`),
  ];
  t.is(await codeOfSending(ann, domain), 'not_found');
  t.is(await codeOfSending(ann, fragment), 'commitment_mismatch');
  t.is(await codeOfSending(ann, made.link.replace('beta', 'gamma')), 'discovery_none');
  // The domain serves another card under the id.
  const other = await bob.client.cards.make();
  cardsOf(world).set(made.id, cardsOf(world).get(other.id) ?? new Uint8Array());
  t.is(await codeOfSending(ann, made.link), 'commitment_mismatch');
  cardsOf(world).set(made.id, new Uint8Array(4167));
  t.is(await codeOfSending(ann, made.link), 'payload_truncated');
  const outcome = listed(world, bob.address);
  world.outcomes.set(bob.address, { ...outcome, dropsSince: card.drop.created + 1 });
  t.is(await codeOfSending(ann, made.whole), 'drop_expired');
  t.deepEqual(world.messages(), []);
});

test('after a theft all cards are void', async (t) => {
  const { world, ann, bob } = await people();
  const { whole } = await bob.client.cards.make();
  world.clock.advance(10);
  await bob.client.revokeKeys();
  t.deepEqual(bob.client.cards.list(), []);
  const outcome = listed(world, bob.address);
  const { dropsSince } = bob.client.ownKeys();
  world.outcomes.set(bob.address, { ...outcome, dropsSince });
  t.is(await codeOfSending(ann, whole), 'drop_expired');
});
