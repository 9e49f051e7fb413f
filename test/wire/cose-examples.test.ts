/** The COSE_Sign1 cases of the COSE working group: what is signed, with the algorithm as a parameter, and what we refuse of them. */
import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { Decoder, Tag } from 'cbor-x';
import { ed25519Verify } from '../../src/crypto/sign.ts';
import { codeOf } from '../../src/errors.ts';
import { decodeSign1, sigStructure } from '../../src/wire/sign1.ts';

interface Key {
  readonly crv: string;
  readonly x?: string;
  readonly y?: string;
  readonly x_hex?: string;
}

interface Case {
  readonly title: string;
  readonly fail?: boolean;
  readonly input: { readonly sign0?: { readonly key: Key; readonly external?: string } };
  readonly intermediates: { readonly ToBeSign_hex: string };
  readonly output: { readonly cbor: string };
}

const file = new URL('../../vectors/external/cose-examples.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: readonly Case[] };
const cases = vectors.filter(({ input }) => input.sign0 !== undefined);
const decoder = new Decoder({ mapsAsObjects: false, useRecords: false });

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** COSE signs an empty protected header as no bytes, however it is written; Beckon's is never empty. */
const emptyMap = Uint8Array.of(0xa0);

type Parts = [header: Uint8Array, unprotected: unknown, payload: Uint8Array, signature: Uint8Array];

/** The four parts of the example, its tag taken off. */
function partsOf(encoded: Uint8Array): Parts {
  const decoded: unknown = decoder.decode(encoded);
  const [header, ...rest] = (decoded instanceof Tag ? decoded.value : decoded) as Parts;
  return [Buffer.from(header).equals(emptyMap) ? new Uint8Array() : header, ...rest];
}

/** Whether the signature holds over our Sig_structure, under whatever algorithm the key is for. */
function holds({ input, output }: Case): boolean | undefined {
  const { key, external = '' } = input.sign0 ?? { key: { crv: '' } };
  const [header, , payload, signature] = partsOf(hex(output.cbor));
  const signed = sigStructure(header, hex(external), payload);
  if (key.crv === 'Ed25519') return ed25519Verify(hex(key.x_hex ?? ''), signed, signature);
  if (key.crv !== 'P-256') return undefined;
  const jwk = { kty: 'EC', crv: key.crv, x: key.x ?? '', y: key.y ?? '' };
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  return verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}

test('all cases of COSE_Sign1 are there', (t) => {
  t.is(cases.length, 12);
  t.is(cases.filter(({ fail }) => fail === true).length, 6);
});

for (const example of cases.filter(({ fail }) => fail !== true))
  test(`${example.title}: what is signed is as in the example`, (t) => {
    const [header, , payload] = partsOf(hex(example.output.cbor));
    const external = hex(example.input.sign0?.external ?? '');
    const signed = Buffer.from(sigStructure(header, external, payload))
      .toString('hex')
      .toUpperCase();
    t.is(signed, example.intermediates.ToBeSign_hex.toUpperCase());
    t.not(holds(example), false);
  });

/** These two are wrong around the signature, not in what it covers. */
const wrongOutside = ['sign-fail-01', 'sign-fail-03'];

for (const example of cases.filter(({ fail }) => fail === true))
  test(`${example.title}: refused`, (t) => {
    const outside = wrongOutside.some((name) => example.title.startsWith(name));
    if (!outside) t.is(holds(example), false);
    t.throws(() => decodeSign1(hex(example.output.cbor)));
  });

test('a tag, another algorithm and an unprotected header are refused by their codes', (t) => {
  const codes = cases.map(({ output }) => {
    try {
      decodeSign1(hex(output.cbor));
      return 'taken';
    } catch (error) {
      return codeOf(error);
    }
  });
  t.false(codes.includes('taken') || codes.includes('internal'));
  t.true(codes.includes('cbor_tag'));
});
