import { format, inspect } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { Secret, constantTimeEqual } from '../../src/crypto/secret.ts';

test('no-leak: a secret prints as [secret], alone and inside other values', (t) => {
  const bytes = Uint8Array.of(222, 173, 190, 239);
  const secret = new Secret(bytes);
  const printed = [
    `${secret}`,
    String(secret),
    secret + '',
    JSON.stringify({ secret }),
    JSON.stringify([secret]),
    inspect(secret),
    inspect({ deep: [secret] }, { showHidden: true, depth: Infinity }),
    format('%s %o %O %j', secret, secret, secret, secret),
    new Error('failed', { cause: secret }).stack ?? '',
    inspect(new Error('failed', { cause: secret })),
  ];
  for (const text of printed) t.notRegex(text, /222|173|deadbeef|3q2\+7w|3q2-7w/i);
  for (const text of printed.slice(0, 8)) t.true(text.includes('[secret]'));
});

test('no-leak: the bytes are no own property', (t) => {
  const secret = new Secret(Uint8Array.of(1, 2, 3));
  t.deepEqual(Reflect.ownKeys(secret), []);
  t.deepEqual(Object.assign({}, secret), {});
  t.throws(() => structuredClone({ ...secret, f: secret.expose.bind(secret) }));
});

test('expose gives the bytes themselves and wipe clears them', (t) => {
  const bytes = Uint8Array.of(1, 2, 3);
  const secret = new Secret(bytes);
  t.is(secret.expose(), bytes);
  t.is(secret.length, 3);
  secret.wipe();
  t.deepEqual(bytes, Uint8Array.of(0, 0, 0));
});

test('equality is by content, for secrets and bytes, whatever the lengths', (t) => {
  const pair = fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), fc.boolean());
  fc.assert(
    fc.property(pair, ([a, b, copy]) => {
      const other = copy ? a.slice() : b;
      const expected = Buffer.compare(a, other) === 0;
      return (
        constantTimeEqual(a, other) === expected &&
        new Secret(a).equals(other) === expected &&
        new Secret(a).equals(new Secret(other)) === expected
      );
    }),
  );
  t.true(constantTimeEqual(new Uint8Array(0), new Uint8Array(0)));
  t.false(constantTimeEqual(Uint8Array.of(1), Uint8Array.of(1, 0)));
});
