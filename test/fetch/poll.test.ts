import test from 'ava';
import fc from 'fast-check';
import { Secret } from '../../src/crypto/secret.ts';
import {
  introductionDropForRecipient,
  introductionDropForSender,
  type DropOwner,
} from '../../src/message/drops.ts';
import { maxPollResponse, pollResponse, type PollEntry } from '../../src/wire/collect.ts';
import { refLabels, type RefLabels } from '../../src/wire/notification.ts';
import { bytes, decode, encode } from '../../src/wire/schema.ts';
import { opened, random, start } from '../store/fixture.ts';
import { flipped, keyOf, makeDomain, rejected } from '../support/identities.ts';
import { admit, ann, beta, bob, freshDrop, occasion, poller, prove, refTo, type Poller } from './fixture.ts';

const nothing = encode(pollResponse, { answers: [{ refs: [] }] });
const pollKey = keyOf(beta.keys, 'poll');

test('the owner of a drop gets its refs, and nobody else’s', async (t) => {
  const { store, clock } = await opened(t);
  const { ask } = poller(store, clock);
  const [mine, other] = [freshDrop(), freshDrop()];
  const ref = refTo(mine.hash);
  await admit(store, [ref, refTo(other.hash)]);
  t.deepEqual(await ask(mine.owner), {
    refs: [
      { id: ref.messageId, sender: 'alpha.test', expires: ref.expires, firstSeen: start, sizeClass: 12 },
    ],
  });
});

test('a ref that expired is not answered any more', async (t) => {
  const { store, clock } = await opened(t);
  const { ask } = poller(store, clock);
  const { owner, hash } = freshDrop();
  await admit(store, [refTo(hash, undefined, start + 100)]);
  clock.advance(99);
  t.is((await ask(owner)).refs.length, 1);
  clock.advance(1);
  t.is((await ask(owner)).refs.length, 0);
});

test('a stale request is refused as a whole, and nothing of it is done', async (t) => {
  const { store, clock } = await opened(t);
  const { ask, answers } = poller(store, clock);
  const { owner, hash } = freshDrop();
  const ref = refTo(hash);
  await admit(store, [ref]);
  for (const time of [start - 3601, start + 3601]) {
    const at = occasion({ time });
    t.is(await rejected(answers([prove(owner, at, { done: [[ref.messageId, 0]] })], at)), 'proof_stale');
  }
  t.is((await ask(owner)).refs.length, 1);
  for (const time of [start - 3600, start + 3600]) {
    const at = occasion({ time });
    t.is((await answers([prove(owner, at)], at))[0]?.refs.length, 1);
  }
});

test('the poll key named must be one of this domain, in use', async (t) => {
  const { store, clock } = await opened(t);
  const { owner, hash } = freshDrop();
  await admit(store, [refTo(hash)]);
  const withKey = (changes: object) =>
    poller(store, clock, {
      ...beta.keys,
      keys: beta.keys.keys.map((key) => (key.use === 'poll' ? { ...key, ...changes } : key)),
    });
  const outcome = async (under: Poller, keyId = pollKey.id, domain = 'beta.test') => {
    const { time, nonce } = occasion();
    const entries = [prove(owner, occasion({ time, nonce, keyId }))];
    return rejected(under.encoded({ time, nonce, keyId, entries }, domain));
  };
  t.is(await outcome(withKey({})), 'no error');
  t.is(await outcome(withKey({ status: 'retired' })), 'no error', 'in the overlap of a rotation');
  t.is(await outcome(withKey({}), random(8)), 'key_unknown');
  t.is(await outcome(withKey({}), keyOf(beta.keys, 'envelope').id), 'key_unknown', 'of another use');
  t.is(await outcome(withKey({}), pollKey.id, 'gamma.test'), 'key_unknown', 'of another domain');
  t.is(await outcome(withKey({ status: 'pending' })), 'key_not_active');
  t.is(await outcome(withKey({ status: 'revoked' })), 'key_not_active');
  t.is(await outcome(withKey({ status: 'retired', notAfter: start - 3601 })), 'key_not_active');
});

