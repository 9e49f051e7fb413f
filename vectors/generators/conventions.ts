/** Cases of wire-spec/README.md: encoding, contexts, signatures, seals. */
import { encryptBytes } from '../../src/crypto/chunked.ts';
import { hpkeSeal } from '../../src/crypto/hpke.ts';
import { xwingPublic } from '../../src/crypto/xwing.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { keyUses, purposes } from '../../src/wire/registry.ts';
import { collection, flipped, fromHex, joined, utf8, type Case, type Collection } from './cases.ts';
import { encode, map, raw, type Node } from './encode.ts';
import { seeded } from './random.ts';
import { ctx, ed25519Public, keyId, padded, sha256, sign1, x25519Public } from './reference.ts';

export function conventions(): readonly Case[] {
  const cases = collection();
  addItems(cases);
  addPadding(cases);
  addContexts(cases);
  addPublicKeys(cases);
  addSignatures(cases);
  addSeals(cases);
  addChunked(cases);
  return cases.cases;
}

// --- section 3 ---

const goodItems: readonly (readonly [string, string])[] = [
  ['zero', '00'],
  ['2^53 - 1', '1b001fffffffffffff'],
  ['1 - 2^53', '3b001ffffffffffffe'],
  ['an empty byte string', '40'],
  ['a text with characters of one to four bytes', '6a61c3a9e282acf09f9880'],
  ['false and true', '82f4f5'],
  ['a map with keys in bytewise order', 'a4010018180020006161f5'],
  ['16 levels of nesting', `${'81'.repeat(16)}00`],
];

const badItems: readonly (readonly [ErrorCode, string, string])[] = [
  ['cbor_truncated', 'no bytes', ''],
  ['cbor_truncated', 'a head without its argument', '19 01'],
  ['cbor_truncated', 'a byte string that ends early', '43 0102'],
  ['cbor_truncated', 'a text that ends early', '63 6161'],
  ['cbor_truncated', 'an array that ends early', '83 0102'],
  ['cbor_truncated', 'a map without its last value', 'a2 0100 02'],
  ['cbor_truncated', 'a byte string of 2^32 claimed bytes', '5b 0000000100000000 00'],
  ['cbor_trailing', 'a byte after the item', '00 00'],
  ['cbor_not_shortest', 'an integer in two bytes that fits into one', '18 17'],
  ['cbor_not_shortest', 'an integer in three bytes that fits into two', '19 00ff'],
  ['cbor_not_shortest', 'an integer in five bytes that fits into three', '1a 0000ffff'],
  ['cbor_not_shortest', 'an integer in nine bytes that fits into five', '1b 00000000ffffffff'],
  ['cbor_not_shortest', 'a negative integer', '38 17'],
  ['cbor_not_shortest', 'the length of a byte string', '58 01 00'],
  ['cbor_not_shortest', 'the length of a text', '78 01 61'],
  ['cbor_not_shortest', 'the count of an array', '98 01 00'],
  ['cbor_not_shortest', 'the count of a map', 'b8 01 0000'],
  ['cbor_unsorted', 'integer keys falling', 'a2 0200 0100'],
  ['cbor_unsorted', 'a negative key before a positive one', 'a2 2000 0100'],
  ['cbor_unsorted', 'a longer key before a shorter one', 'a2 181800 0100'],
  ['cbor_duplicate_key', 'a key twice', 'a2 0100 0101'],
  ['cbor_indefinite', 'an indefinite byte string', '5f 4100 ff'],
  ['cbor_indefinite', 'an indefinite text', '7f 6161 ff'],
  ['cbor_indefinite', 'an indefinite array', '9f 00 ff'],
  ['cbor_indefinite', 'an indefinite map', 'bf 0100 ff'],
  ['cbor_tag', 'a tag', 'c1 00'],
  ['cbor_tag', 'a bignum', 'c2 49 010000000000000000'],
  ['cbor_float', 'a half float', 'f9 3c00'],
  ['cbor_float', 'a single float', 'fa 3f800000'],
  ['cbor_float', 'a double float', 'fb 3ff0000000000000'],
  ['cbor_simple', 'null', 'f6'],
  ['cbor_simple', 'undefined', 'f7'],
  ['cbor_simple', 'an unassigned simple value', 'e0'],
  ['cbor_simple', 'a simple value in two bytes', 'f8 20'],
  ['cbor_utf8', 'a text that is not UTF-8', '61 ff'],
  ['cbor_utf8', 'a text with an overlong form', '62 c0af'],
  ['cbor_utf8', 'a text with a surrogate', '63 eda080'],
  ['cbor_range', 'an integer of 2^53', '1b 0020000000000000'],
  ['cbor_range', 'a negative integer of -2^53', '3b 001fffffffffffff'],
  ['cbor_too_deep', '17 levels of nesting', `${'81'.repeat(17)}00`],
  ['cbor_type', 'a reserved head', '1c'],
];

