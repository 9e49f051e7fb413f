import test from 'ava';
import fc from 'fast-check';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { xchachaOpen, xchachaSeal } from '../../src/crypto/aead.ts';
import { toHex } from './bytes.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const any = fc.uint8Array({ maxLength: 500 });

test('XChaCha20-Poly1305 agrees with another implementation, and a changed bit does not open', (t) => {
  fc.assert(
    fc.property(bytes(32), bytes(24), any, any, fc.nat(), (key, nonce, aad, plaintext, at) => {
      const sealed = xchachaSeal(key, nonce, aad, plaintext);
      t.is(toHex(sealed), toHex(xchacha20poly1305(key, nonce, aad).encrypt(plaintext)));
      t.is(toHex(xchachaOpen(key, nonce, aad, sealed)), toHex(plaintext));
      sealed[at % sealed.length]! ^= 0x10;
      t.throws(() => xchachaOpen(key, nonce, aad, sealed), { code: 'open_failed' });
    }),
  );
});

test('keys and nonces of another length are refused, a short text does not open', (t) => {
  const [key, nonce, none] = [new Uint8Array(32), new Uint8Array(24), new Uint8Array(0)];
  t.throws(() => xchachaSeal(new Uint8Array(31), nonce, none, none), { code: 'key_invalid' });
  t.throws(() => xchachaSeal(key, new Uint8Array(12), none, none), { code: 'key_invalid' });
  t.throws(() => xchachaOpen(key, new Uint8Array(25), none, new Uint8Array(16)), { code: 'key_invalid' });
  t.throws(() => xchachaOpen(key, nonce, none, new Uint8Array(15)), { code: 'open_failed' });
});
