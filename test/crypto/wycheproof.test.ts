import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import test from 'ava';
import { decryptBytes, decryptStream } from '../../src/crypto/chunked.ts';
import { hkdf, hkdfExpand, hkdfExtract } from '../../src/crypto/kdf.ts';
import { ed25519Verify as browserVerify } from '../../src/crypto/primitives-browser.ts';
import { ed25519Verify } from '../../src/crypto/sign.ts';
import { codeOf } from '../../src/errors.ts';
import { fromHex, toHex } from './bytes.ts';
import { readExternal } from './external.ts';
import type { Wycheproof, WycheproofTest } from './external.ts';

type SignatureTest = WycheproofTest & { msg: string; sig: string };
type HkdfTest = WycheproofTest & { ikm: string; salt: string; info: string; size: number; okm: string };
type ChunkedTest = WycheproofTest & {
  key: string;
  ctx: string;
  ct: string;
  msgLength?: number;
  msgSha512?: string;
};

test('Ed25519: all 151 cases', (t) => {
  const file = readExternal('wycheproof_ed25519_test.json') as Wycheproof<{
    publicKey: { pk: string };
    tests: SignatureTest[];
  }>;
  let count = 0;
  for (const group of file.testGroups) {
    const publicKey = fromHex(group.publicKey.pk);
    for (const { tcId, comment, msg, sig, result } of group.tests) {
      const [message, signature] = [fromHex(msg), fromHex(sig)];
      t.is(ed25519Verify(publicKey, message, signature), result === 'valid', `${tcId} ${comment}`);
      if (signature.length === 64) {
        t.is(browserVerify(publicKey, message, signature), result === 'valid', `browser, ${tcId} ${comment}`);
      }
      count++;
    }
  }
  t.is(count, file.numberOfTests);
  t.is(count, 151);
});

test('HKDF-SHA256: all 86 cases', (t) => {
  const file = readExternal('wycheproof_hkdf_sha256_test.json') as Wycheproof<{ tests: HkdfTest[] }>;
  let count = 0;
  for (const { tcId, comment, ikm, salt, info, size, okm, result } of file.testGroups.flatMap(
    (g) => g.tests,
  )) {
    const derive = () => toHex(hkdfExpand(hkdfExtract(fromHex(salt), fromHex(ikm)), fromHex(info), size));
    if (result === 'valid') t.is(derive(), okm, `${tcId} ${comment}`);
    else t.throws(derive, { code: 'internal' }, `${tcId} ${comment}`);
    if (result === 'valid' && salt === '') t.is(toHex(hkdf(fromHex(ikm), fromHex(info), size)), okm);
    count++;
  }
  t.is(count, file.numberOfTests);
  t.is(count, 86);
});

test('chunked encryption: all 35 cases, whole and as a stream', async (t) => {
  const file = readExternal('wycheproof_c2sp_chunked_encryption_aes_256_gcm_test.json') as Wycheproof<{
    tests: ChunkedTest[];
  }>;
  const cases = file.testGroups.flatMap((group) => group.tests);
  for (const { tcId, comment, key: keyHex, ctx, ct, msgLength, msgSha512, result } of cases) {
    const [key, context] = [fromHex(keyHex), fromHex(ctx)];
    const ciphertext = new Uint8Array(inflateSync(fromHex(ct)));
    const { code, bytes } = await readStream(decryptStream(key, context, inPieces(ciphertext)));
    // Of an invalid text the vectors name the authentic beginning.
    t.is(bytes.length, msgLength ?? 0, `${tcId} ${comment}`);
    if (msgSha512 !== undefined) t.is(createHash('sha512').update(bytes).digest('hex'), msgSha512);
    if (result === 'valid') {
      t.is(code, undefined, `${tcId} ${comment}`);
      t.true(Buffer.from(decryptBytes(key, context, ciphertext)).equals(bytes));
    } else {
      t.is(code, EXPECTED.get(tcId), `${tcId} ${comment}`);
      t.throws(
        () => decryptBytes(key, context, ciphertext),
        { code: EXPECTED.get(tcId)! },
        `${tcId} ${comment}`,
      );
    }
  }
  t.is(cases.length, file.numberOfTests);
  t.is(cases.length, 35);
  t.is(EXPECTED.size, cases.filter(({ result }) => result !== 'valid').length);
});

/** The invalid cases by the code that they give. */
const FAILURES = {
  key_invalid: [23, 24],
  commitment_mismatch: [21, 22, 25, 26],
  payload_truncated: [16, 17, 19, 20, 27, 28, 29, 30, 31],
  open_failed: [11, 12, 13, 14, 15, 18, 32, 33, 34, 35],
};
const EXPECTED = new Map(
  Object.entries(FAILURES).flatMap(([code, ids]) => ids.map((tcId) => [tcId, code] as const)),
);

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function readStream(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ bytes: Buffer; code: string | undefined }> {
  const pieces: Uint8Array[] = [];
  let code: string | undefined;
  try {
    for await (const piece of stream) pieces.push(piece);
  } catch (error) {
    code = codeOf(error);
  }
  return { bytes: Buffer.concat(pieces), code };
}