function addItems(cases: Collection): void {
  const base = { spec: 'README.md section 3', operation: 'check item' };
  for (const [description, hex] of goodItems)
    cases.positive(nameOf('item', description), {
      ...base,
      description,
      inputs: { encoded: fromHex(hex) },
      output: true,
    });
  for (const [error, description, hex] of badItems)
    cases.negative(nameOf('item', error.replace('cbor_', ''), description), error, {
      ...base,
      description,
      inputs: { encoded: fromHex(hex.replaceAll(' ', '')) },
    });
  addStructureFaults(cases);
}

/** What a decoder with a schema refuses on top: shown with `problem`, the smallest structure. */
function addStructureFaults(cases: Collection): void {
  const good: readonly (readonly [Node, Node])[] = [
    [1, 'conflict'],
    [2, ''],
  ];
  const faults: readonly (readonly [ErrorCode, string, Node])[] = [
    ['cbor_type', 'an array where a map is expected', ['conflict']],
    ['cbor_type', 'a text as label', map(['a', 0])],
    ['cbor_missing_field', 'no field at all', map()],
    ['cbor_too_large', '65 fields', map(...Array.from({ length: 65 }, (_, i) => [i + 1, 'x'] as const))],
    ['cbor_unsorted', 'labels falling', map(...good.toReversed())],
    ['cbor_duplicate_key', 'a label twice', map(...good, [2, ''])],
    ['cbor_unknown_critical', 'an unknown critical field', map(...good, [-1, 0])],
    ['cbor_tag', 'a tag in an unknown field', map(...good, [9, raw('c000')])],
    ['cbor_not_shortest', 'a long integer in an unknown field', map(...good, [9, raw('1801')])],
  ];
  for (const [error, description, node] of faults)
    cases.negative(nameOf('structure', error.replace('cbor_', ''), description), error, {
      spec: 'README.md section 4',
      description,
      operation: 'decode',
      inputs: { structure: 'problem', encoded: encode(node) },
    });
  const withUnknown = map(...good, [9, [1, 2]], [24, true], [1000, 'x']);
  cases.positive('structure-unknown-fields', {
    spec: 'README.md section 4',
    description: 'unknown fields are kept as encoded, and written again at their place',
    operation: 'decode',
    inputs: { structure: 'problem', encoded: encode(withUnknown) },
    output: { code: 'conflict', detail: '', unknown: { 9: '820102', 24: 'f5', 1000: '6178' } },
  });
}

function addPadding(cases: Collection): void {
  const spec = 'README.md section 3';
  const content = fromHex('a10102');
  cases.positive('pad', {
    spec,
    description: 'a padded plaintext of 16 bytes',
    operation: 'pad',
    inputs: { content, size: 16 },
    output: padded(content, 16),
  });
  const good: readonly (readonly [string, Uint8Array, Uint8Array])[] = [
    ['with zeros behind', padded(content, 16), content],
    ['filled to the end', padded(content, 5), content],
    ['empty', new Uint8Array(8), new Uint8Array(0)],
  ];
  for (const [description, plaintext, output] of good)
    cases.positive(nameOf('unpad', description), {
      spec,
      description,
      operation: 'unpad',
      inputs: { plaintext },
      output,
    });
  const bad: readonly (readonly [string, Uint8Array])[] = [
    ['shorter than its length', Uint8Array.of(0)],
    ['a length beyond the end', fromHex('0004a10102')],
    ['a byte behind the content', flipped(padded(content, 16))],
    ['a byte right behind the content', flipped(padded(content, 16), 5)],
  ];
  for (const [description, plaintext] of bad)
    cases.negative(nameOf('unpad', description), 'padding_invalid', {
      spec,
      description,
      operation: 'unpad',
      inputs: { plaintext },
    });
}

// --- section 5 ---