test('what is not proven is answered byte for byte like an empty drop', async (t) => {
  const { store, clock } = await opened(t);
  const { encoded, ask } = poller(store, clock);
  const { owner, hash } = freshDrop();
  const ref = refTo(hash);
  await admit(store, [ref]);
  const at = occasion();
  const good = prove(owner, at);
  const thief: DropOwner = { ...freshDrop().owner, pollKey: owner.pollKey };
  const foreign = makeDomain('beta.test', 'an impostor');
  const entries: Readonly<Record<string, PollEntry>> = {
    'an empty drop': prove(freshDrop().owner, at),
    'a bad proof': { ...good, proof: flipped(good.proof) },
    'no proof': { ...good, proof: new Uint8Array(16) },
    'the poll key zero': { ...good, pollKey: new Uint8Array(32) },
    'the poll key one': { ...good, pollKey: new Uint8Array(32).fill(1, 0, 1) },
    'a poll key that is not canonical': { ...good, pollKey: new Uint8Array(32).fill(255) },
    'the drop of somebody else': prove(thief, at),
    'a proof of another poll key': { ...prove(freshDrop().owner, at), pollKey: owner.pollKey },
    'a proof for another request': { ...good, proof: prove(owner, occasion()).proof },
    'a proof for another time': { ...good, proof: prove(owner, { ...at, time: start + 1 }).proof },
    'a proof for another domain': { ...good, proof: prove(owner, { ...at, domain: 'alpha.test' }).proof },
    'a proof for another domain key': {
      ...good,
      proof: prove(owner, { ...at, keyId: keyOf(foreign.keys, 'poll').id }).proof,
    },
    'done added behind the proof': { ...good, done: [[ref.messageId, 0]] },
    'a place added behind the proof': { ...good, after: new Uint8Array(32) },
  };
  for (const [what, entry] of Object.entries(entries)) {
    const { time, nonce, keyId } = at;
    t.deepEqual(await encoded({ time, nonce, keyId, entries: [entry] }), nothing, what);
  }
  t.is((await ask(owner)).refs.length, 1, 'and nothing of it was done');
});

test('one network asks so often and no more, whether its proofs hold or not; another is not held up', async (t) => {
  const { store, clock } = await opened(t);
  const { encoded } = poller(store, clock, beta.keys, { perSecond: 1, burst: 2 });
  const at = occasion();
  const { time, nonce, keyId } = at;
  const request = { time, nonce, keyId, entries: [prove(freshDrop().owner, at)] };
  for (const host of [1, 2]) t.deepEqual(await encoded(request, 'beta.test', `192.0.2.${host}`), nothing);
  t.is(await rejected(encoded(request, 'beta.test', '192.0.2.3')), 'rate_limited');
  t.deepEqual(await encoded(request, 'beta.test', '198.51.100.1'), nothing);
  clock.advance(1);
  t.deepEqual(await encoded(request, 'beta.test', '192.0.2.3'), nothing);
});

test('a request asks for each drop once', async (t) => {
  const { store, clock } = await opened(t);
  const { answers } = poller(store, clock);
  const { owner } = freshDrop();
  const at = occasion();
  t.is(await rejected(answers([prove(owner, at), prove(owner, at)], at)), 'request_invalid');
  t.is(await rejected(answers([prove(owner, at), prove(freshDrop().owner, at)], at)), 'no error');
});

test('a bad proof cannot do away with refs', async (t) => {
  const { store, clock } = await opened(t);
  const { ask, answers } = poller(store, clock);
  const { owner, hash } = freshDrop();
  const ref = refTo(hash);
  await admit(store, [ref]);
  const at = occasion();
  const good = prove(owner, at, { done: [[ref.messageId, 0]] });
  await answers([{ ...good, proof: flipped(good.proof) }], at);
  t.is((await ask(owner)).refs.length, 1);
});

test('what is done is gone before the answer is made, and a repeated notification does not raise it', async (t) => {
  const { store, clock } = await opened(t);
  const { ask } = poller(store, clock);
  const { owner, hash } = freshDrop();
  const refs = [refTo(hash), refTo(hash), refTo(hash)];
  const [first, second, third] = refs.map(({ messageId }) => messageId) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  await admit(store, refs);
  const left = await ask(owner, {
    done: [
      [first, 0],
      [second, 255],
      [random(32), 0],
    ],
  });
  t.deepEqual(
    left.refs.map(({ id }) => id),
    [third],
  );
  await admit(store, refs);
  await admit(store, [{ ...refs[0]!, labels: { retraction: true } }]);
  t.is((await ask(owner)).refs.length, 1, 'not even as a retraction');
  t.is((await ask(owner, { done: [[first, 0]] })).refs.length, 1, 'done twice is done once');
});

