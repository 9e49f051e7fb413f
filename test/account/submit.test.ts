import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { reservationLife } from '../../src/account/submit.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { BeckonError } from '../../src/errors.ts';
import { parseTraceHandle, traceHandle } from '../../src/keys/fingerprints.ts';
import type { UsageLimits } from '../../src/store/api/transit.ts';
import { sealedEnvelope } from '../../src/wire/message.ts';
import { sizes } from '../../src/wire/registry.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import type { SubmittedMessage } from '../../src/wire/submission.ts';
import { collected, opened, pieces, random, start } from '../store/fixture.ts';
import { rejected } from '../support/identities.ts';
import { sameBytes } from '../support/bytes.ts';
import {
  accounts,
  amy,
  ann,
  asUser,
  day,
  otherAnn,
  packed,
  sealed,
  sendOne,
  upload,
  type Packed,
} from './fixture.ts';

const user = asUser(ann);
const strangers = { 'another user': asUser(amy), 'the same name at another domain': asUser(otherAnn) };
const hour = 3600;

async function home(t: ExecutionContext, limits: UsageLimits = {}) {
  const { store, clock, reopen } = await opened(t);
  const account = accounts(store, clock, limits);
  return { store, clock, reopen, account, submit: account.submit };
}

type Home = Awaited<ReturnType<typeof home>>;

/** Everything that one commit needs, up to the commit. */
async function prepared({ account }: Home, count = 1, payload?: Packed) {
  const packing = payload ?? (await packed());
  const { ids } = await account.submit.reserve(user, count);
  const messages = ids.map((id) => sealed(id, packing));
  const uploaded = await upload(account, user, packing);
  return { packing, upload: uploaded, payloadHash: packing.summary.payloadHash, messages };
}

/** What the transit store and the outbox hold. */
async function waiting({ store }: Home) {
  const { messages, outbox } = await store.stats();
  return { messages, outbox };
}

test('ids are reserved for a day, each its own, at most 64 at once', async (t) => {
  const { submit } = await home(t);
  const first = await submit.reserve(user, 64);
  t.is(first.expires, start + reservationLife);
  const { ids } = await submit.reserve(user, 1000);
  t.is(ids.length, 64);
  const all = [...first.ids, ...ids].map((id) => Buffer.from(id).toString('hex'));
  t.is(new Set(all).size, 128);
  t.true(ids.every(({ length }) => length === 32));
});

test('who holds too many ids gets no more', async (t) => {
  const { submit } = await home(t);
  for (let n = 0; n < 4096; n += 64) await submit.reserve(user, 64);
  t.is(await rejected(submit.reserve(user, 1)), 'quota_exceeded');
  t.is(await rejected(submit.reserve(strangers['another user'], 1)), 'no error');
});

test('the quota is asked before a byte is uploaded', async (t) => {
  const { submit, store } = await home(t, { userBytes: 100_000, totalBytes: 150_000 });
  t.is(await rejected(submit.openUpload(user, random(16), 100_001)), 'quota_exceeded');
  await submit.openUpload(user, random(16), 60_000);
  t.is(await rejected(submit.openUpload(user, random(16), 60_000)), 'quota_exceeded', 'opened uploads count');
  const other = strangers['another user'];
  t.is(await rejected(submit.openUpload(other, random(16), 95_000)), 'storage_full', 'all users together');
  t.is(await rejected(submit.openUpload(other, random(16), 90_000)), 'no error');
  t.is((await store.stats()).bytes, 150_000);
});

test('headers and envelopes count in the quota, too', async (t) => {
  const payload = await packed();
  const size = payload.payload.length;
  const at = await home(t, { userBytes: size + 4096 });
  const ready = await prepared(at, 1, payload);
  t.is(await rejected(at.submit.commit(user, ready)), 'quota_exceeded');
  t.deepEqual(await waiting(at), { messages: 0, outbox: 0 });
  t.like(await at.submit.uploadProgress(user, ready.upload), { received: size }, 'the upload stands');
});

test('an upload is found again under its id, with its size only', async (t) => {
  const { submit } = await home(t);
  const id = random(16);
  t.deepEqual(await submit.openUpload(user, id, 5000), { size: 5000, received: 0 });
  await submit.writePart(user, id, { offset: 0, bytes: pieces(random(1000)) });
  t.deepEqual(await submit.openUpload(user, id, 5000), { size: 5000, received: 1000 });
  t.deepEqual(await submit.uploadProgress(user, id), { size: 5000, received: 1000 });
  t.is(await rejected(submit.openUpload(user, id, 5001)), 'conflict');
  t.is(await rejected(submit.uploadProgress(user, random(16))), 'not_found');
});