function addContexts(cases: Collection): void {
  const spec = 'README.md section 5';
  for (const purpose of purposes)
    cases.positive(nameOf('context', purpose), {
      spec,
      description: `the context of the purpose ${purpose} with a text`,
      operation: 'context',
      inputs: { purpose, parts: [{ text: 'beta.test' }] },
      output: ctx(purpose, 'beta.test'),
    });
  const id = seeded('context')(8);
  cases.positive('context-all-kinds', {
    spec,
    description: 'text, unsigned integer and byte string as parts',
    operation: 'context',
    inputs: { purpose: 'key id', parts: [{ text: 'beta.test' }, { uint: 300 }, { bytes: id }] },
    output: ctx('key id', 'beta.test', 300, id),
  });
  cases.positive('context-alone', {
    spec,
    description: 'a context without parts',
    operation: 'context',
    inputs: { purpose: 'payload', parts: [] },
    output: ctx('payload'),
  });
  const publicKey = ed25519Public(seeded('key id')(32));
  for (const [use, number] of Object.entries(keyUses)) {
    const info = ctx('key id', 'alpha.test', number, publicKey);
    cases.positive(nameOf('key-id', use.replace(/[A-Z]/g, ' $&')), {
      spec,
      description: `the id of a key with the use ${use}`,
      operation: 'key id',
      inputs: { domain: 'alpha.test', use, publicKey },
      intermediate: { context: info, hash: sha256(info) },
      output: keyId('alpha.test', number, publicKey),
    });
  }
}

const smallOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];
/** Points of Ed25519 of order 1, 2, 4 and 8. */
const edSmallOrder = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
];

function addPublicKeys(cases: Collection): void {
  const base = { spec: 'README.md section 5', operation: 'accept public key' };
  const seed = seeded('public keys')(32);
  const xwing = xwingPublic(seed);
  const good: readonly (readonly [string, Uint8Array])[] = [
    ['x25519', x25519Public(seed)],
    ['ed25519', ed25519Public(seed)],
    ['xwing', xwing],
  ];
  const coefficient = xwing.slice();
  coefficient.set([0x01, 0xfd], 0); // the lowest 12 bits are 3329
  const top = '7f';
  const bad: readonly (readonly [string, string, Uint8Array])[] = [
    ['x25519', 'of 31 bytes', x25519Public(seed).slice(1)],
    ['x25519', 'not canonical: 2^255 - 19', fromHex(`ed${'ff'.repeat(30)}${top}`)],
    ['x25519', 'not canonical: the highest bit', fromHex(`09${'00'.repeat(30)}80`)],
    ...smallOrder.map((point, i) => ['x25519', `of small order ${i + 1}`, fromHex(point)] as const),
    ['ed25519', 'of 33 bytes', joined(ed25519Public(seed), Uint8Array.of(0))],
    ['ed25519', 'not canonical: y = 2^255 - 18', fromHex(`ee${'ff'.repeat(30)}${top}`)],
    ['ed25519', 'not on the curve', fromHex(`02${'00'.repeat(31)}`)],
    ...edSmallOrder.map((point, i) => ['ed25519', `of small order ${i + 1}`, fromHex(point)] as const),
    ['xwing', 'of 1215 bytes', xwing.slice(1)],
    ['xwing', 'with an ML-KEM coefficient of 3329', coefficient],
    ['xwing', 'with an X25519 part of small order', joined(xwing.slice(0, 1184), new Uint8Array(32))],
  ];
  for (const [suite, publicKey] of good)
    cases.positive(nameOf('public-key', suite), {
      ...base,
      description: `a good ${suite} key`,
      inputs: { suite, publicKey },
      output: true,
    });
  for (const [suite, description, publicKey] of bad)
    cases.negative(nameOf('public-key', suite, description), 'key_invalid', {
      ...base,
      description: `an ${suite} key ${description}`,
      inputs: { suite, publicKey },
    });
}

