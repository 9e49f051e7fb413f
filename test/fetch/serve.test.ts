import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { createAccept } from '../../src/fetch/accept.ts';
import { createFetchAllowance, type FetchLimits } from '../../src/fetch/allowance.ts';
import { createServe } from '../../src/fetch/serve.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { parseTraceHandle } from '../../src/keys/fingerprints.ts';
import { silentLog } from '../../src/log.ts';
import { openMessage, verifyMessage } from '../../src/message/message.ts';
import { decryptPayload } from '../../src/message/payload.ts';
import { createMetrics } from '../../src/metrics.ts';
import { acceptRequest } from '../../src/wire/message.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { accounts, ann, asUser, day, otherAnn, sendOne, type SentOne } from '../account/fixture.ts';
import { collected, opened, random, start } from '../store/fixture.ts';
import { rejected, thrown } from '../support/identities.ts';
import { sameBytes } from '../support/bytes.ts';

const user = asUser(ann);

async function sender(
  t: ExecutionContext,
  limits: FetchLimits | ((domain: string) => FetchLimits) = { fetches: 1000, egress: 1e9 },
) {
  const { store, clock } = await opened(t);
  const account = accounts(store, clock);
  const credit: string[] = [];
  const noted = Promise.withResolvers<void>();
  const earnCredit = (destination: string): void => {
    credit.push(destination);
    noted.resolve();
  };
  const metrics = createMetrics();
  const allowance = createFetchAllowance(
    async (domain) => (typeof limits === 'function' ? limits(domain) : limits),
    clock,
  );
  const serve = createServe({ ...store, allowance, earnCredit, clock, metrics, log: silentLog });
  const accept = createAccept({ ...store, clock });
  return {
    store,
    clock,
    account,
    serve,
    accept,
    credit,
    noted: noted.promise,
    /** Bob accepts, over the wire. */
    async accepts({ message }: SentOne, domain = 'alpha.test', acceptToken = message.acceptToken) {
      const request = encode(acceptRequest, { id: message.id, acceptToken });
      return accept(domain, decode(acceptRequest, request));
    },
    async kinds({ handle }: SentOne) {
      const events = await store.events.byHandle(parseTraceHandle(handle)!);
      return events.map(({ kind }) => kind);
    },
  };
}

type Sender = Awaited<ReturnType<typeof sender>>;

/** Both ways to fetch, as a client of `domain` does. */
async function fetchable({ serve }: Sender, id: Uint8Array, domain = 'alpha.test') {
  const message = await serve.readMessage(domain, id);
  const payload = await serve.readPayload(domain, id);
  return { message: message !== undefined, payload: payload !== undefined };
}

const live = { message: true, payload: true };
const dead = { message: false, payload: false };

test('what was sent is served: the recipient opens, verifies and decrypts it', async (t) => {
  const { account, serve } = await sender(t);
  const { message, payload } = await sendOne(account, user, { length: 40_000 });
  const object = await serve.readMessage('alpha.test', message.id);
  const open = openMessage(object!, message.expected);
  const verified = verifyMessage(open, { sender: ann.verified }, start);
  t.is(verified.letter.author, ann.address);
  const served = await serve.readPayload('alpha.test', message.id);
  t.is(served?.size, payload.payload.length);
  t.deepEqual(served?.hash, payload.summary.payloadHash);
  const plain = decryptPayload(payload.contentKey, served!.open(0, served!.size), payload.summary);
  sameBytes(t, await collected(plain), payload.plaintext);
});

test('a payload is served in ranges, and not beyond its end', async (t) => {
  const { account, serve } = await sender(t);
  const { message, payload } = await sendOne(account, user, { length: 600_000 });
  const { size, open, atOnce } = (await serve.readPayload('alpha.test', message.id))!;
  const chunk = 256 * 1024;
  for (const [from, to] of [
    [0, 1],
    [size - 1, size],
    [chunk - 1, chunk + 1],
    [100, 2 * chunk + 100],
    [7, 7],
    [0, size],
    [size, size],
  ] as const) {
    const bytes = payload.payload.slice(from, to);
    sameBytes(t, await collected(open(from, to)), bytes);
    const inOneChunk = from === to || Math.floor(from / chunk) === Math.floor((to - 1) / chunk);
    const piece = atOnce(from, to);
    t.deepEqual(piece && new Uint8Array(piece), inOneChunk ? bytes : undefined, `${from} to ${to}`);
  }
  for (const read of [open, atOnce])
    t.is(
      thrown(() => read(0, size + 1)),
      'range_invalid',
    );
  t.is(
    thrown(() => open(2, 1)),
    'range_invalid',
  );
  t.is(
    thrown(() => open(-1, 1)),
    'range_invalid',
  );
});