test('done works on the own drop only', async (t) => {
  const { store, clock } = await opened(t);
  const { ask } = poller(store, clock);
  const [mine, other] = [freshDrop(), freshDrop()];
  const ref = refTo(other.hash);
  await admit(store, [ref]);
  await ask(mine.owner, { done: [[ref.messageId, 0]] });
  t.is((await ask(other.owner)).refs.length, 1);
});

test('labels are passed on unchanged, also those that nobody knows yet, but for introductions: they stand in the feed alone', async (t) => {
  const { store, clock } = await opened(t);
  const { ask } = poller(store, clock);
  const { owner, hash } = freshDrop();
  const introduction = random(178);
  const later = { introduction, unknown: new Map([[7, Uint8Array.of(0x63, 0x6e, 0x65, 0x77)]]) };
  for (const labels of [{ introduction }, { retraction: true }, { introduction, retraction: true }, later]) {
    const ref = refTo(hash, decode(refLabels, encode(refLabels, labels)));
    await admit(store, [ref]);
    const { refs } = await ask(owner);
    const { introduction: _, ...shown } = labels as RefLabels;
    const wanted = Object.keys(shown).length === 0 ? undefined : shown;
    t.deepEqual(refs.find(({ id }) => Buffer.from(ref.messageId).equals(id))?.labels, wanted);
  }
});

test('a retraction puts its mark on the ref that waits', async (t) => {
  const { store, clock } = await opened(t);
  const { ask } = poller(store, clock);
  const { owner, hash } = freshDrop();
  const introduction = random(178);
  const ref = refTo(hash, { introduction });
  await admit(store, [ref]);
  await admit(store, [{ ...ref, labels: { retraction: true } }]);
  const { refs } = await ask(owner);
  t.deepEqual(
    refs.map(({ labels }) => labels),
    [{ retraction: true }],
  );
});

test('the recipient of an introduction can poll it, its sender cannot', async (t) => {
  const { store, clock } = await opened(t);
  const { ask, encoded } = poller(store, clock);
  const [a, b] = [keyOf(ann.keys, 'addressing'), keyOf(bob.keys, 'addressing')];
  const parties = {
    senderAddressHash: ann.verified.addressHash,
    senderKey: a.publicKey,
    senderFingerprint: ann.keys.identityFingerprint,
    recipientAddressHash: bob.verified.addressHash,
    recipientKey: b.publicKey,
    recipientDomain: 'beta.test',
  };
  const toWrite = introductionDropForSender(a.secret, parties);
  await admit(store, [refTo(toWrite.recipientHash, { introduction: random(178) })]);

  const { owner } = introductionDropForRecipient(b.secret, parties);
  t.deepEqual(owner.pollKey, toWrite.pollKey);
  if (owner.kind !== 'introduction') return t.fail();
  // All that the sender knows: a, s, P and B.
  const { pollKey: known, shared } = owner;
  const forged: readonly DropOwner[] = [
    { kind: 'introduction', pollKey: known, addressing: a.secret, shared },
    { kind: 'handed-over', pollKey: known, scalar: shared },
    { kind: 'handed-over', pollKey: known, scalar: a.secret },
    { kind: 'handed-over', pollKey: known, scalar: new Secret(b.publicKey) },
  ];
  for (const attempt of forged) {
    const at = occasion();
    const { time, nonce, keyId } = at;
    t.deepEqual(await encoded({ time, nonce, keyId, entries: [prove(attempt, at)] }), nothing);
  }
  t.is((await ask(owner)).refs.length, 1);
});

