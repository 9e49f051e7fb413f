/** Who takes a client's files, and recorded all that ever lay at its correspondents' domains. */
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { Secret } from '../../src/crypto/secret.ts';
import { deriveDrop } from '../../src/message/drops.ts';
import { openPrivateHeader } from '../../src/message/private-header.ts';
import type { PrivateHeader } from '../../src/wire/message.ts';
import { mailPart, memorySink } from './sink.ts';
import { createWorld, type ClientFiles, type StoredMessage } from './world.ts';

const bytesOf = base64urlnopad.decode;

/** Ann wrote to Bob by introduction, Bob answered over her drop, and both read what they got. */
async function conversation() {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  await ann.client.send({ to: [bob.address], parts: [mailPart('first')], subject: '' });
  await bob.client.sync();
  await bob.client.payload(1, memorySink());
  await bob.client.send({ to: [ann.address], parts: [mailPart('answer')], subject: '' });
  await ann.client.sync();
  await ann.client.payload(2, memorySink());
  const [first, answer] = world.messages();
  if (first === undefined || answer === undefined) throw new Error('two messages were sent');
  return { world, ann, bob, first, answer };
}

/** Whatever in the files may be a seed: each value of 32 bytes, and what the chain still gives. */
function seedsIn({ state, secrets }: ClientFiles): readonly Secret[] {
  const texts = [...`${state.text} ${secrets.text}`.matchAll(/"([\w-]{43})"/g)].map(([, text]) => text ?? '');
  const { epoch, chain: last } = JSON.parse(secrets.text ?? '') as Record<'epoch' | 'chain', string>;
  const { master } = JSON.parse(state.text ?? '') as { master: string };
  const source = { master: new Secret(bytesOf(master)), epoch: bytesOf(epoch) };
  const derived: Secret[] = [];
  let chain = new Secret(bytesOf(last));
  for (let n = 0; n < 4; n++) {
    const drop = deriveDrop(source, n, chain);
    derived.push(drop.sealingSeed);
    chain = drop.nextChain;
  }
  return [...[...new Set(texts)].map((text) => new Secret(bytesOf(text))), ...derived];
}

function openWithAny(files: ClientFiles, message: StoredMessage): PrivateHeader | undefined {
  const { destination: domain, recipientHash, id: messageId } = message;
  for (const seed of seedsIn(files)) {
    try {
      return openPrivateHeader(message.header, [seed], { domain, recipientHash, messageId });
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

test('a stolen disk does not open what came over a drop that is forgotten', async (t) => {
  const { world, ann, answer } = await conversation();
  t.truthy(openWithAny(ann, answer), 'while the drop lives its seed is there');
  world.clock.advance(91 * 86_400);
  await ann.client.sync();
  t.is(openWithAny(ann, answer), undefined);
});

test('a stolen disk does not open first messages to keys that rotated and are forgotten', async (t) => {
  const { world, bob, first } = await conversation();
  world.clock.advance(40 * 86_400);
  await bob.client.sync();
  t.truthy(openWithAny(bob, first), 'while a message may be on its way the key is there');
  world.clock.advance(97 * 86_400);
  await bob.client.sync();
  t.is(openWithAny(bob, first), undefined);
});

test('a stolen disk does not open what its user sent', async (t) => {
  const { ann, bob, first } = await conversation();
  const header = openWithAny(bob, first);
  t.truthy(header);
  t.is(openWithAny(ann, first), undefined);
  for (const key of ['contentKey', 'envelopeKey', 'bindingKey', 'acceptToken'] as const) {
    const text = base64urlnopad.encode(header?.[key] ?? new Uint8Array());
    t.true(ann.sending?.text?.includes('beckon-sending-1'), 'it was there while it was sent');
    t.false(`${ann.state.text} ${ann.secrets.text} ${ann.sending?.text}`.includes(text), key);
  }
});
