/** Cases of wire-spec/keys.md section 9: sequences of user records, moves, fingerprints that people compare. */
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { keyStatuses } from '../../src/wire/registry.ts';
import { flipped, now, type Collection, type Fields as Inputs } from './cases.ts';
import { nameOf } from './conventions.ts';
import type { Node } from './encode.ts';
import { alice, bob, entryOf, keyFor, userRecordOf, type Fields } from './people.ts';
import { seeded } from './random.ts';
import { sha256 } from './reference.ts';

const day = 86_400;
const spec = 'keys.md section 9';

export function addTrust(cases: Collection): void {
  addSequences(cases);
  addMoves(cases);
  addForms(cases);
}

/** A record of Alice made some seconds before now. */
function recordAt(ago: number, over: Fields = {}): Uint8Array {
  return userRecordOf(alice, { 5: now - ago, 7: now - ago, ...over });
}

const impostor = keyFor('alpha.test', 'userIdentity', 'impostor');

function ofAnother(ago: number, over: Fields = {}): Uint8Array {
  return userRecordOf(
    alice,
    { 3: impostor.publicKey, 5: now - ago, 7: now - ago, ...over },
    { key: impostor },
  );
}

const orderly = (over: Inputs = {}): Inputs => ({
  kind: 'orderly',
  linked: true,
  news: ['rotated'],
  ...over,
});

