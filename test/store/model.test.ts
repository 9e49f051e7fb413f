/** Random sequences of operations, restarts among them, against plain models that know nothing of tables. */
import test from 'ava';
import fc from 'fast-check';
import { codeOf } from '../../src/errors.ts';
import { checkStore } from '../../src/store/check.ts';
import type { Store } from '../../src/store/api/store.ts';
import type { NewMessage } from '../../src/store/api/transit.ts';
import { keepRecord } from '../../src/store/life.ts';
import { filled, newMessage, opened, pieces, sha256 } from './fixture.ts';

const numRuns = Number(process.env['BECKON_MODEL_RUNS'] ?? 25);
const owners = [filled(1), filled(2)].map((user) => ({ domain: 'alpha.test', user }));
const messageCount = 6;
const reservedFor = 200;
const transit = 500;

type Op =
  | { op: 'reserve' | 'retract'; owner: number; message: number }
  | { op: 'commit'; owner: number; messages: number[]; whole: boolean }
  | { op: 'accept'; message: number; right: boolean }
  | { op: 'fetch'; message: number; what: 'header' | 'payload' }
  | { op: 'advance'; seconds: number }
  | { op: 'expire' | 'reopen' | 'sweep' };

const owner = fc.nat({ max: owners.length - 1 });
const message = fc.nat({ max: messageCount - 1 });
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('reserve' as const), owner, message }) },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('commit' as const),
      owner,
      messages: fc.uniqueArray(message, { minLength: 1, maxLength: 3 }),
      whole: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('retract' as const), owner, message }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('accept' as const), message, right: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('fetch' as const),
      message,
      what: fc.constantFrom('header' as const, 'payload' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('advance' as const),
      seconds: fc.constantFrom(10, reservedFor, transit, keepRecord),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('expire' as const, 'sweep' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('reopen' as const) }) },
);

/** What the model remembers of a message. */
interface Known {
  state: 'reserved' | 'stored' | 'accepted' | 'withdrawn' | 'expired';
  owner: number;
  expires: number;
  fetched: boolean;
  /** To its end. */
  complete: boolean;
  ended: number;
  /** The commit it came with. */
  commit: number;
}

const size = (m: NewMessage) => m.header.length + m.envelope.length;
const payloadOf = (commit: number) => filled(commit % 251, 1000 + commit);