test('an id that never was, or is none, is dead', async (t) => {
  const home = await sender(t);
  await sendOne(home.account, user);
  const ids = await home.account.submit.reserve(user, 1);
  for (const id of [random(32), new Uint8Array(0), random(31), random(33), ids.ids[0]!])
    t.deepEqual(await fetchable(home, id), dead);
});

test('a message is live until it expires, accepted or taken back', async (t) => {
  const home = await sender(t);
  const [kept, accepted, retracted] = [
    await sendOne(home.account, user, { expires: start + day }),
    await sendOne(home.account, user),
    await sendOne(home.account, user),
  ];
  for (const { message } of [kept, accepted, retracted]) t.deepEqual(await fetchable(home, message.id), live);
  t.true(await home.accepts(accepted));
  t.deepEqual(await fetchable(home, accepted.message.id), dead);
  t.is(await home.account.sent.retract(user, retracted.handle), 'withdrawn_maybe_read');
  t.deepEqual(await fetchable(home, retracted.message.id), dead);
  home.clock.advance(day - 1);
  t.deepEqual(await fetchable(home, kept.message.id), live);
  home.clock.advance(1);
  t.deepEqual(await fetchable(home, kept.message.id), dead, 'before any upkeep');
});

test('an id of another domain of the same daemon is dead', async (t) => {
  const home = await sender(t);
  const { message } = await sendOne(home.account, asUser(otherAnn));
  t.deepEqual(await fetchable(home, message.id, 'alpha.test'), dead);
  t.deepEqual(await fetchable(home, message.id, 'gamma.test'), live);
});

test('a failed look at another domain leaves no trace of a fetch', async (t) => {
  const { account, serve } = await sender(t);
  const { handle, message } = await sendOne(account, user);
  await serve.readMessage('gamma.test', message.id);
  t.is(await account.sent.retract(user, handle), 'withdrawn');
});

test('a fetch of the header is known before its bytes leave', async (t) => {
  const { account, serve, clock } = await sender(t);
  const { handle, message } = await sendOne(account, user);
  t.is((await account.sent.find(user, handle)).fetched, undefined);
  clock.advance(10);
  t.truthy(await serve.readMessage('alpha.test', message.id));
  t.is((await account.sent.find(user, handle)).fetched, start + 10);
  clock.advance(10);
  t.truthy(await serve.readMessage('alpha.test', message.id));
  t.is((await account.sent.find(user, handle)).fetched, start + 10, 'the first one counts');
  t.is(await account.sent.retract(user, handle), 'withdrawn_maybe_read');
});

test('a retraction and a fetch of the header at once: who fetched is never said not to have', async (t) => {
  const { account, serve } = await sender(t);
  for (let round = 0; round < 12; round++) {
    const { handle, message } = await sendOne(account, user);
    const fetch = () => serve.readMessage('alpha.test', message.id);
    const retract = () => account.sent.retract(user, handle);
    const [got, outcome] =
      round % 2 === 0
        ? await Promise.all([fetch(), retract()])
        : ((await Promise.all([retract(), fetch()])).toReversed() as [Uint8Array | undefined, string]);
    if (outcome === 'withdrawn') t.is(got, undefined);
    t.is(await fetch(), undefined);
  }
});

test('a payload that is being read stays readable to its end, whatever becomes of the message', async (t) => {
  const home = await sender(t);
  for (const end of ['accepted', 'retracted', 'expired']) {
    const one = await sendOne(home.account, user, { length: 600_000, expires: home.clock.seconds() + day });
    const served = (await home.serve.readPayload('alpha.test', one.message.id))!;
    const reading = served.open(0, served.size)[Symbol.asyncIterator]();
    const parts = [(await reading.next()).value as Uint8Array];
    if (end === 'accepted') await home.accepts(one);
    if (end === 'retracted') await home.account.sent.retract(user, one.handle);
    if (end === 'expired') {
      home.clock.advance(day);
      await home.store.transit.expire(home.clock.seconds(), 10);
    }
    await home.store.blobs.sweep(100);
    t.deepEqual(await fetchable(home, one.message.id), dead);
    for (let next = await reading.next(); next.done !== true; next = await reading.next())
      parts.push(next.value);
    sameBytes(t, new Uint8Array(Buffer.concat(parts)), one.payload.payload, end);
    served.fetched();
  }
  t.deepEqual(home.credit, [], 'what ended before the last byte earns nothing');
});

