import test from 'ava';
import {
  isForgotten,
  nextRotation,
  partOf,
  revokeUserKeys,
  rotateUserKeys,
} from '../../src/keys/user-life.ts';
import { createUserKeys } from '../../src/keys/user-keys.ts';
import { times } from '../../src/wire/registry.ts';

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const start = 1_790_000_123;

test('a rotation falls due a month or so after the record before', (t) => {
  t.is(nextRotation(start, 0), start + 33 * 86_400);
  t.is(nextRotation(start, 0xffff_ffff), start + 36 * 86_400 - 1);
  t.is(partOf(259_200, 2 ** 31), 129_600);
});

test('fresh keys stand first, what was active is retired, what ended is gone, and four keys of a use are the most', (t) => {
  let keys = createUserKeys('alpha.test', random, start);
  let now = start;
  const seen: string[] = [];
  for (let n = 1; n <= 6; n++) {
    const before = keys;
    now = nextRotation(now, 0);
    keys = rotateUserKeys(keys, random, now);
    t.is(keys.identity, before.identity);
    t.deepEqual(
      keys.keys.slice(0, 2).map(({ use, status, notBefore, notAfter }) => [use, status, notBefore, notAfter]),
      [
        ['addressing', 'active', now, now + times.userRecordValidity],
        ['sealing', 'active', now, now + times.userRecordValidity],
      ],
    );
    t.deepEqual(keys.keys[2]?.id, before.keys[0]?.id);
    t.is(keys.keys[2]?.notAfter, now + times.retiredUserKey);
    t.true(keys.keys.slice(2).every(({ status, notAfter }) => status === 'retired' && notAfter > now));
    seen.push(keys.keys.map(({ use }) => use).join());
  }
  const pair = 'addressing,sealing';
  t.deepEqual(
    seen,
    [2, 3, 4, 4, 4, 4].map((count) => Array<string>(count).fill(pair).join()),
  );
});

test('after theft all older keys are revoked, and what is retired or revoked is forgotten at its end', (t) => {
  const first = createUserKeys('alpha.test', random, start);
  const rotated = rotateUserKeys(first, random, start + 1000);
  const at = start + 2000;
  const keys = revokeUserKeys(rotated, random, at);
  t.is(keys.identity, first.identity);
  t.deepEqual(
    keys.keys.map(({ use, status, revokedAt }) => [use, status, revokedAt]),
    ['active', 'revoked', 'revoked'].flatMap((status) => {
      const when = status === 'revoked' ? at : undefined;
      return [
        ['addressing', status, when],
        ['sealing', status, when],
      ];
    }),
  );
  const [active, , , , retired] = keys.keys;
  if (active === undefined || retired === undefined) throw new Error('six keys');
  t.false(isForgotten(retired, retired.notAfter - 1));
  t.true(isForgotten(retired, retired.notAfter));
  t.is(retired.notAfter, start + 1000 + times.retiredUserKey);
  t.false(isForgotten(active, active.notAfter), 'an active one waits for the next');
  const later = rotateUserKeys(keys, random, at + 1000);
  t.deepEqual(
    later.keys.slice(4).map(({ status, revokedAt }) => [status, revokedAt]),
    Array.from({ length: 4 }, () => ['revoked', at]),
  );
});