test('the transit store does what a plain model does', async (t) => {
  t.timeout(600_000);
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 10, maxLength: 60 }), async (ops) => {
      const world = await opened(t);
      let store = world.store;
      const { clock } = world;
      const messages = Array.from({ length: messageCount }, (_, i) =>
        newMessage({ id: filled(i + 1), traceHandle: filled(i + 1, 10) }),
      );
      const known = new Map<number, Known>();
      let commits = 0;

      const live = (i: number) => {
        const k = known.get(i);
        return k?.state === 'stored' && clock.seconds() < k.expires ? k : undefined;
      };

      async function commit(by: number, which: readonly number[], whole: boolean): Promise<void> {
        const payload = payloadOf(++commits);
        const upload = filled(commits, 16);
        const expires = clock.seconds() + transit;
        if (!whole) {
          await store.uploads.open(owners[by]!, upload, payload.length);
          await store.uploads.write(owners[by]!, upload, 0, pieces(payload));
        }
        const committed = which.map((i) => ({ ...messages[i]!, expires }));
        const outcome = await store.transit
          .commit(owners[by]!, {
            ...(whole ? { payload } : { upload }),
            hash: sha256(payload),
            messages: committed,
          })
          .then(() => 'ok', codeOf);
        const allowed = which.every((i) => known.get(i)?.state === 'reserved' && known.get(i)?.owner === by);
        t.is(outcome, allowed ? 'ok' : 'conflict');
        if (!allowed) return whole ? undefined : store.uploads.abandon(owners[by]!, upload);
        for (const i of which)
          known.set(i, {
            state: 'stored',
            owner: by,
            expires,
            fetched: false,
            complete: false,
            ended: 0,
            commit: commits,
          });
      }

      async function retract(by: number, i: number): Promise<void> {
        const outcome = await store.transit.retract(owners[by]!, sha256(messages[i]!.id), clock.seconds());
        const k = known.get(i);
        const answer = k?.fetched === true ? 'withdrawn_maybe_read' : 'withdrawn';
        if (k === undefined || k.owner !== by) t.is(outcome, 'gone');
        else if (k.state === 'accepted') t.is(outcome, 'already_accepted');
        else if (k.state === 'withdrawn') t.is(outcome, answer);
        else if (live(i) === undefined) t.is(outcome, 'gone');
        else {
          t.is(outcome, answer);
          Object.assign(k, { state: 'withdrawn', ended: clock.seconds() });
        }
      }

      async function accept(i: number, right: boolean): Promise<void> {
        const token = right ? messages[i]!.acceptTokenHash : filled(0);
        const outcome = await store.transit.accept(sha256(messages[i]!.id), token, clock.seconds());
        const k = known.get(i);
        const ok = right && (k?.state === 'accepted' || live(i) !== undefined);
        t.is(outcome, ok ? 'accepted' : 'gone');
        if (ok && k?.state === 'stored') Object.assign(k, { state: 'accepted', ended: clock.seconds() });
      }

      async function fetch(i: number, what: 'header' | 'payload'): Promise<void> {
        const outcome = await store.transit.recordFetch(sha256(messages[i]!.id), what, clock.seconds());
        const k = live(i);
        const isKnown = what === 'payload' ? k?.complete : k?.fetched;
        t.is(outcome, k && (isKnown === true ? 'again' : 'first'));
        if (k !== undefined) Object.assign(k, { fetched: true, complete: k.complete || what === 'payload' });
      }

      async function expire(): Promise<void> {
        while ((await store.transit.expire(clock.seconds(), 3)).seen === 3);
        const now = clock.seconds();
        for (const [i, k] of known) {
          const isNew = k.state === 'reserved' || k.state === 'stored';
          const end = isNew ? k.expires : Math.max(k.expires, k.ended) + keepRecord;
          if (now < end) continue;
          if (k.state === 'stored') Object.assign(k, { state: 'expired', ended: now });
          else known.delete(i);
        }
      }

      async function run(step: Op): Promise<void> {
        if (step.op === 'reserve') {
          const { id } = messages[step.message]!;
          const until = clock.seconds() + reservedFor;
          const outcome = await store.transit
            .reserve(owners[step.owner]!, [id], until)
            .then(() => 'ok', codeOf);
          t.is(outcome, known.has(step.message) ? 'conflict' : 'ok');
          if (outcome === 'ok')
            known.set(step.message, {
              state: 'reserved',
              owner: step.owner,
              expires: until,
              fetched: false,
              complete: false,
              ended: 0,
              commit: 0,
            });
        } else if (step.op === 'commit') await commit(step.owner, step.messages, step.whole);
        else if (step.op === 'retract') await retract(step.owner, step.message);
        else if (step.op === 'accept') await accept(step.message, step.right);
        else if (step.op === 'fetch') await fetch(step.message, step.what);
        else if (step.op === 'advance') clock.advance(step.seconds);
        else if (step.op === 'expire') await expire();
        else if (step.op === 'sweep') await store.blobs.sweep(100);
        else store = await world.reopen();
      }

      /** Reads everything back and compares. */
      async function check(): Promise<void> {
        for (let i = 0; i < messageCount; i++) {
          const read = await store.transit.read(sha256(messages[i]!.id));
          const k = live(i);
          t.is(read?.fetched, k?.complete, `message ${i} live`);
          if (read === undefined || k === undefined) continue;
          t.deepEqual(read.header, messages[i]!.header);
          const payload = payloadOf(k.commit);
          t.is(read.blob.size, payload.length);
          let at = 0;
          for await (const part of store.blobs.read(read.blob, 0, payload.length)) {
            t.deepEqual(new Uint8Array(part), payload.slice(at, at + part.length));
            at += part.length;
          }
        }
        await checkCounts();
        await checkLists();
      }

      async function checkCounts(): Promise<void> {
        const waiting = [...known].filter(([, k]) => k.state === 'stored');
        const blobs = new Set(waiting.map(([, k]) => k.commit));
        const bytes =
          waiting.reduce((sum, [i]) => sum + size(messages[i]!), 0) +
          [...blobs].reduce((sum, blob) => sum + payloadOf(blob).length, 0);
        t.like(await store.stats(), { messages: waiting.length, bytes });
        for (const [n, { domain, user }] of owners.entries()) {
          const own = [...known.values()].filter((k) => k.owner === n);
          t.like(await store.transit.usage(domain, user), {
            messages: own.filter((k) => k.state === 'stored').length,
            reserved: own.filter((k) => k.state === 'reserved').length,
          });
        }
      }

      async function checkLists(): Promise<void> {
        for (const [n, by] of owners.entries()) {
          const { items } = await store.transit.list(by, { limit: 100 });
          const listed = items.map(({ traceHandle, state }) => `${traceHandle[0]! - 1} ${state}`);
          const wanted = [...known].filter(([, k]) => k.owner === n && k.state !== 'reserved');
          t.deepEqual(listed.toSorted(), wanted.map(([i, k]) => `${i} ${k.state}`).toSorted());
        }
        const refs = (await store.outbox.due(clock.seconds() + 10 * transit, 100)).flatMap(
          ({ entries }) => entries,
        );
        t.is(refs.length, 0, 'none is due behind its expiry');
        const now = (await store.outbox.list({ limit: 100 })).filter(
          ({ expires }) => expires > clock.seconds(),
        );
        const repeating = now.map((ref) => `${ref.messageId[0]! - 1} ${ref.labels?.retraction === true}`);
        const wanted = [...known].filter(
          ([, k]) => (k.state === 'stored' && !k.complete) || k.state === 'withdrawn',
        );
        t.deepEqual(
          repeating.toSorted(),
          wanted
            .filter(([, k]) => k.expires > clock.seconds())
            .map(([i, k]) => `${i} ${k.state === 'withdrawn'}`)
            .toSorted(),
        );
      }

      for (const step of ops) await run(step);
      await check();
      store = await world.reopen();
      await check();
      await store.close();
      t.deepEqual((await checkStore({ dir: world.dir, payloads: true })).findings, []);
    }),
    { numRuns },
  );
});

