import { base64urlnopad } from '@scure/base';
import test from 'ava';
import fc from 'fast-check';
import { formatDomainTxt, readDomainTxt } from '../../src/dns/domain-txt.ts';

const one = new Uint8Array(32).fill(1);
const two = new Uint8Array(32).fill(2);
const signature = new Uint8Array(69).fill(3);
const [id1, id2, gone] = [one, two, signature].map((bytes) => base64urlnopad.encode(bytes));

const accepted: [string, string, { fingerprints: Uint8Array[]; gone: Uint8Array | null }][] = [
  ['one id', `v=beckon1; id=${id1}`, { fingerprints: [one], gone: null }],
  ['two ids in their order', `v=beckon1; id=${id2}; id=${id1}`, { fingerprints: [two, one], gone: null }],
  ['a leaving domain', `v=beckon1; id=${id1}; gone=${gone}`, { fingerprints: [one], gone: signature }],
  ['nothing but leaving', `v=beckon1; gone=${gone}`, { fingerprints: [], gone: signature }],
  ['no spaces', `v=beckon1;id=${id1}`, { fingerprints: [one], gone: null }],
  ['more spaces', ` v=beckon1 ;  id=${id1} ; `, { fingerprints: [one], gone: null }],
  ['unknown tags', `v=beckon1; x=; id=${id1}; later-one=a=b`, { fingerprints: [one], gone: null }],
];
for (const [name, text, txt] of accepted)
  test(`accepts ${name}`, (t) => t.deepEqual(readDomainTxt([text]), { kind: 'found', txt }));

const rejected: [string, string][] = [
  ['no id', 'v=beckon1'],
  ['an empty id', 'v=beckon1; id='],
  ['the same id twice', `v=beckon1; id=${id1}; id=${id1}`],
  ['three ids', `v=beckon1; id=${id1}; id=${id2}; id=${base64urlnopad.encode(new Uint8Array(32))}`],
  ['a second version', `v=beckon1; v=beckon1; id=${id1}`],
  ['two departures', `v=beckon1; id=${id1}; gone=${gone}; gone=${gone}`],
  ['a short id', `v=beckon1; id=${base64urlnopad.encode(new Uint8Array(31))}`],
  ['a long id', `v=beckon1; id=${base64urlnopad.encode(new Uint8Array(33))}`],
  ['a padded id', `v=beckon1; id=${id1}=`],
  ['an id with stray bits', `v=beckon1; id=${id1?.slice(0, -1)}F`],
  ['standard base64', `v=beckon1; id=${'+'.repeat(43)}`],
  ['a short departure', `v=beckon1; gone=${id1}`],
  ['one bad id among two', `v=beckon1; id=${id1}; id=AA`],
  ['a tag without value', `v=beckon1; id; id=${id1}`],
  ['an empty tag', `v=beckon1;; id=${id1}`],
  ['an upper case name', `v=beckon1; ID=${id1}`],
  ['a space inside a value', `v=beckon1; id=${id1} x`],
  ['control characters', `v=beckon1; x=\u0000; id=${id1}`],
  ['too much', `v=beckon1; id=${id1}; x=${'y'.repeat(1024)}`],
];
for (const [name, text] of rejected)
  test(`rejects ${name}`, (t) => t.deepEqual(readDomainTxt([text]), { kind: 'malformed' }));

test('records of other kinds and versions are ignored', (t) => {
  const others = ['v=spf1 -all', '', `v=beckon10; id=${id2}`, `id=${id2}; v=beckon1`, `V=beckon1; id=${id2}`];
  t.deepEqual(readDomainTxt(others), { kind: 'missing' });
  t.is(readDomainTxt([...others, `v=beckon1; id=${id1}`]).kind, 'found');
});

test('two records of ours are ambiguous, even equal ones or a broken one', (t) => {
  const good = `v=beckon1; id=${id1}`;
  for (const second of [good, `v=beckon1; id=${id2}`, 'v=beckon1; id=AA'])
    t.deepEqual(readDomainTxt([good, second]), { kind: 'ambiguous' });
});

test('what is written is read back', (t) => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(bytes(32), bytes(32), fc.option(bytes(69)), (a, b, gone) => {
      fc.pre(Buffer.compare(a, b) !== 0);
      for (const fingerprints of [[a], [a, b]])
        t.deepEqual(readDomainTxt([formatDomainTxt({ fingerprints, gone })]), {
          kind: 'found',
          txt: { fingerprints, gone },
        });
    }),
  );
});

test('any text gives an outcome', (t) => {
  const tags = fc.constantFrom('v=beckon1', ';', ' ', 'id=', 'gone=', id1 ?? '', gone ?? '', '=', '\t');
  const texts = fc.oneof(
    fc.string(),
    fc.array(tags).map((parts) => `v=beckon1;${parts.join('')}`),
  );
  fc.assert(
    fc.property(fc.array(texts, { maxLength: 3 }), (values) => {
      const outcome = readDomainTxt(values);
      if (outcome.kind === 'found') t.true(outcome.txt.fingerprints.length <= 2);
      else t.true(['missing', 'malformed', 'ambiguous'].includes(outcome.kind));
    }),
  );
});