test('a complete fetch slows the repeating, earns one credit and is told once', async (t) => {
  const { account, serve, store, clock, credit, noted, ...home } = await sender(t);
  const one = await sendOne(account, user);
  const entry = async () => (await store.outbox.list({ limit: 10 }))[0]!;
  const { open, size, fetched } = (await serve.readPayload('alpha.test', one.message.id))!;
  await collected(open(0, size));
  t.false((await entry()).slowed, 'an incomplete fetch does not');
  t.deepEqual(credit, []);

  clock.advance(5);
  // Two at a time: only one of them is the first.
  fetched();
  fetched();
  await noted;
  t.like(await entry(), { slowed: true, due: start + 5 + day });
  const again = (await serve.readPayload('alpha.test', one.message.id))!;
  for (const once of [again.fetched, fetched, again.fetched]) once();
  t.is(await store.transit.recordFetch(sha256(one.message.id), 'payload', clock.seconds()), 'again');
  t.deepEqual(credit, ['beta.test']);
  t.deepEqual(await home.kinds(one), ['stored', 'fetched']);
});

test('an accept with the right token drops the copy; again it says so again', async (t) => {
  const home = await sender(t);
  const one = await sendOne(home.account, user);
  home.clock.advance(30);
  t.true(await home.accepts(one));
  t.like(await home.account.sent.find(user, one.handle), { state: 'accepted', accepted: start + 30 });
  t.is((await home.store.outbox.list({ limit: 10 })).length, 0);
  home.clock.advance(30);
  t.true(await home.accepts(one));
  t.like(await home.account.sent.find(user, one.handle), { accepted: start + 30 });
  t.deepEqual(await home.kinds(one), ['stored', 'accepted'], 'a repetition is no event');
  await home.store.blobs.sweep(100);
  t.like(await home.store.stats(), { messages: 0, bytes: 0 });
});

test('an accept of anything else is refused and changes nothing', async (t) => {
  const home = await sender(t);
  const one = await sendOne(home.account, user);
  const another = await sendOne(home.account, user);
  t.false(await home.accepts(one, 'alpha.test', another.message.acceptToken));
  t.false(await home.accepts(one, 'alpha.test', one.message.acceptTokenHash));
  t.false(await home.accepts(one, 'gamma.test'), 'another domain of the same daemon');
  t.false(await home.accept('alpha.test', { id: random(32), acceptToken: one.message.acceptToken }));
  t.deepEqual(await fetchable(home, one.message.id), live);
  t.true(await home.accepts(one));
  t.false(await home.accepts(one, 'alpha.test', random(32)), 'nor afterwards');
});

test('an accept after a retraction or the expiry is refused', async (t) => {
  const home = await sender(t);
  const [retracted, expired] = [
    await sendOne(home.account, user),
    await sendOne(home.account, user, { expires: start + day }),
  ];
  await home.account.sent.retract(user, retracted.handle);
  t.false(await home.accepts(retracted));
  home.clock.advance(day);
  t.false(await home.accepts(expired));
  t.is((await home.account.sent.find(user, retracted.handle)).state, 'withdrawn');
});

test('of accepts and retractions in any order and overlap exactly one side wins, and all are told the same', async (t) => {
  const home = await sender(t);
  const wins = { accepted: 0, withdrawn: 0, stored: 0 };
  const step = fc.record({
    kind: fc.constantFrom('accept', 'retract', 'accept with a wrong token', 'fetch'),
    wait: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 7 }), async (steps) => {
      const one = await sendOne(home.account, user);
      const acts: Record<(typeof steps)[number]['kind'], () => Promise<unknown>> = {
        accept: () => home.accepts(one),
        retract: () => home.account.sent.retract(user, one.handle),
        'accept with a wrong token': () => home.accepts(one, 'alpha.test', random(32)),
        fetch: () => home.serve.readMessage('alpha.test', one.message.id),
      };
      const underWay: Promise<unknown>[] = [];
      for (const { kind, wait } of steps) {
        const act = acts[kind]();
        underWay.push(act);
        if (wait) await act;
      }
      const outcomes = await Promise.all(underWay);
      const { state } = await home.account.sent.find(user, one.handle);
      if (state === 'expired') return t.fail();
      wins[state]++;
      for (const [i, { kind }] of steps.entries()) {
        if (kind === 'accept') t.is(outcomes[i], state === 'accepted');
        if (kind === 'retract') t.is(outcomes[i] === 'already_accepted', state === 'accepted');
        if (kind === 'accept with a wrong token') t.false(outcomes[i]);
      }
      const ended = steps.some(({ kind }) => kind === 'accept' || kind === 'retract');
      t.is(state === 'stored', !ended);
      const [, ...ends] = await home.kinds(one);
      t.is(ends.length > 0, ended);
      t.true(
        ends.every((kind) => kind.startsWith(state)),
        'the trace tells of one end',
      );
    }),
    { numRuns: 40 },
  );
  t.true(wins.accepted > 0 && wins.withdrawn > 0);
});