function addSignatures(cases: Collection): void {
  const spec = 'README.md section 5';
  const seed = seeded('signature')(32);
  const publicKey = ed25519Public(seed);
  const domain = 'beta.test';
  const id = keyId('alpha.test', keyUses.domainSigning, publicKey);
  const payload = encode(map([1, 'alpha.test']));
  const purpose = 'notification';
  const signed = sign1(purpose, domain, id, seed, payload);
  cases.positive('sign', {
    spec,
    description: 'a signed object',
    operation: 'sign',
    inputs: { purpose, domain, keyId: id, seed, payload },
    intermediate: {
      protected: signed.protectedHeader,
      externalAad: ctx(purpose, domain),
      toBeSigned: signed.toBeSigned,
      signature: signed.signature,
    },
    output: signed.encoded,
  });
  const verify = { spec, operation: 'verify' };
  const inputs = { purpose, domain, keyId: id, publicKey };
  const extended = map([1, -19], [4, id], [100, true]);
  cases.positive('verify', {
    ...verify,
    description: 'a signed object verifies',
    inputs: { ...inputs, signed: signed.encoded },
    output: payload,
  });
  cases.positive('verify-unknown-header-field', {
    ...verify,
    description: 'a protected header with a field that nobody knows',
    inputs: { ...inputs, signed: sign1(purpose, domain, id, seed, payload, extended).encoded },
    output: payload,
  });
  const { protectedHeader, signature } = signed;
  const parts = (
    over: Partial<Record<'header' | 'unprotected' | 'payload' | 'signature', Node>>,
  ): Uint8Array =>
    encode([
      over.header ?? protectedHeader,
      over.unprotected ?? map(),
      over.payload ?? payload,
      over.signature ?? signature,
    ]);
  const withHeader = (header: Node): Uint8Array => sign1(purpose, domain, id, seed, payload, header).encoded;
  const otherSeed = seeded('another signature')(32);
  const groupOrder = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
  const bad: readonly (readonly [ErrorCode, string, Uint8Array])[] = [
    ['signature_invalid', 'a changed payload', parts({ payload: flipped(payload) })],
    ['signature_invalid', 'a changed signature', parts({ signature: flipped(signature, 0) })],
    ['signature_invalid', 'another key', sign1(purpose, domain, id, otherSeed, payload).encoded],
    ['signature_invalid', 'another purpose', sign1('user record', domain, id, seed, payload).encoded],
    ['signature_invalid', 'another domain', sign1(purpose, 'alpha.test', id, seed, payload).encoded],
    [
      'signature_invalid',
      'S not below the group order',
      parts({ signature: joined(signature.slice(0, 32), plus(signature.slice(32), groupOrder)) }),
    ],
    ['key_unknown', 'another key id', withHeader(map([1, -19], [4, flipped(id)]))],
    ['algorithm_unsupported', 'EdDSA (-8)', withHeader(map([1, -8], [4, id]))],
    ['algorithm_unsupported', 'ES256 (-7)', withHeader(map([1, -7], [4, id]))],
    ['cbor_missing_field', 'no algorithm', withHeader(map([4, id]))],
    ['cbor_missing_field', 'no key id', withHeader(map([1, -19]))],
    ['cbor_unknown_critical', 'a critical header field', withHeader(map([1, -19], [4, id], [-1, 0]))],
    ['cbor_range', 'an unprotected header that is not empty', parts({ unprotected: map([4, id]) })],
    ['cbor_simple', 'a detached payload', parts({ payload: raw('f6') })],
    ['cbor_range', 'three parts', encode([protectedHeader, map(), payload])],
    ['cbor_too_large', 'five parts', encode([protectedHeader, map(), payload, signature, 0])],
    ['cbor_range', 'a signature of 63 bytes', parts({ signature: signature.slice(1) })],
    ['cbor_type', 'a header that is not wrapped', parts({ header: map([1, -19], [4, id]) })],
    ['cbor_tag', 'the tag of COSE_Sign1', joined(Uint8Array.of(0xd2), signed.encoded)],
    ['cbor_trailing', 'a byte behind', joined(signed.encoded, Uint8Array.of(0))],
  ];
  for (const [error, description, encoded] of bad)
    cases.negative(nameOf('verify', description), error, {
      ...verify,
      description,
      inputs: { ...inputs, signed: encoded },
    });
}

/** The sum of two little-endian numbers of 32 bytes. */
function plus(a: Uint8Array, b: Uint8Array): Uint8Array {
  const sum = new Uint8Array(32);
  let carry = 0;
  for (let i = 0; i < 32; i++) {
    carry += (a[i] ?? 0) + (b[i] ?? 0);
    sum[i] = carry & 0xff;
    carry >>= 8;
  }
  return sum;
}