test('an upload that is given up is gone, and counts no more; that of another user stays', async (t) => {
  const at = await home(t);
  const id = random(16);
  await at.submit.openUpload(user, id, 5000);
  await at.submit.abandonUpload({ ...user, owner: { ...user.owner, user: random(32) } }, id);
  t.like(await at.submit.uploadProgress(user, id), { received: 0 });
  await at.submit.abandonUpload(user, id);
  await at.submit.abandonUpload(user, id);
  t.is(await rejected(at.submit.uploadProgress(user, id)), 'not_found');
  t.is((await at.store.transit.usage(user.owner.domain, user.owner.user)).bytes, 0);
});

test('a part goes where the one before it ended, and nowhere else', async (t) => {
  const { submit } = await home(t);
  const id = random(16);
  const write = (offset: number, length: number) =>
    submit.writePart(user, id, { offset, bytes: pieces(random(length)) });
  t.is(await rejected(write(0, 10)), 'not_found');
  await submit.openUpload(user, id, 100);
  t.deepEqual(await write(0, 60), { size: 100, received: 60 });
  for (const offset of [0, 59, 61, 100]) t.is(await rejected(write(offset, 10)), 'conflict');
  t.is(await rejected(write(60, 41)), 'too_large');
  t.deepEqual(await write(60, 40), { size: 100, received: 100 });
  t.is(await rejected(write(100, 1)), 'too_large');
});

test('a part that breaks off or is not what was signed counts for nothing, and the upload goes on', async (t) => {
  const at = await home(t);
  const payload = await packed(300_000);
  const { ids } = await at.submit.reserve(user, 1);
  const id = random(16);
  const half = 150_000;
  const bytes = payload.payload;
  await at.submit.openUpload(user, id, bytes.length);
  await at.submit.writePart(user, id, { offset: 0, bytes: pieces(bytes.subarray(0, half)) });
  for (const code of ['unauthorized', 'request_invalid'] as const) {
    async function* failing() {
      yield* pieces(random(bytes.length - half));
      throw new BeckonError(code, 'the part is not what was announced');
    }
    t.is(await rejected(at.submit.writePart(user, id, { offset: half, bytes: failing() })), code);
    t.is((await at.submit.uploadProgress(user, id)).received, half);
  }
  await at.submit.writePart(user, id, { offset: half, bytes: pieces(bytes.subarray(half)) });
  const messages = [sealed(ids[0]!, payload)];
  const commit = at.submit.commit(user, {
    upload: id,
    payloadHash: payload.summary.payloadHash,
    messages,
  });
  t.is(await rejected(commit), 'no error');
});

test('however a payload is cut into parts, and whatever fails in between, it arrives as it is', async (t) => {
  const at = await home(t);
  const payload = await packed(20_000);
  const bytes = payload.payload;
  const part = fc.record({ length: fc.integer({ min: 1, max: 9000 }), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 8 }), async (plan) => {
      const id = random(16);
      await at.submit.openUpload(user, id, bytes.length);
      let offset = 0;
      for (const { length, fails } of [...plan, { length: bytes.length, fails: false }]) {
        const end = Math.min(offset + length, bytes.length);
        if (end === offset) continue;
        const sending = async function* () {
          yield* pieces(fails ? random(end - offset) : bytes.subarray(offset, end), 4000);
          if (fails) throw new BeckonError('unauthorized', 'not what was signed');
        };
        const written = at.submit.writePart(user, id, { offset, bytes: sending() });
        t.is(await rejected(written), fails ? 'unauthorized' : 'no error');
        if (!fails) offset = end;
        t.is((await at.submit.uploadProgress(user, id)).received, offset);
      }
      const { ids } = await at.submit.reserve(user, 1);
      await at.submit.commit(user, {
        upload: id,
        payloadHash: payload.summary.payloadHash,
        messages: [sealed(ids[0]!, payload)],
      });
      const { blob } = (await at.store.transit.read(sha256(ids[0]!)))!;
      sameBytes(t, await collected(at.store.blobs.read(blob, 0, blob.size)), bytes);
    }),
    { numRuns: 10 },
  );
});

test('a commit stores all its messages, tells their handles in order and wakes the outbox', async (t) => {
  const at = await home(t);
  const woken = Promise.withResolvers<void>();
  at.store.outbox.subscribe(woken.resolve);
  const ready = await prepared(at, 3);
  at.clock.advance(20);
  const handles = await at.submit.commit(user, ready);
  t.deepEqual(
    handles,
    ready.messages.map(({ id }) => traceHandle(id)),
  );
  await woken.promise;
  t.deepEqual(await waiting(at), { messages: 3, outbox: 3 });
  const [group] = await at.store.outbox.due(at.clock.seconds(), 10);
  t.like(group, { sender: 'alpha.test', destination: 'beta.test' });
  t.is(group?.entries[0]?.sizeClass, 13, 'the payload is above 4 KiB');
  const { expires, recipientHash } = ready.messages[0]!;
  t.like(group?.entries[0], { expires, recipientHash, created: start + 20, due: start + 20, attempt: 0 });
});