test('many entries are answered in their order, each for itself', async (t) => {
  const { store, clock } = await opened(t);
  const { answers } = poller(store, clock);
  const drops = Array.from({ length: 64 }, () => freshDrop());
  const refs = drops.map(({ hash }) => refTo(hash));
  await admit(store, refs);
  const at = occasion();
  const bad = new Set([0, 13, 63]);
  const entries = drops.map(({ owner }, i) => {
    const entry = prove(owner, at);
    return bad.has(i) ? { ...entry, proof: flipped(entry.proof) } : entry;
  });
  const got = await answers(entries, at);
  t.deepEqual(
    got.map((answer) => answer.refs.map(({ id }) => id)),
    refs.map(({ messageId }, i) => (bad.has(i) ? [] : [messageId])),
  );
});

test('a place that is none refuses the request', async (t) => {
  const { store, clock } = await opened(t);
  const { ask } = poller(store, clock);
  for (const after of [new Uint8Array(1), new Uint8Array(31), new Uint8Array(64)])
    t.is(await rejected(ask(freshDrop().owner, { after })), 'request_invalid');
});

/** All pages of a drop, as a client reads them; `between` runs after each. */
async function pages(
  { ask }: Poller,
  owner: DropOwner,
  between: (page: number) => Promise<void> = async () => {},
): Promise<string[]> {
  const ids: string[] = [];
  let after: Uint8Array | undefined;
  for (let page = 0; page < 20; page++) {
    const { refs, next } = await ask(owner, after === undefined ? {} : { after });
    ids.push(...refs.map(({ id }) => Buffer.from(id).toString('hex')));
    if (next === undefined) return ids;
    await between(page);
    after = next;
  }
  throw new Error('the listing does not end');
}

test('paging loses and doubles nothing, whatever arrives or is done in between', async (t) => {
  const { store, clock } = await opened(t);
  const asked = poller(store, clock);
  const step = fc.record({ arrive: fc.integer({ min: 0, max: 40 }), done: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 200 }),
      fc.array(step, { maxLength: 5 }),
      async (count, steps) => {
        const { owner, hash } = freshDrop();
        const first = Array.from({ length: count }, () => refTo(hash));
        const ids = new Set(first.map(({ messageId }) => Buffer.from(messageId).toString('hex')));
        const later = new Set<string>();
        const gone = new Set<string>();
        if (count > 0) await admit(store, first);
        const seen = await pages(asked, owner, async (page) => {
          const { arrive = 0, done = false } = steps[page] ?? {};
          const more = Array.from({ length: arrive }, () => refTo(hash));
          more.forEach(({ messageId }) => later.add(Buffer.from(messageId).toString('hex')));
          if (arrive > 0) await admit(store, more);
          const over = done ? first[page * 7] : undefined;
          if (over === undefined) return;
          await asked.ask(owner, { done: [[over.messageId, 0]] });
          gone.add(Buffer.from(over.messageId).toString('hex'));
        });
        t.is(new Set(seen).size, seen.length, 'none twice');
        for (const id of ids) t.true(gone.has(id) || seen.includes(id), 'all that waited are there');
        for (const id of seen) t.true(ids.has(id) || later.has(id));
        const rest = [...ids, ...later].filter((id) => !gone.has(id));
        t.deepEqual((await pages(asked, owner)).sort(), rest.sort(), 'the next round has the rest');
      },
    ),
    { numRuns: 12 },
  );
});

test('a response stays below what a client takes, however much a sender puts into labels', async (t) => {
  const { store, clock } = await opened(t);
  const { encoded } = poller(store, clock);
  const drops = Array.from({ length: 64 }, () => freshDrop());
  // What a datagram of 1200 bytes has room for; the introduction came before, in another one.
  const filler = new Map([[9, encode(bytes(920), new Uint8Array(920))]]);
  for (const { hash } of drops) {
    const refs = Array.from({ length: 64 }, () => refTo(hash, { introduction: random(178) }));
    await admit(store, refs);
    await admit(
      store,
      refs.map((ref) => ({ ...ref, labels: { retraction: true, unknown: filler } })),
    );
  }
  const at = occasion();
  const { time, nonce, keyId } = at;
  const response = await encoded({ time, nonce, keyId, entries: drops.map(({ owner }) => prove(owner, at)) });
  t.true(response.length <= maxPollResponse);
  const { answers } = decode(pollResponse, response, maxPollResponse);
  t.is(answers.length, 64);
  t.true(
    answers.every(({ refs, next }) => refs.length > 0 && next !== undefined),
    'the rest is on the next pages',
  );
});
