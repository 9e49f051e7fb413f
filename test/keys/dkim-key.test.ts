/** DKIM keys as text, in key files and in DNS. */
import test from 'ava';
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

for (const [name, value] of [
  ['nothing', {}],
  ['another field', { selector: 'a', privateKey: 'b', txt: 'c', more: 1 }],
  ['a number', { selector: 1, privateKey: 'b', txt: 'c' }],
] as const)
  test(`is no key: ${name}`, (t) => {
    t.throws(() => dkimFromJson(value), { code: 'state_invalid' });
  });
