/**
 * Payload encryption in MB per second of processor time (all threads), beside the bare cipher at the same chunk size, and beside that
 * cipher with the two hashes that the format needs: of the plaintext, which its author signs, and of the ciphertext, which its sender
 * signs.
 */
import { createCipheriv, createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { CHUNK, SEALED_CHUNK } from '../../src/crypto/chunked.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { encryptPayload } from '../../src/message/payload.ts';
import { cpuSeconds, metricOf, type Bench, type Pair } from '../report.ts';

const mebibyte = 2 ** 20;
/** Bytes in a piece of the source. */
const pieceSize = 256 * 1024;

async function* piecesOf(plaintext: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < plaintext.length; at += pieceSize) yield plaintext.subarray(at, at + pieceSize);
}

async function beckon(plaintext: Uint8Array): Promise<void> {
  const key = new Secret(systemRandom(32));
  const encryption = encryptPayload(key, piecesOf(plaintext), plaintext.length, systemRandom);
  let length = 0;
  for await (const piece of encryption.stream) length += piece.length;
  if (length !== encryption.result().payloadSize) throw new Error('the payload has another size than told');
}

/** Chunk by chunk into one output buffer, which is used again and again: nothing is kept. */
function bare(plaintext: Uint8Array, seen: (ciphertext: Uint8Array) => void): void {
  const key = createSecretKey(systemRandom(32));
  const out = new Uint8Array(SEALED_CHUNK);
  const nonce = new Uint8Array(12);
  const counter = new DataView(nonce.buffer);
  for (let at = 0; at < plaintext.length; at += CHUNK) {
    counter.setUint32(8, at / CHUNK);
    sealChunk(key, nonce, plaintext.subarray(at, at + CHUNK), out);
    seen(out);
  }
}

function sealChunk(key: KeyObject, nonce: Uint8Array, chunk: Uint8Array, out: Uint8Array): void {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  out.set(cipher.update(chunk));
  cipher.final();
  out.set(cipher.getAuthTag(), CHUNK);
}

function bareHashed(plaintext: Uint8Array): void {
  const [ofPlaintext, ofCiphertext] = [createHash('sha256'), createHash('sha256')];
  for (let at = 0; at < plaintext.length; at += pieceSize)
    ofPlaintext.update(plaintext.subarray(at, at + pieceSize));
  bare(plaintext, (ciphertext) => void ofCiphertext.update(ciphertext));
  ofPlaintext.digest();
  ofCiphertext.digest();
}

export const payloadEncrypt: Bench = {
  name: 'payload-encrypt',
  async *run({ quick }) {
    const plaintext = systemRandom((quick ? 64 : 256) * mebibyte);
    const speed = (seconds: number): number => plaintext.length / seconds / 1e6;
    const besideCipher: Pair[] = [];
    const besideHashed: Pair[] = [];
    const warm = plaintext.subarray(0, 8 * mebibyte);
    await beckon(warm);
    bareHashed(warm);
    for (let run = 0; run < (quick ? 3 : 5); run++) {
      const value = speed(await cpuSeconds(() => beckon(plaintext)));
      const cipher = speed(await cpuSeconds(() => bare(plaintext, () => {})));
      const hashed = speed(await cpuSeconds(() => bareHashed(plaintext)));
      besideCipher.push({ value, peerValue: cipher });
      besideHashed.push({ value, peerValue: hashed });
    }
    const labels = { bench: 'core', unit: 'MB/s' };
    const peer = 'the bare cipher at the same chunk size';
    yield metricOf({ ...labels, metric: 'payload_encrypt', peer }, besideCipher);
    const hashes = 'the bare cipher and SHA-256 of plaintext and ciphertext';
    yield metricOf({ ...labels, metric: 'payload_encrypt_hashed', peer: hashes }, besideHashed);
  },
};
