import test from 'ava';
import fc from 'fast-check';
import { isNotOffered, orderTargets } from '../../src/dns/srv-order.ts';

const srv = (priority: number, weight: number, target: string, port = 443) => ({
  priority,
  weight,
  port,
  target,
});
const hosts = (answers: ReturnType<typeof srv>[], random: () => number) =>
  orderTargets(answers, random).map(({ host }) => host);

test('lower priority numbers go first', (t) => {
  t.deepEqual(
    orderTargets([srv(20, 0, 'b.test'), srv(10, 0, 'a.test', 8443)], () => 0),
    [
      { host: 'a.test', port: 8443 },
      { host: 'b.test', port: 443 },
    ],
  );
});

test('within a priority the drawn point decides by running sums of weight', (t) => {
  const answers = [srv(1, 10, 'ten.test'), srv(1, 30, 'thirty.test'), srv(1, 60, 'sixty.test')];
  // Points 0..100 in ascending weights: up to 10 the first, up to 40 the second, then the third.
  const first = (point: number) => hosts(answers, () => point / 101)[0];
  t.is(first(10.5), 'ten.test');
  t.is(first(11.5), 'thirty.test');
  t.is(first(40.5), 'thirty.test');
  t.is(first(41.5), 'sixty.test');
  t.is(first(100.5), 'sixty.test');
});

test('weight 0 has its chance, and is last otherwise', (t) => {
  const answers = [srv(1, 5, 'five.test'), srv(1, 0, 'zero.test')];
  t.deepEqual(
    hosts(answers, () => 0),
    ['zero.test', 'five.test'],
  );
  t.deepEqual(
    hosts(answers, () => 0.5),
    ['five.test', 'zero.test'],
  );
});

test('what cannot be dialled is left out', (t) => {
  const bad = [
    '',
    '127.0.0.1',
    '0x7f.1',
    '2130706433',
    '0x7f000001',
    '::1',
    'a b.test',
    'UPPER.test',
    'a..test',
    '-',
  ];
  t.deepEqual(
    hosts(
      [...bad.map((name) => srv(1, 1, name)), srv(1, 1, 'port.test', 0), srv(2, 1, 'good.test')],
      () => 0,
    ),
    ['good.test'],
  );
});

test('only the target "." says that nothing is offered', (t) => {
  t.true(isNotOffered([srv(0, 0, '')]));
  t.false(isNotOffered([srv(0, 0, ''), srv(1, 0, 'a.test')]));
});

test('every usable target comes once, by priority, whatever is drawn', (t) => {
  const answer = fc.record({
    priority: fc.integer({ min: 0, max: 3 }),
    weight: fc.integer({ min: 0, max: 65535 }),
    port: fc.integer({ min: 1, max: 65535 }),
    target: fc.constantFrom('a.test', 'b.test', 'c.test', 'd.test'),
  });
  fc.assert(
    fc.property(
      fc.array(answer, { maxLength: 8 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999999 })),
      (answers, draws) => {
        const ordered = orderTargets(answers, () => draws.next().value ?? 0);
        const key = (host: string, port: number) => `${host}:${port}`;
        const expected = answers.map(({ target, port }) => key(target, port)).sort();
        t.deepEqual(ordered.map(({ host, port }) => key(host, port)).sort(), expected);
        const priorities = answers.map(({ priority }) => priority).sort((a, b) => a - b);
        for (const [i, { host, port }] of ordered.entries())
          t.true(answers.some((a) => a.target === host && a.port === port && a.priority === priorities[i]));
      },
    ),
  );
  t.pass();
});

test('of very many targets eight are tried: a record set must not send us to hundreds of hosts', (t) => {
  const answers = Array.from({ length: 500 }, (_, i) => ({
    priority: i,
    weight: 0,
    port: 443,
    target: `h${i}.evil.test`,
  }));
  const targets = orderTargets(answers, () => 0);
  t.deepEqual(
    targets.map(({ host }) => host),
    Array.from({ length: 8 }, (_, i) => `h${i}.evil.test`),
  );
});
