import { readFile } from 'node:fs/promises';
import test from 'ava';
import { isLive, keepRecord, transition, wakeAt, type Life, type Step } from '../../src/store/life.ts';

const reserved: Life = { state: 'reserved', expires: 100, fetched: false };
const stored: Life = { state: 'stored', expires: 1000, fetched: false };
const accepted: Life = { state: 'accepted', expires: 1000, fetched: true, firstFetch: 200, ended: 300 };
const withdrawn: Life = { state: 'withdrawn', expires: 1000, fetched: false, ended: 300 };
const expired: Life = { state: 'expired', expires: 1000, fetched: false, ended: 1000 };

test('a reservation becomes a stored message with its own expiry', (t) => {
  t.deepEqual(transition(reserved, { type: 'commit', expires: 1000 }), {
    outcome: 'stored',
    life: stored,
    ref: 'add',
  });
});

test('what is not reserved cannot be committed', (t) => {
  for (const life of [stored, accepted, withdrawn, expired])
    t.deepEqual(transition(life, { type: 'commit', expires: 1000 }), { outcome: 'gone', life });
});

test('a header fetch is noted, a payload fetch is noted once and slows repeating', (t) => {
  const seen = { ...stored, firstFetch: 200 };
  t.deepEqual(transition(stored, { type: 'fetch', what: 'header', at: 200 }), {
    outcome: 'fetched',
    life: seen,
  });
  t.deepEqual(transition(seen, { type: 'fetch', what: 'payload', at: 250 }), {
    outcome: 'fetched',
    life: { ...seen, fetched: true },
    ref: 'slow',
  });
  const read = { ...seen, fetched: true };
  t.deepEqual(transition(read, { type: 'fetch', what: 'payload', at: 300 }), {
    outcome: 'fetched',
    life: read,
  });
});

test('only a live message can be fetched', (t) => {
  for (const life of [reserved, accepted, withdrawn, expired])
    t.is(transition(life, { type: 'fetch', what: 'payload', at: 10 }).outcome, 'gone');
  t.is(transition(stored, { type: 'fetch', what: 'payload', at: 1000 }).outcome, 'gone');
  t.true(isLive(stored, 999));
  t.false(isLive(stored, 1000));
});

test('accepting needs the right token and a live message, and can be repeated', (t) => {
  const change = transition(stored, { type: 'accept', rightToken: true, at: 300 });
  t.deepEqual(change, {
    outcome: 'accepted',
    life: { ...stored, state: 'accepted', ended: 300 },
    dropCopy: true,
    ref: 'remove',
  });
  t.deepEqual(transition(accepted, { type: 'accept', rightToken: true, at: 400 }), {
    outcome: 'accepted',
    life: accepted,
  });
  for (const life of [stored, accepted])
    t.deepEqual(transition(life, { type: 'accept', rightToken: false, at: 300 }), { outcome: 'gone', life });
  for (const life of [withdrawn, expired, reserved])
    t.is(transition(life, { type: 'accept', rightToken: true, at: 400 }).outcome, 'gone');
  t.is(transition(stored, { type: 'accept', rightToken: true, at: 1000 }).outcome, 'gone');
});

test('retracting before acceptance says whether it may have been read', (t) => {
  t.deepEqual(transition(stored, { type: 'retract', at: 300 }), {
    outcome: 'withdrawn',
    life: withdrawn,
    dropCopy: true,
    ref: 'retract',
  });
  const seen = { ...stored, firstFetch: 200 };
  t.is(transition(seen, { type: 'retract', at: 300 }).outcome, 'withdrawn_maybe_read');
  t.deepEqual(transition(withdrawn, { type: 'retract', at: 400 }), { outcome: 'withdrawn', life: withdrawn });
});

test('retracting after the end changes nothing', (t) => {
  t.deepEqual(transition(accepted, { type: 'retract', at: 400 }), {
    outcome: 'already_accepted',
    life: accepted,
  });
  for (const life of [reserved, expired])
    t.is(transition(life, { type: 'retract', at: 400 }).outcome, 'gone');
  t.is(transition(stored, { type: 'retract', at: 1000 }).outcome, 'gone');
});