test('an introduction travels in the labels of its ref', async (t) => {
  const at = await home(t);
  const ready = await prepared(at);
  const introduction = random(178);
  await at.submit.commit(user, { ...ready, messages: [{ ...ready.messages[0]!, introduction }] });
  const [entry] = await at.store.outbox.list({ limit: 1 });
  t.deepEqual(entry?.labels, { introduction });
});

test('a repeated commit finds itself done, however late: same handles, nothing twice', async (t) => {
  const at = await home(t);
  const ready = await prepared(at, 2);
  const handles = await at.submit.commit(user, ready);
  t.deepEqual(await at.submit.commit(user, ready), handles);
  at.clock.advance(8 * day);
  t.deepEqual(await at.submit.commit(user, ready), handles);
  t.deepEqual(await waiting(at), { messages: 2, outbox: 2 });
  const events = await at.store.events.byHandle(parseTraceHandle(handles[0]!)!);
  t.deepEqual(
    events.map(({ kind, counterpart }) => [kind, counterpart]),
    [['stored', 'beta.test']],
  );
  t.true((await at.account.metrics.page()).text.includes('beckon_submissions_total 2\n'));
});

test('two equal commits at once are one', async (t) => {
  const at = await home(t);
  const ready = await prepared(at, 2);
  const [one, other] = await Promise.all([at.submit.commit(user, ready), at.submit.commit(user, ready)]);
  t.deepEqual(one, other);
  t.deepEqual(await waiting(at), { messages: 2, outbox: 2 });
});

test('a commit under used ids that says anything else is a conflict', async (t) => {
  const at = await home(t);
  const ready = await prepared(at);
  await at.submit.commit(user, ready);
  const message: SubmittedMessage = ready.messages[0]!;
  const changes: readonly Partial<SubmittedMessage>[] = [
    { recipientHash: random(32) },
    { header: random(4096) },
    { acceptTokenHash: random(32) },
    { expires: message.expires + 1 },
    { introduction: random(178) },
  ];
  for (const change of changes)
    t.is(
      await rejected(at.submit.commit(user, { ...ready, messages: [{ ...message, ...change }] })),
      'conflict',
    );
  t.is(await rejected(at.submit.commit(user, { ...ready, payloadHash: random(32) })), 'conflict');
  const again = await upload(at.account, user, ready.packing);
  const fresh = await at.submit.reserve(user, 1);
  const mixed = { ...ready, upload: again, messages: [{ ...message, id: fresh.ids[0]! }, message] };
  t.is(await rejected(at.submit.commit(user, mixed)), 'conflict', 'one new, one old');
  t.deepEqual(await waiting(at), { messages: 1, outbox: 1 });
});

test('a payload of another hash is refused, and the right commit works afterwards', async (t) => {
  const at = await home(t);
  const ready = await prepared(at);
  t.is(await rejected(at.submit.commit(user, { ...ready, payloadHash: random(32) })), 'payload_mismatch');
  t.deepEqual(await waiting(at), { messages: 0, outbox: 0 });
  t.is(await rejected(at.submit.commit(user, ready)), 'no error');
});

test('an upload that is not complete, or not there, cannot be committed', async (t) => {
  const at = await home(t);
  const ready = await prepared(at);
  const open = random(16);
  await at.submit.openUpload(user, open, 5000);
  for (const id of [open, random(16)])
    t.is(await rejected(at.submit.commit(user, { ...ready, upload: id })), 'conflict');
  t.is(await rejected(at.submit.commit(user, ready)), 'no error');
});

test('a small payload goes with its commit: one message, however often it is sent', async (t) => {
  const at = await home(t);
  const { packing, payloadHash, messages } = await prepared(at);
  const { payload } = packing;
  const whole = { payload, payloadHash, messages };
  t.is(await rejected(at.submit.commit(user, { ...whole, payloadHash: random(32) })), 'payload_mismatch');
  for (const length of [sizes.payloadFloor - 1, sizes.payloadInCommit + 1])
    t.is(await rejected(at.submit.commit(user, { ...whole, payload: random(length) })), 'request_invalid');
  const handles = await at.submit.commit(user, whole);
  t.deepEqual(await at.submit.commit(user, whole), handles);
  t.deepEqual(await waiting(at), { messages: 1, outbox: 1 });
  const { blob } = (await at.store.transit.read(sha256(messages[0]!.id)))!;
  t.deepEqual(await collected(at.store.blobs.read(blob, 0, blob.size)), payload);
  t.like(await at.account.sent.find(user, handles[0]!), { size: payload.length, state: 'stored' });
});