function addSequences(cases: Collection): void {
  const base = { spec, operation: 'follow user records' };
  const inputs = (records: readonly Uint8Array[], over: Inputs = {}): Inputs => ({
    records,
    domain: 'alpha.test',
    addressHash: alice.addressHash,
    confirmed: true,
    now,
    ...over,
  });
  const first = recordAt(5 * day);
  const next = (over: Fields = {}, ago = 4 * day): Uint8Array => recordAt(ago, { 8: sha256(first), ...over });
  const second = next();
  const third = recordAt(3 * day, { 8: sha256(second) });
  const revoked = (over: Fields = {}): readonly Node[] => [
    entryOf(keyFor('alpha.test', 'addressing', 'newer')),
    entryOf(keyFor('alpha.test', 'sealing', 'newer')),
    entryOf(alice.sealing, { 5: keyStatuses.revoked, ...over }),
  ];
  const void4 = now - 4 * day;
  const kept = next({ 9: void4 });
  const move: Node = ['beta.test', 'alice@beta.test', seeded('new record')(32)];
  const good: readonly (readonly [string, readonly Uint8Array[], readonly Inputs[], Inputs?])[] = [
    ['first sight', [first], [{ kind: 'first' }]],
    ['the same record again', [first, first], [{ kind: 'first' }, { kind: 'same' }]],
    ['two orderly rotations', [first, second, third], [{ kind: 'first' }, orderly(), orderly()]],
    [
      'an orderly rotation that skips a record',
      [first, third],
      [{ kind: 'first' }, orderly({ linked: false })],
    ],
    [
      'an orderly record that names none before it',
      [first, recordAt(4 * day)],
      [{ kind: 'first' }, orderly({ linked: false })],
    ],
    [
      'a later drops-since',
      [first, kept, recordAt(3 * day, { 8: sha256(kept), 9: void4 })],
      [
        { kind: 'first' },
        orderly({ news: ['rotated', 'drops_void'], voidBefore: void4 }),
        orderly({ voidBefore: void4 }),
      ],
    ],
    [
      'a drops-since that a later record leaves out still counts',
      [first, kept, recordAt(3 * day, { 8: sha256(kept) })],
      [
        { kind: 'first' },
        orderly({ news: ['rotated', 'drops_void'], voidBefore: void4 }),
        orderly({ voidBefore: void4 }),
      ],
    ],
    [
      'a revoked key',
      [first, next({ 4: revoked({ 8: now - 5 * day + 7 }) })],
      [{ kind: 'first' }, orderly({ news: ['rotated', 'drops_void'], voidBefore: now - 5 * day + 7 })],
    ],
    [
      'a revoked key that does not say since when',
      [first, next({ 4: revoked() })],
      [{ kind: 'first' }, orderly({ news: ['rotated', 'drops_void'], voidBefore: void4 })],
    ],
    [
      'bridged begins and ends',
      [first, next({ 11: 1 }), recordAt(3 * day, { 8: sha256(next({ 11: 1 })) })],
      [
        { kind: 'first' },
        orderly({ news: ['rotated', 'bridged_began'] }),
        orderly({ news: ['rotated', 'bridged_ended'] }),
      ],
    ],
    [
      'escrow begins, under the same record',
      [first, first],
      [{ kind: 'first' }, orderly({ news: ['escrow_began'] })],
      { escrow: [false, true] },
    ],
    ['moved', [first, next({ 12: move })], [{ kind: 'first' }, orderly({ news: ['rotated', 'moved_to'] })]],
    [
      'moved here',
      [first, next({ 13: move })],
      [{ kind: 'first' }, orderly({ news: ['rotated', 'moved_from'] })],
    ],
    [
      'another identity where nobody ever answered',
      [first, ofAnother(4 * day)],
      [{ kind: 'first' }, { kind: 'replaced', news: ['replaced'] }],
      { confirmed: false },
    ],
    [
      'weaker sealing keys where nobody ever answered',
      [first, second],
      [{ kind: 'first' }, orderly()],
      { confirmed: false, sealingRank: 2 },
    ],
    [
      'no sealing key at all is not a weaker one',
      [first, next({ 4: [entryOf(alice.addressing)] })],
      [{ kind: 'first' }, orderly()],
    ],
  ];
  for (const [description, records, output, over] of good)
    cases.positive(nameOf('follow', description), {
      ...base,
      description,
      inputs: inputs(records, over),
      output,
    });
  const serial = (n: number): Fields => ({ 7: n, 8: sha256(first) });
  const bad: readonly (readonly [
    'trust_changed' | 'record_rollback' | 'signature_invalid' | 'record_mismatch',
    string,
    readonly Uint8Array[],
    Inputs?,
  ])[] = [
    ['trust_changed', 'another identity', [first, ofAnother(4 * day)]],
    ['trust_changed', 'another identity, chained', [first, ofAnother(4 * day, { 8: sha256(first) })]],
    ['trust_changed', 'another identity after a rotation', [first, second, ofAnother(3 * day)]],
    ['trust_changed', 'a lower sealing suite than pinned', [first, second], { sealingRank: 2 }],
    ['trust_changed', 'a fork', [first, second, next({ 9: void4 })]],
    [
      'trust_changed',
      'a fork of a pin that nobody confirmed',
      [first, ofAnother(5 * day)],
      { confirmed: false },
    ],
    ['record_rollback', 'an older record', [first, second, first]],
    ['record_rollback', 'a lower serial, made later', [first, recordAt(4 * day, serial(now - 5 * day - 1))]],
    ['record_rollback', 'an older record of another identity', [first, ofAnother(6 * day)]],
    [
      'record_rollback',
      'an older record of another identity, where nobody ever answered',
      [first, ofAnother(6 * day)],
      { confirmed: false },
    ],
    ['signature_invalid', 'a rotation that is not signed', [first, flipped(second)]],
    ['record_mismatch', 'a record of another user', [first, userRecordOf(bob)]],
  ];
  for (const [error, description, records, over] of bad)
    cases.negative(nameOf('follow', description), error, {
      ...base,
      description,
      inputs: inputs(records, over),
    });
}

