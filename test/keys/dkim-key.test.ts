/** DKIM keys as text, in key files and in DNS. */
import test from 'ava';
import { systemRandom } from '../../src/crypto/random.ts';
import {
  advanceDkim,
  dkimEntries,
  dkimOverlap,
  nextDkimSelector,
  showsDkim,
  withNextDkim,
} from '../../src/keys/dkim-life.ts';
import { domainKeysFromJson, workingKeysToJson } from '../../src/keys/domain-key-file.ts';
import { createDomainKeys, type DomainKeys } from '../../src/keys/domain-keys.ts';
import { createDkimKey, dkimFromJson, dkimName, dkimToJson } from '../../src/keys/dkim-key.ts';

test('a key survives its file, and does not print', async (t) => {
  const key = await createDkimKey();
  const read = dkimFromJson(JSON.parse(JSON.stringify(dkimToJson(key))));
  t.true(read.privateKey.equals(key.privateKey));
  t.deepEqual([read.selector, read.txt], [key.selector, key.txt]);
  t.false(JSON.stringify(key).includes('PRIVATE'));
});

test('it stands in DNS under its selector', async (t) => {
  const key = await createDkimKey('beckon2');
  t.is(dkimName(key, 'alpha.test'), 'beckon2._domainkey.alpha.test');
  t.regex(key.txt, /^v=DKIM1; k=rsa; p=[A-Za-z0-9+/]{380,}={0,2}$/);
});

test('the next key signs once DNS shows it, and the one before stays there for a while', async (t) => {
  const [first, second, third] = await Promise.all(['beckon1', 'beckon2', 'beckon3'].map(createDkimKey));
  const now = 1_800_000_000;
  const states = (keys: DomainKeys) => dkimEntries(keys).map(({ selector, state }) => `${selector} ${state}`);
  const bare = createDomainKeys('alpha.test', now, systemRandom).keys;
  t.throws(() => withNextDkim(bare, first!), { code: 'conflict' });
  const one: DomainKeys = { ...bare, dkim: first! };
  t.is(nextDkimSelector(one), 'beckon2');
  const waiting = withNextDkim(one, second!);
  t.is(withNextDkim(waiting, third!), waiting, 'one at a time');
  t.deepEqual(states(waiting), ['beckon1 signs', 'beckon2 next']);
  t.is(advanceDkim(waiting, { isShown: false, now }), waiting);
  const followed = advanceDkim(waiting, { isShown: true, now });
  t.deepEqual(states(followed), ['beckon1 before', 'beckon2 signs']);
  t.is(nextDkimSelector(followed), 'beckon3');
  const read = domainKeysFromJson(JSON.parse(JSON.stringify(workingKeysToJson(followed))));
  t.deepEqual(dkimEntries(read), dkimEntries(followed));
  t.is(advanceDkim(followed, { isShown: false, now: now + dkimOverlap - 1 }), followed);
  t.deepEqual(states(advanceDkim(followed, { isShown: false, now: now + dkimOverlap })), ['beckon2 signs']);
});

test('a record shows a key however it is written, and no other', async (t) => {
  const [key, other] = await Promise.all([createDkimKey(), createDkimKey()]);
  const half = key.txt.length / 2;
  for (const record of [
    key.txt,
    `${key.txt.slice(0, half)} ${key.txt.slice(half)}; t=s`,
    key.txt.replace('v=DKIM1; ', ''),
  ])
    t.true(showsDkim(record, key), record);
  for (const record of [other.txt, '', 'v=DKIM1; k=rsa; p=', `x${key.txt.slice(key.txt.indexOf('p='))}`])
    t.false(showsDkim(record, key), record);
});

for (const [name, value] of [
  ['nothing', {}],
  ['another field', { selector: 'a', privateKey: 'b', txt: 'c', more: 1 }],
  ['a number', { selector: 1, privateKey: 'b', txt: 'c' }],
] as const)
  test(`is no key: ${name}`, (t) => {
    t.throws(() => dkimFromJson(value), { code: 'state_invalid' });
  });