test('taking down is withdrawing with a reason; the first one stays', (t) => {
  const taken = { ...withdrawn, takedown: 'spam' } as const;
  t.deepEqual(transition(stored, { type: 'takedown', reason: 'spam', at: 300 }), {
    outcome: 'taken_down',
    life: taken,
    dropCopy: true,
    ref: 'retract',
  });
  t.deepEqual(transition(taken, { type: 'takedown', reason: 'law', at: 400 }), {
    outcome: 'taken_down',
    life: taken,
  });
  t.is(transition(taken, { type: 'accept', rightToken: true, at: 400 }).outcome, 'gone');
  t.is(transition(taken, { type: 'expire', at: 1000 }).ref, 'remove');
  for (const life of [reserved, accepted, withdrawn, expired])
    t.deepEqual(transition(life, { type: 'takedown', reason: 'law', at: 400 }), { outcome: 'gone', life });
  t.is(transition(stored, { type: 'takedown', reason: 'law', at: 1000 }).outcome, 'gone');
});

test('each state ends at its time, not before', (t) => {
  t.is(transition(reserved, { type: 'expire', at: 99 }).outcome, 'waits');
  t.deepEqual(transition(reserved, { type: 'expire', at: 100 }), { outcome: 'removed', life: undefined });
  t.is(transition(stored, { type: 'expire', at: 999 }).outcome, 'waits');
  t.deepEqual(transition(stored, { type: 'expire', at: 1000 }), {
    outcome: 'expired',
    life: expired,
    dropCopy: true,
    ref: 'remove',
  });
});

test('a withdrawn message loses its ref at expiry and its record later', (t) => {
  t.is(wakeAt(withdrawn, 300), 1000);
  t.is(transition(withdrawn, { type: 'expire', at: 999 }).outcome, 'waits');
  t.deepEqual(transition(withdrawn, { type: 'expire', at: 1000 }), {
    outcome: 'waits',
    life: withdrawn,
    ref: 'remove',
  });
  t.is(wakeAt(withdrawn, 1000), 1000 + keepRecord);
  t.is(transition(withdrawn, { type: 'expire', at: 1000 + keepRecord }).outcome, 'removed');
});

test('the record of an ended message stays for the sent view', (t) => {
  for (const life of [accepted, expired]) {
    t.is(wakeAt(life, 0), 1000 + keepRecord);
    t.is(transition(life, { type: 'expire', at: 1000 + keepRecord - 1 }).outcome, 'waits');
    t.is(transition(life, { type: 'expire', at: 1000 + keepRecord }).outcome, 'removed');
  }
});

const at = 500;
const lives: Readonly<Record<string, Life>> = {
  reserved: { ...reserved, expires: 1000 },
  stored,
  'stored, seen': { ...stored, firstFetch: 200 },
  accepted,
  withdrawn,
  'withdrawn, with a reason': { ...withdrawn, takedown: 'spam' },
  expired,
};
const steps: Readonly<Record<string, (life: Life) => Step>> = {
  '`commit`': () => ({ type: 'commit', expires: 1000 }),
  '`recordFetch`': () => ({ type: 'fetch', what: 'header', at }),
  '`accept`, right token': () => ({ type: 'accept', rightToken: true, at }),
  '`accept`, another': () => ({ type: 'accept', rightToken: false, at }),
  '`retract`': () => ({ type: 'retract', at }),
  '`takedown`': () => ({ type: 'takedown', reason: 'spam', at }),
  '`expire`': (life) => ({ type: 'expire', at: wakeAt(life, 1000) }),
};

function stateOf(life: Life | undefined): string {
  if (life === undefined) return 'removed';
  if (life.takedown !== undefined) return 'withdrawn, with a reason';
  return life.state === 'stored' && life.firstFetch !== undefined ? 'stored, seen' : life.state;
}

test('the table of steps in the README is what happens, for every state and step', async (t) => {
  const page = await readFile(new URL('../../src/store/README.md', import.meta.url), 'utf8');
  const table = /<!-- steps -->([^]*)<!-- \/steps -->/.exec(page)?.[1] ?? '';
  const [head = [], , ...rows] = table
    .trim()
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  t.deepEqual(head.slice(1), Object.keys(steps));
  t.deepEqual(
    rows.map(([state]) => state),
    Object.keys(lives),
  );
  for (const [state = '', ...cells] of rows)
    for (const [index, said] of cells.entries()) {
      const life = lives[state] as Life;
      const change = transition(life, Object.values(steps)[index]!(life));
      t.is(`${change.outcome}: ${stateOf(change.life)}`, said, `${state} ${head[index + 1]}`);
    }
});
