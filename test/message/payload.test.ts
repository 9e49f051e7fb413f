import { createHash, randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { encryptBytes } from '../../src/crypto/chunked.ts';
import { concat } from '../../src/crypto/kdf.ts';
import { Secret } from '../../src/crypto/secret.ts';
import {
  decryptPayload,
  encryptPayload,
  payloadSize,
  resumePoint,
  type ExpectedPayload,
  type PayloadSummary,
  type Resumption,
} from '../../src/message/payload.ts';
import { context } from '../../src/wire/context.ts';
import { flipped, rejected, seededRandom, thrown } from '../support/identities.ts';

const key = new Secret(new Uint8Array(32).fill(8));
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
const bytesOf = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Faster on large arrays than a deep comparison. */
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

async function* pieces(bytes: Uint8Array, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return concat(...parts);
}

async function encrypted(plaintext: Uint8Array, size?: number): Promise<[Uint8Array, PayloadSummary]> {
  const encryption = encryptPayload(key, pieces(plaintext, size), plaintext.length, seededRandom('payload'));
  return [await collect(encryption.stream), encryption.result()];
}

const decrypted = (payload: Uint8Array, expected: ExpectedPayload, resume?: Resumption) =>
  collect(decryptPayload(key, pieces(payload, 7000), expected, resume));

test('a payload of any size comes back; its size and hashes are as announced', async (t) => {
  const edges = [0, 1, 4096, 4097, 16_384, 16_385, 32_767, 32_768, 262_144, 1_000_003];
  for (const length of edges) {
    const plaintext = bytesOf(length);
    const [payload, summary] = await encrypted(plaintext);
    t.is(payload.length, payloadSize(length));
    t.deepEqual(summary, {
      plaintextLength: length,
      plaintextHash: sha256(plaintext),
      payloadSize: payload.length,
      payloadHash: sha256(payload),
    });
    t.true(same(await decrypted(payload, summary), plaintext));
  }
});

test('property: the cut of the pieces does not matter', async (t) => {
  const property = fc.asyncProperty(
    fc.integer({ min: 0, max: 70_000 }),
    fc.integer({ min: 1, max: 40_000 }),
    async (length, size) => {
      const plaintext = bytesOf(length);
      const [payload, summary] = await encrypted(plaintext, size);
      return same(await decrypted(payload, summary), plaintext);
    },
  );
  await fc.assert(property, { numRuns: 25 });
  t.pass();
});

test('the size tells little: a floor of 4 KiB, then Padme', (t) => {
  t.is(payloadSize(0), 56 + 4096 + 16);
  t.is(payloadSize(4096), payloadSize(0));
  t.is(payloadSize(1_000_001), payloadSize(1_010_000));
  t.true(payloadSize(10 ** 9) < 1.12 * 10 ** 9);
});

test('a source of another length than announced is payload_mismatch', async (t) => {
  const run = (announced: number) =>
    rejected(collect(encryptPayload(key, pieces(bytesOf(100)), announced, seededRandom('x')).stream));
  t.is(await run(99), 'payload_mismatch');
  t.is(await run(101), 'payload_mismatch');
  const encryption = encryptPayload(key, pieces(bytesOf(100)), 100, seededRandom('x'));
  t.is(
    thrown(() => encryption.result()),
    'internal',
  );
});

test('changed, cut, lengthened and foreign payloads are refused', async (t) => {
  const plaintext = bytesOf(100_000);
  const [payload, summary] = await encrypted(plaintext);
  t.is(await rejected(decrypted(flipped(payload), summary)), 'open_failed');
  t.is(await rejected(decrypted(flipped(payload, 30_000), summary)), 'open_failed');
  t.is(await rejected(decrypted(flipped(payload, 30), summary)), 'commitment_mismatch');
  t.is(await rejected(decrypted(payload.slice(0, 56 + 16_400), summary)), 'payload_truncated');
  t.is(await rejected(decrypted(payload.slice(0, -1), summary)), 'open_failed');
  t.is(await rejected(decrypted(payload.slice(0, 20), summary)), 'payload_truncated');
  const other = new Secret(new Uint8Array(32));
  t.is(await rejected(collect(decryptPayload(other, pieces(payload), summary))), 'commitment_mismatch');
});

test('content, padding and ciphertext must be those that were signed', async (t) => {
  const plaintext = bytesOf(5000);
  const [payload, summary] = await encrypted(plaintext);
  const mismatch = async (changes: Partial<ExpectedPayload>, bytes = payload): Promise<void> => {
    t.is(await rejected(decrypted(bytes, { ...summary, ...changes })), 'payload_mismatch');
  };
  await mismatch({ plaintextHash: flipped(summary.plaintextHash) });
  await mismatch({ payloadHash: flipped(summary.payloadHash) });
  await mismatch({ plaintextLength: 4999 });
  await mismatch({ plaintextLength: 5001 });
  await mismatch({ plaintextLength: 100 });
  await mismatch({ plaintextLength: 50_000 });
  const seal = (padded: Uint8Array): Uint8Array =>
    encryptBytes(key.expose(), context('payload'), padded, seededRandom('y'));
  const padded = concat(plaintext, new Uint8Array(5120 - 5000));
  const good = seal(padded);
  t.true(same(await decrypted(good, { ...summary, payloadHash: sha256(good) }), plaintext));
  for (const wrong of [flipped(padded), concat(padded, new Uint8Array(1)), padded.slice(0, -1)]) {
    const bad = seal(wrong);
    await mismatch({ payloadHash: sha256(bad) }, bad);
  }
});

test('nothing wrong is yielded before the error, and the error comes early for what is too long', async (t) => {
  const long = encryptBytes(key.expose(), context('payload'), new Uint8Array(3_000_000), seededRandom('z'));
  const expected = {
    plaintextLength: 10,
    plaintextHash: sha256(new Uint8Array(10)),
    payloadHash: sha256(long),
  };
  let read = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces(long, 16_400)) {
      read += piece.length;
      yield piece;
    }
  };
  t.is(await rejected(collect(decryptPayload(key, counted(), expected))), 'payload_mismatch');
  t.true(read < long.length / 2);
});

test('a payload is taken up again where it was left, and still verified from its first byte', async (t) => {
  const plaintext = bytesOf(500_000);
  const [payload, summary] = await encrypted(plaintext);
  const resume = (saved: number, from = plaintext): [Uint8Array, Resumption] => {
    const point = resumePoint(saved);
    return [
      payload.slice(point.payloadOffset),
      { point, header: payload.slice(0, 56), saved: pieces(from.subarray(0, point.plaintextOffset)) },
    ];
  };
  for (const saved of [0, 16_383, 16_384, 300_000, 500_000]) {
    const [rest, resumption] = resume(saved);
    const { plaintextOffset } = resumption.point;
    t.true(plaintextOffset <= saved && saved - plaintextOffset < 16_384);
    t.true(same(await decrypted(rest, summary, resumption), plaintext.subarray(plaintextOffset)));
  }
  const [rest, resumption] = resume(300_000, flipped(plaintext, 5));
  t.is(await rejected(decrypted(rest, summary, resumption)), 'payload_mismatch');
  const short = { ...resume(300_000)[1], saved: pieces(plaintext.subarray(0, 16_384)) };
  t.is(await rejected(decrypted(rest, summary, short)), 'payload_mismatch');
  t.is(await rejected(decrypted(rest.slice(16_400), summary, resume(300_000)[1])), 'open_failed');
});
