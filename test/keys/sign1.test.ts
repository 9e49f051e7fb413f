import test from 'ava';
import { Secret } from '../../src/crypto/secret.ts';
import { ed25519Public } from '../../src/crypto/sign.ts';
import { expectKeyId, signObject, verifyObject } from '../../src/keys/sign1.ts';
import { decodeSign1, encodeSign1 } from '../../src/wire/sign1.ts';
import { flipped, thrown } from '../support/identities.ts';

const seed = new Secret(new Uint8Array(32).fill(3));
const publicKey = ed25519Public(seed.expose());
const id = new Uint8Array(8).fill(9);
const payload = Uint8Array.of(0xa0);
const signed = signObject('letter', 'a.test', id, seed, payload);

test('what was signed verifies, encoded or decoded', (t) => {
  t.deepEqual(verifyObject('letter', 'a.test', publicKey, signed), payload);
  t.deepEqual(verifyObject('letter', 'a.test', publicKey, decodeSign1(signed)), payload);
});

test('another purpose, domain, key, payload, header or signature is refused', (t) => {
  const object = decodeSign1(signed);
  const refused = (purpose: 'letter' | 'envelope', domain: string, key: Uint8Array, bytes: Uint8Array) =>
    t.is(
      thrown(() => verifyObject(purpose, domain, key, bytes)),
      'signature_invalid',
    );
  refused('envelope', 'a.test', publicKey, signed);
  refused('letter', 'b.test', publicKey, signed);
  refused('letter', 'a.test', ed25519Public(new Uint8Array(32)), signed);
  refused('letter', 'a.test', publicKey, encodeSign1({ ...object, payload: Uint8Array.of(0xa1) }));
  refused('letter', 'a.test', publicKey, encodeSign1({ ...object, signature: flipped(object.signature) }));
  refused('letter', 'a.test', publicKey, encodeSign1({ ...object, protected: flipped(object.protected) }));
});

test('an object that names another key is key_unknown', (t) => {
  t.notThrows(() => expectKeyId(decodeSign1(signed), id));
  t.is(
    thrown(() => expectKeyId(decodeSign1(signed), flipped(id))),
    'key_unknown',
  );
});