test('ids that are not reserved for this user refuse the whole commit', async (t) => {
  const at = await home(t);
  const ready = await prepared(at, 2);
  const foreign = await at.submit.reserve(strangers['another user'], 1);
  const old = await at.submit.reserve(user, 1);
  at.clock.advance(reservationLife);
  await at.store.transit.expire(at.clock.seconds(), 1000);
  const late = await prepared(at, 2);
  const [first] = late.messages;
  for (const id of [random(32), foreign.ids[0]!, old.ids[0]!, first!.id]) {
    const messages = [first!, sealed(id, late.packing, at.clock.seconds() + day)];
    t.is(await rejected(at.submit.commit(user, { ...late, messages })), 'conflict');
  }
  t.is(await rejected(at.submit.commit(user, ready)), 'conflict', 'reserved more than a day ago');
  t.deepEqual(await waiting(at), { messages: 0, outbox: 0 });
  t.is(await rejected(at.submit.commit(user, late)), 'no error');
});

test('a message must fit its own envelope, header and time', async (t) => {
  const at = await home(t);
  const ready = await prepared(at);
  const message: SubmittedMessage = ready.messages[0]!;
  const outcome = (change: Partial<SubmittedMessage>) =>
    rejected(at.submit.commit(user, { ...ready, messages: [{ ...message, ...change }] }));
  t.is(await outcome({ destination: 'gamma.test' }), 'request_invalid', 'the envelope is for beta.test');
  t.is(await outcome({ destination: 'Beta.test' }), 'domain_invalid');
  t.is(await outcome({ destination: '' }), 'domain_invalid');
  const envelope = { ...decode(sealedEnvelope, message.envelope), destination: 'gamma.test' };
  t.is(await outcome({ envelope: encode(sealedEnvelope, envelope) }), 'request_invalid');
  t.is(await outcome({ envelope: random(0) }), 'cbor_truncated');
  t.is(await outcome({ envelope: Uint8Array.of(...message.envelope, 0) }), 'cbor_trailing');
  for (const length of [0, 1, 4095, 4097, 17 * 4096])
    t.is(await outcome({ header: random(length) }), 'request_invalid');
  for (const expires of [0, start - 1, start + 91 * day]) t.is(await outcome({ expires }), 'request_invalid');
  t.is(await rejected(at.submit.commit(user, { ...ready, messages: [] })), 'request_invalid');
  t.deepEqual(await waiting(at), { messages: 0, outbox: 0 });
  t.is(await outcome({}), 'no error');
});

test('transit takes from an hour to 90 days, clocks being an hour off at most', async (t) => {
  const at = await home(t);
  const outcome = async (transit: number) => {
    const ready = await prepared(at);
    const expires = at.clock.seconds() + transit;
    return rejected(at.submit.commit(user, { ...ready, messages: [{ ...ready.messages[0]!, expires }] }));
  };
  t.is(await outcome(hour), 'no error');
  t.is(await outcome(90 * day), 'no error');
  t.is(await outcome(90 * day + hour), 'no error');
  t.is(await outcome(90 * day + hour + 1), 'request_invalid');
  t.is(await outcome(0), 'request_invalid', 'it would never be fetched');
  t.is(await outcome(-1), 'request_invalid');
});

test('another user sees and touches nothing of what is not theirs', async (t) => {
  const at = await home(t);
  const { submit, account } = at;
  const ready = await prepared(at);
  const one = await sendOne(account, user);
  for (const [who, stranger] of Object.entries(strangers)) {
    t.is(await rejected(submit.uploadProgress(stranger, ready.upload)), 'not_found', who);
    const part = { offset: 0, bytes: pieces(random(10)) };
    t.is(await rejected(submit.writePart(stranger, ready.upload, part)), 'not_found', who);
    t.deepEqual(
      await submit.openUpload(stranger, ready.upload, 7),
      { size: 7, received: 0 },
      'ids are their own',
    );
    t.is(await rejected(submit.commit(stranger, ready)), 'conflict', who);
    const { messages } = ready;
    const own = { ...ready, upload: await upload(account, stranger, ready.packing), messages };
    t.is(
      await rejected(submit.commit(stranger, own)),
      'conflict',
      'with an own upload, under ids of somebody else',
    );
    t.is(await rejected(submit.commit(stranger, { ...own, messages: [one.message] })), 'conflict', who);
    t.is(await rejected(account.sent.find(stranger, one.handle)), 'not_found', who);
    t.is(await rejected(account.sent.retract(stranger, one.handle)), 'not_found', who);
    t.deepEqual(await account.sent.list(stranger, { limit: 10 }), { items: [] }, who);
  }
  t.is((await account.sent.find(user, one.handle)).state, 'stored');
  t.is(await rejected(submit.commit(user, ready)), 'no error');
});
