import { createCipheriv, createHmac } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import {
  CHUNK,
  CHUNKED_HEADER,
  SEALED_CHUNK,
  ciphertextLength,
  createDecryptor,
  createEncryptor,
  decryptBytes,
  decryptStream,
  encryptBytes,
  encryptStream,
  plaintextLength,
} from '../../src/crypto/chunked.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { codeOf } from '../../src/errors.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { toHex } from './bytes.ts';

const KEY = new Uint8Array(32).fill(0x4b);
const CONTEXT = new TextEncoder().encode('beckon/1 test');
const LENGTHS = [
  0,
  1,
  CHUNK - 1,
  CHUNK,
  CHUNK + 1,
  16 * CHUNK - 1,
  16 * CHUNK,
  16 * CHUNK + 1,
  33 * CHUNK + 5,
];

const encrypt = (plaintext: Uint8Array) => encryptBytes(KEY, CONTEXT, plaintext, systemRandom);

test('encryptBytes writes the format as another reading of the specification gives it', (t) => {
  for (const length of [0, 5, CHUNK, 2 * CHUNK + 9]) {
    const plaintext = systemRandom(length);
    const salt = systemRandom(24);
    const ours = encryptBytes(KEY, CONTEXT, plaintext, () => salt.slice());
    t.is(toHex(ours), toHex(independent(plaintext, salt)));
    t.is(ours.length, ciphertextLength(length));
  }
});

test('what is encrypted decrypts, at every length around the edges, with ciphertextLength and back', (t) => {
  for (const length of LENGTHS) {
    const plaintext = systemRandom(length);
    const ciphertext = encrypt(plaintext);
    t.is(ciphertext.length, ciphertextLength(length));
    t.is(plaintextLength(ciphertext.length), length);
    same(t, decryptBytes(KEY, CONTEXT, ciphertext), plaintext);
  }
  t.not(toHex(encrypt(KEY)), toHex(encrypt(KEY)));
});

test('streams agree with the whole, however the source is cut', async (t) => {
  const pieces = fc.array(
    fc.oneof(fc.nat(100), fc.nat(40_000), fc.constantFrom(CHUNK, SEALED_CHUNK, 2 * CHUNK, 400_000)),
    { maxLength: 12 },
  );
  const property = fc.asyncProperty(fc.constantFrom(...LENGTHS), pieces, async (length, sizes) => {
    const plaintext = systemRandom(length);
    const salt = systemRandom(24);
    const ciphertext = await collect(encryptStream(KEY, CONTEXT, cut(plaintext, sizes), () => salt));
    same(
      t,
      ciphertext,
      encryptBytes(KEY, CONTEXT, plaintext, () => salt),
    );
    same(t, await collect(decryptStream(KEY, CONTEXT, cut(ciphertext, sizes))), plaintext);
  });
  await fc.assert(property, { numRuns: 40 });
});

test('a source may use its buffer again', async (t) => {
  const plaintext = systemRandom(100_000);
  const ciphertext = await collect(encryptStream(KEY, CONTEXT, reusing(plaintext), systemRandom));
  same(t, await collect(decryptStream(KEY, CONTEXT, reusing(ciphertext))), plaintext);
});

test('a consumer may keep the pieces and change them', async (t) => {
  const plaintext = systemRandom(40 * CHUNK);
  const pieces: Uint8Array[] = [];
  for await (const piece of encryptStream(KEY, CONTEXT, cut(plaintext, [50_000]), systemRandom)) {
    pieces.push(piece.slice());
    piece.fill(0);
  }
  t.true(pieces.length > 2);
  same(t, decryptBytes(KEY, CONTEXT, Buffer.concat(pieces)), plaintext);
});

test('chunks open in any order', (t) => {
  const plaintext = systemRandom(3 * CHUNK + 7);
  const ciphertext = encrypt(plaintext);
  const decryptor = createDecryptor(KEY, CONTEXT, ciphertext.subarray(0, CHUNKED_HEADER));
  for (const index of [3, 0, 2, 1, 0]) {
    const chunk = decryptor.open(index, chunkOf(ciphertext, index));
    same(t, chunk, plaintext.subarray(index * CHUNK, (index + 1) * CHUNK));
  }
  for (const [index, chunk] of [
    [1, 0],
    [4, 3],
    [-1, 0],
    [0.5, 0],
    [2 ** 38, 0],
  ] as const) {
    t.throws(() => decryptor.open(index, chunkOf(ciphertext, chunk)), { code: 'open_failed' });
  }
  t.throws(() => decryptor.open(0, ciphertext.subarray(56, 56 + 15)), { code: 'open_failed' });
  t.throws(() => decryptor.open(0, ciphertext.subarray(56, 56 + SEALED_CHUNK + 1)), { code: 'open_failed' });
});

