import test from 'ava';
import { decodeCover, encodeCover } from '../../src/message/cover.ts';
import type { CoverPart } from '../../src/wire/message.ts';
import { now, seededRandom, thrown } from '../support/identities.ts';

const random = seededRandom('covers');
const part = (): CoverPart => ({
  id: random(32),
  expires: now + 86_400,
  mediaType: 'image/png',
  length: 2 ** 31,
  fileName: 'ein Bild \u{1f5bc}.png',
});

test('a cover lists 1 to 128 parts', (t) => {
  const parts = Array.from({ length: 128 }, part);
  t.deepEqual(decodeCover(encodeCover(parts)), parts);
  for (const wrong of [[], [...parts, part()]])
    t.is(
      thrown(() => encodeCover(wrong)),
      'cbor_range',
    );
});

test('a part with an unknown critical field is left out, the others stay', (t) => {
  const good = part();
  const later = { ...part(), unknown: new Map([[-1, Uint8Array.of(0xf5)]]) };
  t.deepEqual(decodeCover(encodeCover([later, good])), [good]);
});
