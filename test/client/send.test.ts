import test from 'ava';
import { BeckonError } from '../../src/errors.ts';
import { mediaTypes, times } from '../../src/wire/registry.ts';
import { now, rejected } from '../support/identities.ts';
import { sameBytes } from '../support/bytes.ts';
import { filePart, mailPart, memorySink, textIn } from './sink.ts';
import { createWorld } from './world.ts';

async function threeUsers() {
  const world = createWorld('alpha.test', 'beta.test', 'gamma.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  const cem = await world.addUser('cem', 'gamma.test');
  world.requests.length = 0;
  return { world, ann, bob, cem };
}

const body = (text: string) => ({ parts: [mailPart(text)], subject: 's' });

test('a cover with two files to two recipients shares the uploads of its parts', async (t) => {
  const { world, ann, bob, cem } = await threeUsers();
  const photo = new Uint8Array(50_000).fill(1);
  const result = await ann.client.send({
    to: [bob.address, cem.address],
    parts: [
      mailPart('see the files'),
      filePart(photo, { mediaType: 'image/png', fileName: 'photo.png' }),
      filePart(new Uint8Array(), { fileName: 'empty' }),
    ],
    subject: 'files',
  });
  t.deepEqual(
    result.recipients.map(({ handles }) => handles?.length),
    [4, 4],
  );
  const opened = world.requests.filter((request) => /^PUT account\/uploads\/[^/]+$/.test(request));
  t.is(opened.length, 1, 'the photo: what is small goes with its commit, the covers too');
  const introduced = world.messages().filter(({ introduction }) => introduction !== undefined);
  t.is(introduced.length, 2, 'only the covers introduce');
  t.is(new Set(world.messages().map(({ payloadHash }) => String(payloadHash))).size, 5);

  for (const { client } of [bob, cem]) {
    t.true((await client.sync()).entries.length >= 1);
    const waiting = client.inbox();
    t.true(waiting.every(({ status, from }) => status === 'waiting' && from === ann.address));
    await client.open(waiting[0]?.number ?? 0);
    await client.sync();
    const inbox = client.inbox();
    t.is(inbox.length, 1);
    t.like(inbox, [
      {
        status: 'opened',
        cover: true,
        mediaType: mediaTypes.cover,
        parts: [
          { status: 'opened', mediaType: 'message/rfc822', letterId: result.letterId },
          { status: 'opened', mediaType: 'image/png', fileName: 'photo.png', length: 50_000 },
          { status: 'opened', fileName: 'empty', length: 0 },
        ],
      },
    ]);
    const [cover] = inbox;
    t.deepEqual(client.reply(cover?.number ?? 0).parents, [result.letterId]);
    t.is(await rejected(client.payload(cover?.number ?? 0, memorySink())), 'request_invalid');
    for (const part of cover?.parts ?? []) {
      t.is(client.entry(cover?.number ?? 0).status, 'opened');
      const sink = memorySink();
      await client.payload(part.number, sink);
      t.is(sink.bytes.length, part.length ?? -1);
    }
    const accepted = { status: 'accepted' } as const;
    t.like(client.inbox(), [{ ...accepted, parts: [accepted, accepted, accepted] }]);
  }
  t.true(world.messages().every(({ state }) => state === 'accepted'));
  t.like(await ann.client.sent(), [
    { recipients: [{ state: 'accepted' }, { to: cem.address, state: 'accepted' }] },
  ]);
});

test('a part of a cover that expires leaves the cover accepted', async (t) => {
  const { world, ann, bob } = await threeUsers();
  await ann.client.send({
    to: [bob.address],
    parts: [mailPart('a'), filePart(Uint8Array.of(1))],
    subject: '',
  });
  await bob.client.sync();
  await bob.client.open(1);
  const [cover] = bob.client.inbox();
  const [first, second] = cover?.parts ?? [];
  world.message(second?.handle ?? '').state = 'withdrawn';
  await bob.client.payload(first?.number ?? 0, memorySink());
  t.is(await rejected(bob.client.payload(second?.number ?? 0, memorySink())), 'message_gone');
  await bob.client.sync();
  t.like(bob.client.inbox(), [
    { status: 'accepted', parts: [{ status: 'accepted' }, { status: 'expired' }] },
  ]);
});

test('one who cannot be written to stops all, unless partial sending is wanted', async (t) => {
  const { world, ann, bob } = await threeUsers();
  world.outcomes.set('old@beta.test', { kind: 'legacy', reason: 'by_mail' });
  world.outcomes.set('slow@beta.test', { kind: 'later', reason: 'timeout' });
  const fingerprint = new Uint8Array(32);
  world.outcomes.set('new@beta.test', {
    kind: 'changed',
    of: 'user',
    what: 'identity',
    pinned: fingerprint,
    offered: fingerprint,
  });
  const to = [
    bob.address,
    'old@beta.test',
    'slow@beta.test',
    'new@beta.test',
    'nobody@beta.test',
    'x@nowhere.test',
    'not an address',
    `BOB@beta.test`,
  ];
  const stopped = await ann.client.send({ to, ...body('x') });
  t.is(stopped.number, undefined);
  t.deepEqual(
    stopped.recipients.map(({ outcome, code }) => [outcome, code]),
    [
      ['native', undefined],
      ['legacy', 'discovery_legacy'],
      ['later', 'discovery_later'],
      ['changed', 'trust_changed'],
      ['unknown', 'user_unknown'],
      ['none', 'discovery_none'],
      ['none', 'address_invalid'],
    ],
  );
  t.deepEqual(world.requests, ['GET account/state']);

  const partial = await ann.client.send({ to, ...body('x'), partial: true });
  t.is(partial.number, 1);
  t.deepEqual(
    partial.recipients.map(({ handles }) => handles?.length),
    [1, ...Array.from({ length: 6 }, () => undefined)],
  );
  t.is(world.messages().length, 1);
  t.is((await ann.client.send({ to: ['old@beta.test'], ...body('x'), partial: true })).number, undefined);
});

test('what cannot be sent as it is', async (t) => {
  const { world, ann, bob } = await threeUsers();
  const refused = async (change: object): Promise<string> =>
    rejected(ann.client.send({ to: [bob.address], ...body('x'), ...change }));
  t.is(await refused({ to: [] }), 'request_invalid');
  t.is(await refused({ to: Array.from({ length: 65 }, (_, i) => `u${i}@beta.test`) }), 'request_invalid');
  t.is(await refused({ parts: [] }), 'request_invalid');
  t.is(await refused({ parts: Array.from({ length: 129 }, () => mailPart('x')) }), 'request_invalid');
  t.is(await refused({ expires: now + times.transitMin - 1 }), 'request_invalid');
  t.is(await refused({ expires: now + times.transitMax + 1 }), 'request_invalid');
  t.is(await refused({ parents: ['short'] }), 'request_invalid');
  t.is(await refused({ retracts: '' }), 'request_invalid');
  t.is(await refused({ parts: [filePart(Uint8Array.of(1), { mediaType: 'image' })] }), 'request_invalid');
  t.is(
    await refused({ parts: [filePart(Uint8Array.of(1), { mediaType: mediaTypes.cover })] }),
    'request_invalid',
  );
  t.is(
    await refused({ parts: [filePart(Uint8Array.of(1), { fileName: 'x'.repeat(256) })] }),
    'request_invalid',
  );
  t.deepEqual(world.requests, []);
});

test('a part of another length than announced is not sent', async (t) => {
  const { world, ann, bob } = await threeUsers();
  for (const length of [2, 4]) {
    const part = { ...filePart(Uint8Array.of(1, 2, 3)), length };
    t.is(
      await rejected(ann.client.send({ to: [bob.address], parts: [part], subject: '' })),
      'payload_mismatch',
    );
  }
  t.deepEqual(world.messages(), []);
  t.deepEqual(await ann.client.sent(), []);
});

test('a failure between the parts takes back what went out', async (t) => {
  const { world, ann, bob } = await threeUsers();
  const bad = { ...filePart(Uint8Array.of(1)), length: 9 };
  t.is(
    await rejected(ann.client.send({ to: [bob.address], parts: [mailPart('x'), bad], subject: '' })),
    'payload_mismatch',
  );
  t.deepEqual(
    world.messages().map(({ state }) => state),
    ['withdrawn'],
  );
});

test('a lost answer to a commit is repeated: one message, one entry', async (t) => {
  const { world, ann, bob } = await threeUsers();
  let lost = 0;
  world.after = ({ method, path }) => {
    if (method !== 'POST' || !path.endsWith('/messages') || lost++ > 1) return;
    throw new BeckonError('network_failed', 'the answer was lost');
  };
  await ann.client.send({ to: [bob.address], ...body('x') });
  t.is(lost, 3);
  t.is(world.messages().length, 1);
  t.is((await ann.client.sent()).length, 1);
});

test('an upload that is interrupted goes on from what arrived', async (t) => {
  const { world, ann, bob } = await threeUsers();
  const bytes = new Uint8Array(70_000).map((_, i) => i * 7);
  let failures = 0;
  world.before = ({ path }) => {
    if (path.includes('/parts/20000') && failures++ < 5) throw new BeckonError('network_failed', 'no line');
  };
  world.after = ({ path }) => {
    if (path.includes('/parts/40000') && failures++ < 9) throw new BeckonError('network_failed', 'no answer');
  };
  const steps: number[] = [];
  await ann.client.send(
    { to: [bob.address], parts: [filePart(bytes)], subject: '' },
    ({ done, total, part }) => {
      t.is(part, 0);
      steps.push(done / total);
    },
  );
  t.is(steps.at(-1), 1);
  t.true(failures > 5);
  await bob.client.sync();
  const sink = memorySink();
  await bob.client.payload(1, sink);
  sameBytes(t, sink.bytes, bytes);
});

test('an upload that never moves is given up', async (t) => {
  const { world, ann, bob } = await threeUsers();
  world.before = ({ path }) => {
    if (path.includes('/parts/')) throw new BeckonError('network_failed', 'no line');
  };
  const large = { parts: [filePart(new Uint8Array(40_000))], subject: '' };
  t.is(await rejected(ann.client.send({ to: [bob.address], ...large })), 'network_failed');
  world.before = ({ path }) => {
    if (path.includes('/uploads/')) throw new BeckonError('quota_exceeded', 'too much');
  };
  t.is(await rejected(ann.client.send({ to: [bob.address], ...large })), 'quota_exceeded');
  await ann.client.send({ to: [bob.address], ...body('x') });
});

test('a drop that ends before the message does is not used', async (t) => {
  const { world, ann, bob } = await threeUsers();
  await ann.client.send({ to: [bob.address], ...body('1') });
  await bob.client.sync();
  await bob.client.open(1);
  const expires = now + times.transitMax;
  t.like(await bob.client.send({ to: [ann.address], ...body('2'), expires }), {
    recipients: [{ way: 'drop' }],
  });
  world.clock.advance(3600);
  t.like(await bob.client.send({ to: [ann.address], ...body('3'), expires: expires + 1 }), {
    recipients: [{ way: 'introduction' }],
  });
});

test('the drop is durable before it is handed out; no n is used twice', async (t) => {
  const { world, ann, bob, cem } = await threeUsers();
  ann.secrets.fail = true;
  t.is(await rejected(ann.client.send({ to: [bob.address], ...body('x') })), 'storage_failed');
  t.deepEqual(world.messages(), []);
  ann.secrets.fail = false;
  const later = await ann.restart();
  await later.client.send({ to: [cem.address], ...body('x') });
  const state = JSON.parse(ann.state.text ?? '') as {
    drops: Record<string, { n: number }>;
    nextDrop: number;
  };
  t.deepEqual(
    Object.values(state.drops).map(({ n }) => n),
    [0, 1],
  );
  t.is((JSON.parse(ann.secrets.text ?? '') as { n: number }).n, 2);
  await cem.client.sync();
  await cem.client.open(1);
  await cem.client.send({ to: [ann.address], ...body('to n = 1') });
  t.like((await later.client.sync()).entries, [{ status: 'opened', from: cem.address }]);
  const sink = memorySink();
  await later.client.payload(later.client.inbox()[0]?.number ?? 0, sink);
  t.is(textIn(sink), 'to n = 1');
});