test('a message is fetched so often in a day, whatever part of it is asked for; then it waits, and others do not', async (t) => {
  const { account, serve, clock } = await sender(t, { fetches: 10.05, egress: 1e9 });
  const one = await sendOne(account, user, { length: 40_000 });
  const other = await sendOne(account, user);
  const payload = (await serve.readPayload('alpha.test', one.message.id))!;
  for (let n = 0; n < 4; n++) {
    payload.open(0, payload.size / 2);
    payload.open(payload.size / 2, payload.size);
    await serve.readMessage('alpha.test', one.message.id);
  }
  for (let n = 0; n < 2; n++) payload.open(0, payload.size);
  t.is(
    thrown(() => payload.open(0, payload.size)),
    'rate_limited',
  );
  t.is(
    thrown(() => payload.open(payload.size - 1, payload.size)),
    'rate_limited',
    'a byte costs something, too',
  );
  t.is(await rejected(serve.readMessage('alpha.test', one.message.id)), 'rate_limited');
  t.truthy(await serve.readMessage('alpha.test', other.message.id));
  t.is(await serve.readMessage('alpha.test', random(32)), undefined, 'what is dead is dead as ever');
  clock.advance(day / 10 + 1);
  t.notThrows(() => payload.open(0, payload.size));
});

test('a domain serves so much in a day, and one message no more than a quarter of it', async (t) => {
  const { account, serve } = await sender(t, { fetches: 1000, egress: 400_000 });
  const messages = await Promise.all(
    Array.from({ length: 6 }, () => sendOne(account, user, { length: 20_000 })),
  );
  const served: number[] = [];
  for (const { message } of messages) {
    const payload = (await serve.readPayload('alpha.test', message.id))!;
    const before = served.length;
    while (thrown(() => payload.open(0, payload.size)) === 'no error') served.push(payload.size);
    t.true((served.length - before) * payload.size <= 100_000);
  }
  t.is(new Set(served).size, 1);
  const last = (await serve.readPayload('alpha.test', messages[5]!.message.id))!;
  t.is(
    thrown(() => last.open(0, last.size)),
    'rate_limited',
    'though nobody fetched it',
  );
  const sum = served.reduce((total, size) => total + size, 0);
  t.true(sum <= 400_000 && sum > 350_000);
  const gamma = await sendOne(account, asUser(otherAnn));
  t.truthy(await serve.readMessage('gamma.test', gamma.message.id), 'another domain has its own');
});

test('a message larger than its part of the domain’s day can be fetched all the same', async (t) => {
  const { account, serve } = await sender(t, { fetches: 1000, egress: 100_000 });
  const { message } = await sendOne(account, user, { length: 60_000 });
  const payload = (await serve.readPayload('alpha.test', message.id))!;
  t.notThrows(() => payload.open(0, payload.size));
});

test('what a domain serves in a day is its own: a change holds at once, for this domain alone', async (t) => {
  const own = new Map([['alpha.test', 1e9]]);
  const asked: string[] = [];
  const home = await sender(t, (domain) => {
    asked.push(domain);
    return { fetches: 1000, egress: own.get(domain) ?? 1e9 };
  });
  const { id } = (await sendOne(home.account, user)).message;
  const gamma = (await sendOne(home.account, asUser(otherAnn))).message;
  for (let times = 0; times < 5; times++) await home.serve.readMessage('alpha.test', id);
  t.deepEqual(asked, ['alpha.test'], 'once a second');
  own.set('alpha.test', 4096);
  home.clock.advance(1);
  await t.throwsAsync(fetchMuch(home, id), { code: 'rate_limited' });
  t.truthy(await home.serve.readMessage('gamma.test', gamma.id));
  own.delete('alpha.test');
  home.clock.advance(86_400);
  t.truthy(await home.serve.readMessage('alpha.test', id));
});

async function fetchMuch({ serve }: Sender, id: Uint8Array): Promise<void> {
  await serve.readMessage('alpha.test', id);
  await serve.readMessage('alpha.test', id);
}