function addSeals(cases: Collection): void {
  const spec = 'README.md section 5';
  const info = ctx('notification seal', 'beta.test');
  const aad = fromHex('110102030405060708');
  const plaintext = utf8('something waits');
  for (const suite of ['x25519', 'xwing'] as const) {
    const privateKey = seeded(`seal ${suite}`)(32);
    const publicKey = suite === 'xwing' ? xwingPublic(privateKey) : x25519Public(privateKey);
    const randomness = seeded(`encapsulation ${suite}`)(suite === 'xwing' ? 64 : 32);
    const sealed = hpkeSeal(suite, publicKey, info, aad, plaintext, () => randomness);
    const encLength = suite === 'xwing' ? 1120 : 32;
    const seal = { suite, publicKey, info, aad, plaintext, randomness };
    cases.positive(`seal-${suite}`, {
      spec,
      description: 'enc || ciphertext || tag; randomness: the ephemeral scalar (x25519), the eseed (xwing)',
      operation: 'seal',
      inputs: seal,
      intermediate: { enc: sealed.slice(0, encLength) },
      output: sealed,
    });
    const open = { suite, privateKey, info, aad };
    const base = { spec, operation: 'open' };
    cases.positive(`open-${suite}`, {
      ...base,
      description: 'the seal opens',
      inputs: { ...open, sealed },
      output: plaintext,
    });
    const zeroPoint = sealed.slice();
    zeroPoint.fill(0, encLength - 32, encLength);
    const bad: readonly (readonly [string, Readonly<Record<string, string | Uint8Array>>])[] = [
      ['a changed enc', { ...open, sealed: flipped(sealed, 0) }],
      ['a changed ciphertext', { ...open, sealed: flipped(sealed, encLength) }],
      ['a changed tag', { ...open, sealed: flipped(sealed) }],
      ['cut short', { ...open, sealed: sealed.slice(0, -1) }],
      ['shorter than enc and tag', { ...open, sealed: sealed.slice(0, encLength + 15) }],
      ['another info', { ...open, info: ctx('notification seal', 'alpha.test'), sealed }],
      ['other associated data', { ...open, aad: flipped(aad), sealed }],
      ['another key', { ...open, privateKey: flipped(privateKey, 9), sealed }],
      ['an X25519 part of small order', { ...open, sealed: zeroPoint }],
    ];
    for (const [description, inputs] of bad)
      cases.negative(nameOf('open', suite, description), 'open_failed', { ...base, description, inputs });
  }
}

function addChunked(cases: Collection): void {
  const spec = 'README.md section 5';
  const key = seeded('chunked key')(32);
  const context = ctx('payload');
  const salt = seeded('chunked salt')(24);
  const plaintexts: readonly (readonly [string, Uint8Array])[] = [
    ['empty', new Uint8Array(0)],
    ['short', utf8('a short text')],
    ['one-chunk-and-an-empty-one', new Uint8Array(16_384).fill(0x61)],
  ];
  for (const [name, plaintext] of plaintexts) {
    const ciphertext = encryptBytes(key, context, plaintext, () => salt);
    cases.positive(`encrypt-chunked-${name}`, {
      spec,
      description: `chunked encryption: ${name.replaceAll('-', ' ')}`,
      operation: 'encrypt chunked',
      inputs: { key, context, salt, plaintext },
      intermediate: { commitment: ciphertext.slice(24, 56) },
      output: ciphertext,
    });
  }
  const sealed = encryptBytes(key, context, utf8('a short text'), () => salt);
  const whole = encryptBytes(key, context, new Uint8Array(16_384), () => salt);
  const base = { spec, operation: 'decrypt chunked' };
  cases.positive('decrypt-chunked', {
    ...base,
    description: 'chunked decryption',
    inputs: { key, context, ciphertext: sealed },
    output: utf8('a short text'),
  });
  const bad: readonly (readonly [ErrorCode, string, Uint8Array, Uint8Array, Uint8Array])[] = [
    ['commitment_mismatch', 'another key', flipped(key), context, sealed],
    ['commitment_mismatch', 'another context', key, ctx('payload', 'beta.test'), sealed],
    ['commitment_mismatch', 'a changed salt', key, context, flipped(sealed, 0)],
    ['commitment_mismatch', 'a changed commitment', key, context, flipped(sealed, 24)],
    ['open_failed', 'a changed chunk', key, context, flipped(sealed, 56)],
    ['open_failed', 'a changed tag', key, context, flipped(sealed)],
    ['open_failed', 'a last chunk cut short', key, context, sealed.slice(0, -1)],
    ['payload_truncated', 'no bytes', key, context, new Uint8Array(0)],
    ['payload_truncated', 'a header cut short', key, context, sealed.slice(0, 55)],
    ['payload_truncated', 'no chunk', key, context, sealed.slice(0, 56)],
    ['payload_truncated', 'a whole chunk without the last one', key, context, whole.slice(0, 56 + 16_400)],
  ];
  for (const [error, description, badKey, badContext, ciphertext] of bad)
    cases.negative(nameOf('decrypt-chunked', description), error, {
      ...base,
      description,
      inputs: { key: badKey, context: badContext, ciphertext },
    });
}

export function nameOf(...words: readonly string[]): string {
  return words
    .join(' ')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