test('a stream goes on in the middle with the header given', async (t) => {
  const plaintext = systemRandom(20 * CHUNK + 7);
  const ciphertext = encrypt(plaintext);
  const header = ciphertext.subarray(0, CHUNKED_HEADER);
  for (const fromChunk of [0, 1, 17, 20]) {
    const source = cut(ciphertext.subarray(CHUNKED_HEADER + fromChunk * SEALED_CHUNK), [5000]);
    const rest = await collect(decryptStream(KEY, CONTEXT, source, { header, fromChunk }));
    same(t, rest, plaintext.subarray(fromChunk * CHUNK));
  }
});

test('an encryptor seals each chunk once, in order, and nothing after the short one', (t) => {
  const full = new Uint8Array(CHUNK);
  const encryptor = createEncryptor(KEY, CONTEXT, systemRandom);
  t.throws(() => encryptor.seal(1, full), { code: 'internal' });
  t.throws(() => encryptor.seal(0, new Uint8Array(CHUNK + 1)), { code: 'internal' });
  const sealed = [encryptor.header, encryptor.seal(0, full), encryptor.seal(1, full)];
  t.throws(() => encryptor.seal(1, full), { code: 'internal' });
  sealed.push(encryptor.seal(2, full.subarray(1)));
  t.throws(() => encryptor.seal(3, full), { code: 'internal' });
  same(t, decryptBytes(KEY, CONTEXT, Buffer.concat(sealed)), new Uint8Array(3 * CHUNK - 1));
});

test('the nonce counts beyond 32 bits', (t) => {
  // Chunks that only a message of 64 TiB has: made with the nonces that the specification gives.
  const ciphertext = encrypt(new Uint8Array(0));
  const header = ciphertext.subarray(0, CHUNKED_HEADER);
  const { key, base } = independentKeys(header.subarray(0, 24));
  for (const index of [255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32 + 1, 2 ** 38 - 1]) {
    const sealed = gcm(key, nonceOf(base, index), KEY);
    same(t, createDecryptor(KEY, CONTEXT, header).open(index, sealed), KEY);
  }
});

test('another key, context, salt or commitment is commitment_mismatch', async (t) => {
  const ciphertext = encrypt(CONTEXT);
  const other = KEY.slice().fill(1);
  const attempts: [Uint8Array, Uint8Array, Uint8Array][] = [
    [other, CONTEXT, ciphertext],
    [KEY, new Uint8Array(0), ciphertext],
    [KEY, CONTEXT, flipped(ciphertext, 0)],
    [KEY, CONTEXT, flipped(ciphertext, 23)],
    [KEY, CONTEXT, flipped(ciphertext, 24)],
    [KEY, CONTEXT, flipped(ciphertext, 55)],
  ];
  for (const [key, context, text] of attempts) {
    t.throws(() => decryptBytes(key, context, text), { code: 'commitment_mismatch' });
    await t.throwsAsync(collect(decryptStream(key, context, cut(text, []))), { code: 'commitment_mismatch' });
  }
});

test('a key of another length is key_invalid', async (t) => {
  for (const key of [new Uint8Array(31), new Uint8Array(33), new Uint8Array(0)]) {
    t.throws(() => encryptBytes(key, CONTEXT, KEY, systemRandom), { code: 'key_invalid' });
    t.throws(() => decryptBytes(key, CONTEXT, encrypt(KEY)), { code: 'key_invalid' });
    await t.throwsAsync(collect(decryptStream(key, CONTEXT, cut(encrypt(KEY), []))), { code: 'key_invalid' });
  }
});

test('a changed, moved or repeated chunk is open_failed; what stands before it is yielded', async (t) => {
  const plaintext = systemRandom(3 * CHUNK + 7);
  const ciphertext = encrypt(plaintext);
  const [header, first, second, third, last] = [
    ciphertext.subarray(0, CHUNKED_HEADER),
    ...[0, 1, 2, 3].map((index) => chunkOf(ciphertext, index)),
  ] as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const faults: [Uint8Array[], number][] = [
    [[header, flipped(first, 0), second, third, last], 0],
    [[header, first, flipped(second, CHUNK), third, last], 1],
    [[header, first, second, third, flipped(last, 0)], 3],
    [[header, second, first, third, last], 0],
    [[header, first, first, third, last], 1],
    [[header, first, third, last], 1],
    [[header, first, second, third, last, last], 3],
    [[header, first, second, third, last, Uint8Array.of(0)], 3],
  ];
  for (const [parts, good] of faults) {
    const text = Buffer.concat(parts);
    t.throws(() => decryptBytes(KEY, CONTEXT, text), { code: 'open_failed' });
    const { code, bytes } = await attempt(decryptStream(KEY, CONTEXT, cut(text, [9999])));
    t.is(code, 'open_failed');
    same(t, bytes, plaintext.subarray(0, good * CHUNK));
  }
});

