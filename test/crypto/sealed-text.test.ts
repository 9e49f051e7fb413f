import test from 'ava';
import fc from 'fast-check';
import { base64urlnopad } from '@scure/base';
import * as browser from '../../src/crypto/primitives-browser.ts';
import { xchachaOpen } from '../../src/crypto/aead.ts';
import { systemRandom, type Random } from '../../src/crypto/random.ts';
import { createTextSealer, isSealedText, openText, sealText } from '../../src/crypto/sealed-text.ts';
import { rejected, seededRandom } from '../support/identities.ts';

const cheap = { memory: 64, passes: 1 };
const seal = (text: string, passphrase: string, random: Random = systemRandom): Promise<string> =>
  sealText(text, passphrase, random, cheap);

test('a text comes back under its passphrase alone, however its letters are composed', async (t) => {
  for (const text of ['', 'a secret', '\uFEFF{"key": "\u00e4\u{1f511}"}\n', 'x'.repeat(100_000)]) {
    const sealed = await seal(text, 'caf\u00e9');
    t.true(isSealedText(sealed));
    t.is(await openText(sealed, 'cafe\u0301'), text);
    t.is(await rejected(openText(sealed, 'cafe')), 'open_failed');
  }
  t.false((await seal('a secret', 'word')).includes('secret'));
  t.not(await seal('same', 'word'), await seal('same', 'word'));
});

test('another program opens it from what the file says: Argon2id, then XChaCha20-Poly1305 over the header', async (t) => {
  const sealed = JSON.parse(await seal('for strangers', 'word')) as Record<string, string & number>;
  const bytes = (name: string): Uint8Array => base64urlnopad.decode(sealed[name] ?? '');
  const { memory = 0, passes = 0, salt = '' } = sealed;
  t.is<unknown, string>(sealed['format'], 'beckon-sealed-1');
  const key = await browser.argon2id(new TextEncoder().encode('word'), bytes('salt'), { memory, passes }, 32);
  const header = new TextEncoder().encode(`beckon-sealed-1 ${memory} ${passes} ${salt}`);
  const plain = xchachaOpen(key, bytes('nonce'), header, bytes('text'));
  t.is(new TextDecoder().decode(plain), 'for strangers');
});

test('whatever is changed in it does not open', async (t) => {
  const whole = JSON.parse(await seal('a secret', 'word')) as Record<string, unknown>;
  const changed = (changes: object): Promise<string> =>
    rejected(openText(JSON.stringify({ ...whole, ...changes }), 'word'));
  t.is(await rejected(openText(JSON.stringify(whole), 'word')), 'no error');
  const other = JSON.parse(await seal('a secret', 'word')) as Record<string, unknown>;
  for (const name of ['salt', 'nonce', 'text'])
    t.is(await changed({ [name]: other[name] }), 'open_failed', name);
  t.is(await changed({ memory: 128 }), 'open_failed');
  t.is(await changed({ passes: 2 }), 'open_failed');
  t.is(await changed({ text: '' }), 'open_failed');
});

test('what is no sealed text, or would cost too much to open, is refused before any work', async (t) => {
  const whole = JSON.parse(await seal('a secret', 'word')) as Record<string, unknown>;
  const changes: Record<string, object> = {
    'another version': { format: 'beckon-sealed-2' },
    'more memory than anyone should give': { memory: 1024 * 1024 + 1 },
    'too little memory': { memory: 7 },
    'too many passes': { passes: 17 },
    'no passes': { passes: 0 },
    'half a pass': { passes: 1.5 },
    'memory as text': { memory: '64' },
    'a short salt': { salt: 'AAAA' },
    'a short nonce': { nonce: 'AAAA' },
    'no base64url': { text: '+' },
    'no text': { text: undefined },
    'a text that is none': { text: 7 },
    'another field': { more: 1 },
  };
  for (const [name, change] of Object.entries(changes))
    t.is(await rejected(openText(JSON.stringify({ ...whole, ...change }), 'word')), 'state_invalid', name);
  for (const text of ['', 'secret', '[]', 'null', '{}', '7'])
    t.is(await rejected(openText(text, 'word')), 'state_invalid', text);
  t.false(isSealedText('{"format":"beckon-domain-keys-1"}'));
  t.false(isSealedText('null'));
});

test('whatever a disk gives back is opened or refused by its code', async (t) => {
  const whole = JSON.parse(await seal('a secret', 'word')) as Record<string, unknown>;
  const field = fc.constantFrom('format', 'salt', 'nonce', 'text', 'more');
  const changed = fc
    .tuple(field, fc.jsonValue())
    .map(([name, value]) => JSON.stringify({ ...whole, [name]: value }));
  const text = JSON.stringify(whole);
  const cut = fc.nat(text.length).map((at) => text.slice(0, at));
  await fc.assert(
    fc.asyncProperty(fc.oneof(changed, cut, fc.json(), fc.string()), async (given) => {
      const code = await rejected(openText(given, 'word'));
      return ['no error', 'open_failed', 'state_invalid'].includes(code);
    }),
  );
  t.pass();
});

test('a passphrase has 1 to 4096 bytes', async (t) => {
  t.is(await rejected(seal('x', '')), 'key_invalid');
  t.is(await rejected(seal('x', 'x'.repeat(4097))), 'key_invalid');
  t.is(await rejected(seal('x', 'x'.repeat(4096))), 'no error');
});

test('many texts cost one derivation: a sealer goes on with the salt of the first that it opened', async (t) => {
  const first = createTextSealer('word', seededRandom('first'), cheap);
  const texts = await Promise.all(['one', 'two', 'three'].map((text) => first.seal(text)));
  const saltOf = (sealed: string): string => (JSON.parse(sealed) as { salt: string }).salt;
  t.is(new Set(texts.map(saltOf)).size, 1);
  t.is(new Set(texts.map((sealed) => (JSON.parse(sealed) as { nonce: string }).nonce)).size, 3);
  const later = createTextSealer('word', seededRandom('later'), cheap);
  t.deepEqual(await Promise.all(texts.map((sealed) => later.open(sealed))), ['one', 'two', 'three']);
  t.is(saltOf(await later.seal('four')), saltOf(texts[0] ?? ''));

  const dearer = createTextSealer('word', seededRandom('dearer'), { memory: 128, passes: 1 });
  await dearer.open(texts[0] ?? '');
  t.is((JSON.parse(await dearer.seal('five')) as { memory: number }).memory, 128);
});

test('what did not open decides nothing: neither salt nor cost of what is sealed next', async (t) => {
  const planted = await sealText('mine', 'another word', systemRandom, { memory: 256, passes: 3 });
  const sealer = createTextSealer('word', systemRandom, cheap);
  t.is(await rejected(sealer.open(planted)), 'open_failed');
  const { memory, passes } = JSON.parse(await sealer.seal('yours')) as Record<string, number>;
  t.deepEqual({ memory, passes }, cheap);
});
