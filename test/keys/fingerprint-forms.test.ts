import test from 'ava';
import fc from 'fast-check';
import { base64urlnopad } from '@scure/base';
import {
  fingerprintDigits,
  fingerprintWords,
  isFingerprint,
  readFingerprint,
} from '../../src/keys/fingerprint-forms.ts';
import { thrown } from '../support/identities.ts';

const fingerprints = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('the forms of the least and the greatest fingerprint', (t) => {
  const [least, greatest] = [new Uint8Array(32), new Uint8Array(32).fill(255)];
  t.is(fingerprintWords(least), Array(12).fill('abandon').join(' '));
  t.is(fingerprintWords(greatest), Array(12).fill('zoo').join(' '));
  t.is(fingerprintDigits(least), Array(8).fill('00000').join(' '));
  t.is(fingerprintDigits(greatest), Array(8).fill('67295').join(' '), '2^32 - 1 mod 100000');
});

test('every form of a fingerprint is read back, as people type it', (t) => {
  fc.assert(
    fc.property(fingerprints, (fingerprint) => {
      const whole = base64urlnopad.encode(fingerprint);
      const words = fingerprintWords(fingerprint);
      const digits = fingerprintDigits(fingerprint);
      for (const typed of [
        whole,
        ` id:${whole}\n`,
        words,
        ` ${words.toUpperCase().replaceAll(' ', '  ')} `,
        digits,
        digits.replaceAll(' ', ''),
        digits.replaceAll(' ', '-'),
      ])
        t.true(isFingerprint(readFingerprint(typed), fingerprint), typed);
    }),
  );
});

test('a change in any of the first 132 bits is seen in the words, one in any byte in digits or whole', (t) => {
  fc.assert(
    fc.property(fingerprints, fc.integer({ min: 0, max: 255 }), (fingerprint, bit) => {
      const other = fingerprint.slice();
      other[bit >> 3]! ^= 128 >> (bit & 7);
      t.is(isFingerprint(readFingerprint(fingerprintWords(fingerprint)), other), bit >= 132);
      t.false(isFingerprint(readFingerprint(base64urlnopad.encode(fingerprint)), other));
      t.not(fingerprintDigits(fingerprint), fingerprintDigits(other));
    }),
  );
});

test('what is no whole form is refused: too few, too many, other words', (t) => {
  const words = fingerprintWords(new Uint8Array(32)).split(' ');
  for (const typed of [
    '',
    'id:',
    'short',
    base64urlnopad.encode(new Uint8Array(31)),
    base64urlnopad.encode(new Uint8Array(33)),
    words.slice(1).join(' '),
    [...words, 'zoo'].join(' '),
    [...words.slice(1), 'beckon'].join(' '),
    '12345 '.repeat(7),
    '12345 '.repeat(9),
  ])
    t.is(
      thrown(() => readFingerprint(typed)),
      'usage',
      typed,
    );
});