// --- pending ---

const senders = ['beta.test', 'gamma.test'];
const quota = 5;
type PendingOp =
  | { op: 'admit'; sender: number; hash: number; id: number; life: number; retraction: boolean }
  | { op: 'done'; hash: number; id: number }
  | { op: 'advance' }
  | { op: 'expire' }
  | { op: 'reopen' };

const small = fc.nat({ max: 2 });
const pendingOp: fc.Arbitrary<PendingOp> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('admit' as const),
      sender: fc.nat({ max: 1 }),
      hash: small,
      id: small,
      life: fc.constantFrom(50, 150, 1000),
      retraction: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('done' as const), hash: small, id: small }) },
  { weight: 3, arbitrary: fc.constantFrom<PendingOp>({ op: 'advance' }, { op: 'expire' }) },
  { weight: 1, arbitrary: fc.constant<PendingOp>({ op: 'reopen' }) },
);

interface Row {
  sender: number;
  hash: number;
  id: number;
  expires: number;
  retracted: boolean;
  done: boolean;
}

test('the pending table does what a plain model does', async (t) => {
  t.timeout(600_000);
  await fc.assert(
    fc.asyncProperty(fc.array(pendingOp, { minLength: 10, maxLength: 60 }), async (ops) => {
      const world = await opened(t);
      let store: Store = world.store;
      const { clock } = world;
      const rows = new Map<string, Row>();
      const keyOf = (row: { sender: number; hash: number; id: number }) =>
        `${row.sender} ${row.hash} ${row.id}`;

      async function admit(step: PendingOp & { op: 'admit' }): Promise<void> {
        const now = clock.seconds();
        const { stored, retracted, known, overQuota } = await store.pending.admit({
          domain: 'alpha.test',
          sender: senders[step.sender]!,
          now,
          quota: { key: senders[step.sender]!, refs: quota },
          introductionsPerHour: 0,
          refs: [
            {
              recipientHash: filled(step.hash),
              messageId: filled(step.id),
              expires: now + step.life,
              sizeClass: 1,
              ...(step.retraction ? { labels: { retraction: true } } : {}),
            },
          ],
        });
        const outcome = { stored, retracted, known, overQuota };
        const none = { stored: 0, retracted: 0, known: 0, overQuota: 0 };
        const row = rows.get(keyOf(step));
        if (row !== undefined && row.expires > now) {
          const marks = step.retraction && !row.retracted && !row.done;
          if (marks) row.retracted = true;
          return void t.deepEqual(outcome, marks ? { ...none, retracted: 1 } : { ...none, known: 1 });
        }
        const held = [...rows.values()].filter(({ sender }) => sender === step.sender).length;
        if (held >= quota) return void t.deepEqual(outcome, { ...none, overQuota: 1 });
        t.deepEqual(outcome, { ...none, stored: 1 });
        const { sender, hash, id } = step;
        rows.set(keyOf(step), {
          sender,
          hash,
          id,
          expires: now + step.life,
          retracted: step.retraction,
          done: false,
        });
      }

      async function run(step: PendingOp): Promise<void> {
        if (step.op === 'admit') await admit(step);
        else if (step.op === 'advance') clock.advance(60);
        else if (step.op === 'reopen') store = await world.reopen();
        else if (step.op === 'expire') {
          // Twice round: the place where it goes on may be anywhere.
          for (let n = 0; n < 12; n++) await store.pending.expire(clock.seconds(), 4);
          for (const [key, row] of rows) if (row.expires <= clock.seconds()) rows.delete(key);
        } else {
          const ended = [...rows.values()].filter(
            (row) => row.hash === step.hash && row.id === step.id && !row.done,
          );
          const count = await store.pending.done('alpha.test', filled(step.hash), [filled(step.id)]);
          t.is(count, ended.length);
          ended.forEach((row) => (row.done = true));
        }
      }

      for (const step of ops) await run(step);
      for (let hash = 0; hash < 3; hash++) {
        const page = await store.pending.poll('alpha.test', filled(hash), {
          limit: 100,
          now: clock.seconds(),
        });
        const polled = page.items.map(
          (ref) => `${senders.indexOf(ref.sender)} ${ref.messageId[0]} ${ref.labels?.retraction === true}`,
        );
        const waiting = [...rows.values()].filter(
          (row) => row.hash === hash && !row.done && row.expires > clock.seconds(),
        );
        t.deepEqual(
          polled.toSorted(),
          waiting.map((row) => `${row.sender} ${row.id} ${row.retracted}`).toSorted(),
        );
      }
      t.is((await store.stats()).pending, rows.size);
      await store.close();
      t.deepEqual((await checkStore({ dir: world.dir, payloads: true })).findings, []);
    }),
    { numRuns },
  );
});
