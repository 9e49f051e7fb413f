/** Reading packets, whatever is in them. */
import test from 'ava';
import fc from 'fast-check';
import { RECURSION_AVAILABLE } from 'dns-packet';
import { readAnswer } from '../../src/dns/answer.ts';
import { cname, reply, soa } from '../support/lying-dns.ts';

const question = { name: '_beckon._tcp.a.test', type: 'SRV' } as const;
const packet = { id: 7, questions: [{ ...question, class: 'IN' as const }] };
const answers = [
  reply({ packet }, { rcode: 3, authorities: [soa('a.test')] }),
  reply(
    { packet },
    {
      answers: [
        cname(question.name, 'srv.hoster.test'),
        {
          type: 'SRV',
          name: 'srv.hoster.test',
          ttl: 1,
          class: 'IN',
          data: { priority: 0, weight: 0, port: 443, target: 'post.hoster.test' },
        },
      ],
    },
  ),
];

test('arbitrary bytes, with our id or not, are no answer and no exception', (t) => {
  const bytes = fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 300 }));
  fc.assert(
    fc.property(bytes, ([ours, random]) => {
      const packet = Buffer.concat([ours ? Buffer.of(0, 7, 0x80, 0) : Buffer.alloc(0), random]);
      const { kind } = readAnswer(packet, 7, question);
      return kind !== 'found' && kind !== 'absent';
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('no part of an answer is an answer', (t) => {
  for (const whole of answers) {
    t.true(['found', 'absent'].includes(readAnswer(whole, 7, question).kind));
    for (let length = 0; length < whole.length; length++)
      t.false(
        ['found', 'absent'].includes(readAnswer(whole.subarray(0, length), 7, question).kind),
        String(length),
      );
  }
});

test('a changed byte never throws, and never makes a record one of another name', (t) => {
  for (const whole of answers)
    for (let at = 0; at < whole.length; at++)
      for (const bit of [1, 4, 16, 64, 128]) {
        const changed = Buffer.from(whole);
        changed[at]! ^= bit;
        const outcome = readAnswer(changed, 7, question);
        if (outcome.kind === 'found') t.is(outcome.records.length, 1);
      }
});

test('only what is asked for by this name counts, in whatever case it is written', (t) => {
  const shouting = { ...packet, questions: [{ ...packet.questions[0]!, name: question.name.toUpperCase() }] };
  const absent = reply({ packet: shouting }, { rcode: 3, flags: RECURSION_AVAILABLE });
  t.deepEqual(readAnswer(absent, 7, question), { kind: 'absent', reason: 'nxdomain', dnssec: false });
});