test('a ciphertext cut off anywhere never passes for a whole one', async (t) => {
  const plaintext = systemRandom(2 * CHUNK);
  const ciphertext = encrypt(plaintext);
  const truncated = [0, 1, 55, 56, 56 + 15, 56 + SEALED_CHUNK, 56 + SEALED_CHUNK + 15, 56 + 2 * SEALED_CHUNK];
  for (const length of truncated) {
    const text = ciphertext.subarray(0, length);
    t.throws(() => plaintextLength(length), { code: 'payload_truncated' });
    t.throws(() => decryptBytes(KEY, CONTEXT, text), { code: 'payload_truncated' });
    await t.throwsAsync(collect(decryptStream(KEY, CONTEXT, cut(text, []))), { code: 'payload_truncated' });
  }
  const anywhere = fc.asyncProperty(fc.nat(ciphertext.length - 1), async (length) => {
    const { code } = await attempt(decryptStream(KEY, CONTEXT, cut(ciphertext.subarray(0, length), [7000])));
    t.true(code === 'open_failed' || code === 'payload_truncated');
  });
  await fc.assert(anywhere, { numRuns: 60 });
});

test('plaintextLength refuses what is no length', (t) => {
  for (const length of [-1, Number.NaN, 0.5, 72.5, Infinity, ciphertextLength(2 ** 38 * CHUNK)]) {
    t.throws(() => plaintextLength(length), { code: 'payload_truncated' });
  }
  fc.assert(fc.property(fc.nat(2 ** 30), (length) => plaintextLength(ciphertextLength(length)) === length));
});

test('an error of the source comes through after what was opened', async (t) => {
  const plaintext = systemRandom(5 * CHUNK);
  const ciphertext = encrypt(plaintext);
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield ciphertext.subarray(0, 56 + 2 * SEALED_CHUNK + 100);
    throw new Error('connection lost');
  }
  const { message, bytes } = await attempt(decryptStream(KEY, CONTEXT, broken()));
  t.is(message, 'connection lost');
  same(t, bytes, plaintext.subarray(0, 2 * CHUNK));
  await t.throwsAsync(collect(encryptStream(KEY, CONTEXT, broken(), systemRandom)), {
    message: 'connection lost',
  });
});

test('a consumer that stops closes the source', async (t) => {
  let closed = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(100_000);
    } finally {
      closed = true;
    }
  }
  for await (const piece of encryptStream(KEY, CONTEXT, source(), systemRandom)) if (piece.length > 0) break;
  t.true(closed);
});

// The specification once more, over OpenSSL alone.

function independentKeys(salt: Uint8Array): { key: Buffer; base: Buffer; commitment: Buffer } {
  const info = Buffer.concat([
    Buffer.from('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM'),
    Buffer.from([0]),
    salt,
    CONTEXT,
  ]);
  const mac = (...parts: Uint8Array[]) => createHmac('sha512', KEY).update(Buffer.concat(parts)).digest();
  const first = mac(info, Buffer.from([1]));
  const output = Buffer.concat([first, mac(first, info, Buffer.from([2]))]);
  return { key: output.subarray(0, 32), base: output.subarray(32, 44), commitment: output.subarray(44, 76) };
}

function independent(plaintext: Uint8Array, salt: Uint8Array): Uint8Array {
  const { key, base, commitment } = independentKeys(salt);
  const parts: Uint8Array[] = [salt, commitment];
  for (let index = 0; index <= Math.floor(plaintext.length / CHUNK); index++) {
    parts.push(gcm(key, nonceOf(base, index), plaintext.subarray(index * CHUNK, (index + 1) * CHUNK)));
  }
  return Buffer.concat(parts);
}

function nonceOf(base: Uint8Array, index: number): Uint8Array {
  const value = BigInt(`0x${toHex(base)}`) ^ BigInt(index);
  return Buffer.from(value.toString(16).padStart(24, '0'), 'hex');
}

function gcm(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function chunkOf(ciphertext: Uint8Array, index: number): Uint8Array {
  const at = CHUNKED_HEADER + index * SEALED_CHUNK;
  return ciphertext.subarray(at, at + SEALED_CHUNK);
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 0x80;
  return copy;
}

/** Pieces of the given sizes in turn, then the rest. */
async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

/** The same bytes through one buffer, which is cleared before each next piece. */
async function* reusing(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(10_000);
  for (let at = 0; at < bytes.length; at += buffer.length) {
    const part = bytes.subarray(at, at + buffer.length);
    buffer.fill(0xee);
    buffer.set(part);
    yield buffer.subarray(0, part.length);
  }
  buffer.fill(0xee);
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What a failing stream yields before its error, and the error. */
async function attempt(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ bytes: Uint8Array; code: string; message: string }> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of stream) pieces.push(piece);
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    return { bytes: Buffer.concat(pieces), code: codeOf(error), message };
  }
  return { bytes: Buffer.concat(pieces), code: 'none', message: '' };
}

/** Compares long byte strings by hash: a failure prints lines, not megabytes. */
function same(t: { is(a: unknown, b: unknown): unknown }, actual: Uint8Array, expected: Uint8Array): void {
  t.is(`${actual.length} ${toHex(sha256(actual))}`, `${expected.length} ${toHex(sha256(expected))}`);
}