function addMoves(cases: Collection): void {
  const base = { spec, operation: 'moves agree' };
  const before = userRecordOf(alice);
  const named = (record: Uint8Array, over: Partial<{ domain: string; address: string }> = {}): Node => [
    over.domain ?? 'alpha.test',
    over.address ?? 'alice@alpha.test',
    sha256(record),
  ];
  const next = (from: Node): Uint8Array => userRecordOf(bob, { 13: from });
  const old = (to: Uint8Array, over: Partial<{ domain: string; address: string }> = {}): Uint8Array =>
    userRecordOf(alice, {
      7: now - 7100,
      8: sha256(before),
      12: [over.domain ?? 'beta.test', over.address ?? 'bob@beta.test', sha256(to)],
    });
  const arrived = next(named(before));
  const rotated = userRecordOf(bob, { 7: now - 7000, 8: sha256(arrived), 13: named(before) });
  const list: readonly (readonly [boolean, string, Uint8Array, Uint8Array])[] = [
    [true, 'each names the other', old(arrived), arrived],
    [true, 'the new record has rotated since', old(arrived), rotated],
    [false, 'only the old one names the new one', old(userRecordOf(bob)), userRecordOf(bob)],
    [false, 'only the new one names the old one', before, arrived],
    [false, 'the new one names another record', old(next(named(arrived))), next(named(arrived))],
    [false, 'the old one names another record', old(before), arrived],
    [false, 'the old one names another address', old(arrived, { address: 'bo@beta.test' }), arrived],
    [
      false,
      'the new one names another domain',
      old(next(named(before, { domain: 'beta.test' }))),
      next(named(before, { domain: 'beta.test' })),
    ],
  ];
  for (const [output, description, oldRecord, nextRecord] of list)
    cases.positive(nameOf('moves', description), {
      ...base,
      description,
      inputs: {
        old: oldRecord,
        oldAddress: alice.address,
        next: nextRecord,
        nextAddress: bob.address,
        now,
      },
      output,
    });
}

function wordsOf(fingerprint: Uint8Array): string {
  const bits = Array.from(fingerprint, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return Array.from(
    { length: 12 },
    (_, word) => wordlist[parseInt(bits.slice(11 * word, 11 * word + 11), 2)],
  ).join(' ');
}

function digitsOf(fingerprint: Uint8Array): string {
  return Array.from({ length: 8 }, (_, group) => {
    const number = fingerprint.subarray(4 * group, 4 * group + 4).reduce((sum, byte) => sum * 256 + byte, 0);
    return `0000${number % 100_000}`.slice(-5);
  }).join(' ');
}

function addForms(cases: Collection): void {
  const named: readonly (readonly [string, Uint8Array])[] = [
    ['of a user', alice.fingerprint],
    ['of zeros', new Uint8Array(32)],
    ['of ones', new Uint8Array(32).fill(255)],
  ];
  for (const [description, fingerprint] of named) {
    const about = { spec, description, inputs: { fingerprint } };
    cases.positive(nameOf('fingerprint-words', description), {
      ...about,
      operation: 'fingerprint words',
      output: wordsOf(fingerprint),
    });
    cases.positive(nameOf('fingerprint-digits', description), {
      ...about,
      operation: 'fingerprint digits',
      output: digitsOf(fingerprint),
    });
  }
  const { fingerprint } = alice;
  const compared = (typed: string): Inputs => ({ typed, fingerprint });
  const base = { spec, operation: 'compare fingerprint' };
  const whole = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  const [words, digits] = [wordsOf(fingerprint), digitsOf(fingerprint)];
  const good: readonly (readonly [string, string, string])[] = [
    ['whole', 'whole', whole(fingerprint)],
    ['whole with prefix and spaces', 'whole', ` id:${whole(fingerprint)} `],
    ['words', 'words', words],
    ['words in capitals, far apart', 'words', words.toUpperCase().replaceAll(' ', '   ')],
    ['digits', 'digits', digits],
    ['digits without spaces', 'digits', digits.replaceAll(' ', '')],
    ['digits with hyphens', 'digits', digits.replaceAll(' ', '-')],
  ];
  for (const [description, output, typed] of good)
    cases.positive(nameOf('compare', description), { ...base, description, inputs: compared(typed), output });
  const nearly = flipped(fingerprint);
  const another = bob.fingerprint;
  const bad: readonly (readonly [string, string])[] = [
    ['whole, one bit off', whole(nearly)],
    ['whole of another', whole(another)],
    ['words of another', wordsOf(another)],
    [
      'words but for the last',
      `${words.split(' ').slice(0, 11).join(' ')} ${wordsOf(another).split(' ')[11]}`,
    ],
    ['words in another order', words.split(' ').reverse().join(' ')],
    ['digits of another', digitsOf(another)],
    ['digits, one bit off', digitsOf(nearly)],
  ];
  for (const [description, typed] of bad)
    cases.negative(nameOf('compare', description), 'fingerprint_mismatch', {
      ...base,
      description,
      inputs: compared(typed),
    });
}
