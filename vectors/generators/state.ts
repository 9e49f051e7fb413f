/** Cases of wire-spec/state.md: recovery phrase, state blob, pairing. */
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { encryptBytes } from '../../src/crypto/chunked.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { collection, flipped, fromHex, joined, utf8, type Case, type Collection } from './cases.ts';
import { nameOf } from './conventions.ts';
import { encode, map, type Node } from './encode.ts';
import { seeded } from './random.ts';
import { base64url, ctx, ed25519Public, hkdf, sha256 } from './reference.ts';
import { stateJoin } from './state-join.ts';
import { addDecoding, sampleNode } from './structures.ts';

export function state(): readonly Case[] {
  const cases = collection();
  addDecoding(cases, 'state-blob', 'state.md section 2');
  addDecoding(cases, 'pairing', 'state.md section 7');
  addPhrases(cases);
  addSealing(cases);
  addOpening(cases);
  addPairings(cases);
  addKeptNames(cases);
  return [...cases.cases, ...stateJoin()];
}

const address = 'alice@alpha.test';
const domain = 'alpha.test';
const addressHash = sha256(ctx('address', address));
const bound = (purpose: string, ...more: readonly Node[]): Uint8Array =>
  ctx(purpose, domain, addressHash, ...more);

/** BIP-39: 11 bits a word, the last 8 of them a checksum. */
function phraseOf(entropy: Uint8Array): string {
  const bits = [...joined(entropy, sha256(entropy).slice(0, 1))]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  return (bits.match(/.{11}/g) ?? []).map((word) => wordlist[Number.parseInt(word, 2)]).join(' ');
}

function addPhrases(cases: Collection): void {
  const spec = 'state.md section 1';
  const entropies = {
    zeros: new Uint8Array(32),
    ones: new Uint8Array(32).fill(0xff),
    random: seeded('recovery phrase')(32),
  };
  for (const [name, entropy] of Object.entries(entropies)) {
    const stateKey = hkdf(entropy, bound('state key'));
    const recoverySeed = hkdf(entropy, bound('recovery device'));
    cases.positive(`recovery-phrase-of-${name}`, {
      spec,
      description: `the phrase of 256 bits (${name}) and what comes of it`,
      operation: 'recovery phrase',
      inputs: { entropy, address },
      intermediate: { addressHash, recoverySeed },
      output: {
        phrase: phraseOf(entropy),
        stateKey,
        keyId: hkdf(stateKey, bound('state key id'), 8),
        recoveryDevice: ed25519Public(recoverySeed),
      },
    });
  }
  addTypedPhrases(cases, spec, entropies.random);
}

function addTypedPhrases(cases: Collection, spec: string, entropy: Uint8Array): void {
  const operation = 'parse recovery phrase';
  const phrase = phraseOf(entropy);
  const words = phrase.split(' ');
  const replaced = (at: number, word: string): string => words.toSpliced(at, 1, word).join(' ');
  const typed = {
    'as it was shown': phrase,
    'in capitals, over several lines':
      `\n${words.slice(0, 12).join('  ')}\n${words.slice(12).join('\t')} `.toUpperCase(),
  };
  for (const [description, text] of Object.entries(typed))
    cases.positive(nameOf('parse-phrase', description), {
      spec,
      description: `a phrase ${description}`,
      operation,
      inputs: { phrase: text },
      output: entropy,
    });
  const other = words[3] === 'zoo' ? 'zone' : 'zoo';
  const wrong = {
    empty: '',
    'of 12 words': phraseOf12(entropy),
    'of 23 words': words.slice(1).join(' '),
    'of 25 words': `${phrase} ${words[0]}`,
    'with a word that is not on the list': replaced(3, 'beckon'),
    'with the first letters of a word': replaced(3, (words[3] ?? '').slice(0, 3)),
    'with another word': replaced(3, other),
    'with two words swapped': [words[1], words[0], ...words.slice(2)].join(' '),
  };
  for (const [description, text] of Object.entries(wrong))
    cases.negative(nameOf('parse-phrase', description), 'key_invalid', {
      spec,
      description: `a phrase ${description}`,
      operation,
      inputs: { phrase: text },
    });
}

/** A good phrase of another length. */
function phraseOf12(entropy: Uint8Array): string {
  const half = entropy.slice(0, 16);
  const bits = [...joined(half, sha256(half).slice(0, 1))].map((byte) => byte.toString(2).padStart(8, '0'));
  const words = bits.join('').slice(0, 132).match(/.{11}/g) ?? [];
  return words.map((word) => wordlist[Number.parseInt(word, 2)]).join(' ');
}

const stateKey = hkdf(seeded('recovery phrase')(32), bound('state key'));
const keyId = hkdf(stateKey, bound('state key id'), 8);
const salt = seeded('state salt')(24);

function lengthOf(content: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(content.length);
  return new Uint8Array(bytes);
}

function plaintextOf(content: Uint8Array, size: number): Uint8Array {
  return joined(lengthOf(content), content, new Uint8Array(size - 4 - content.length));
}

function sealedOf(plaintext: Uint8Array, key = stateKey, context = bound('state', 1)): Uint8Array {
  return encryptBytes(key, context, plaintext, () => salt);
}

function blobOf(sealed: Uint8Array, id = keyId, version = 1): Uint8Array {
  return encode(map([1, version], [2, id], [3, sealed]));
}

const content = utf8('{"format":"beckon-state-1"}');

function addSealing(cases: Collection): void {
  const sizes: readonly (readonly [string, Uint8Array, number])[] = [
    ['small', content, 4096],
    ['that just fits the floor', new Uint8Array(4092).fill(0x20), 4096],
    ['one byte above the floor', new Uint8Array(4093).fill(0x20), 4352],
  ];
  for (const [name, bytes, size] of sizes) {
    const plaintext = plaintextOf(bytes, size);
    cases.positive(nameOf('seal-state', name), {
      spec: 'state.md section 2',
      description: `a content ${name}; randomness is the salt of chunked encryption`,
      operation: 'seal state',
      inputs: { stateKey, address, content: bytes, randomness: salt },
      intermediate: { padded: size, keyId },
      output: blobOf(sealedOf(plaintext)),
    });
  }
}

function addOpening(cases: Collection): void {
  const spec = 'state.md section 2';
  const operation = 'open state';
  const plaintext = plaintextOf(content, 4096);
  const sealed = sealedOf(plaintext);
  const inputs = (blob: Uint8Array) => ({ stateKey, address, blob });
  const good = {
    'as it was sealed': blobOf(sealed),
    'with an unknown field': encode(map([1, 1], [2, keyId], [3, sealed], [1000, 'later'])),
    'padded to another size': blobOf(sealedOf(plaintextOf(content, 5000))),
  };
  for (const [description, blob] of Object.entries(good))
    cases.positive(nameOf('open-state', description), {
      spec,
      description: `a blob ${description}`,
      operation,
      inputs: inputs(blob),
      output: content,
    });
  const otherKey = seeded('other state key')(32);
  const bobs = ctx('state', domain, sha256(ctx('address', 'bob@alpha.test')), 1);
  const padded = (bytes: Uint8Array): Uint8Array => blobOf(sealedOf(bytes));
  const bad: readonly (readonly [string, ErrorCode, Uint8Array])[] = [
    ['of another version', 'unsupported', blobOf(sealed, keyId, 2)],
    [
      'under another key',
      'key_unknown',
      blobOf(sealedOf(plaintext, otherKey), hkdf(otherKey, bound('state key id'), 8)),
    ],
    ['under another key that names this one', 'commitment_mismatch', blobOf(sealedOf(plaintext, otherKey))],
    ['of another user', 'commitment_mismatch', blobOf(sealedOf(plaintext, stateKey, bobs))],
    [
      'sealed for another version',
      'commitment_mismatch',
      blobOf(sealedOf(plaintext, stateKey, bound('state', 2))),
    ],
    ['with another salt', 'commitment_mismatch', blobOf(flipped(sealed, 0))],
    ['with a changed commitment', 'commitment_mismatch', blobOf(flipped(sealed, 30))],
    ['with a changed byte', 'open_failed', blobOf(flipped(sealed, 60))],
    ['with a changed tag', 'open_failed', blobOf(flipped(sealed))],
    ['cut short', 'open_failed', blobOf(sealed.slice(0, -1))],
    [
      'without its last chunk',
      'payload_truncated',
      blobOf(sealedOf(plaintextOf(content, 16_384)).slice(0, -16)),
    ],
    [
      'with a length beyond the plaintext',
      'padding_invalid',
      padded(joined(fromHex('00000ffd'), new Uint8Array(4092))),
    ],
    ['with padding that is not zero', 'padding_invalid', padded(flipped(plaintext))],
    ['with a plaintext of 3 bytes', 'padding_invalid', padded(new Uint8Array(3))],
    ['with a byte behind', 'cbor_trailing', joined(blobOf(sealed), Uint8Array.of(0))],
  ];
  for (const [description, error, blob] of bad)
    cases.negative(nameOf('open-state', description), error, {
      spec,
      description: `a blob ${description}`,
      operation,
      inputs: inputs(blob),
    });
}

function addPairings(cases: Collection): void {
  const base = { spec: 'state.md section 7', operation: 'parse pairing' };
  const pairingKey = seeded('pairing key')(32);
  const fingerprint = seeded('pairing fingerprint')(32);
  const node = (over: Parameters<typeof sampleNode>[1] = {}): Uint8Array =>
    encode(sampleNode('pairing', { local: 'alice', pairingKey, fingerprint, stateKey, ...over }));
  const wordOf = (bytes: Uint8Array): string => `beckon-device:${base64url(bytes)}`;
  const word = wordOf(node());
  const output = { domain, local: 'alice', pairingKey, fingerprint, stateKey };
  cases.positive('pairing', { ...base, description: 'a pairing code', inputs: { word }, output });
  cases.positive('pairing-with-spaces-around', {
    ...base,
    description: 'spaces and line breaks around it are ignored',
    inputs: { word: ` ${word}\n` },
    output,
  });
  const bad: readonly (readonly [string, string])[] = [
    ['empty', ''],
    ['without its prefix', base64url(node())],
    ['with the prefix of an invitation', `beckon-invitation:${base64url(node())}`],
    ['with padding', `${word}=`],
    ['cut short', word.slice(0, -4)],
    ['with a byte behind', wordOf(joined(node(), Uint8Array.of(0)))],
    ['with a local part that is not canonical', wordOf(node({ local: 'Alice' }))],
    ['with a domain that is not canonical', wordOf(node({ domain: 'Alpha.test' }))],
    ['with a state key of 31 bytes', wordOf(node({ stateKey: stateKey.slice(1) }))],
    ['of more than 1024 characters', `beckon-device:${'A'.repeat(1024)}`],
  ];
  for (const [description, typed] of bad)
    cases.negative(nameOf('pairing', description), 'invitation_invalid', {
      ...base,
      description: `a pairing code ${description}`,
      inputs: { word: typed },
    });
}

function addKeptNames(cases: Collection): void {
  const contentKey = seeded('kept content key')(32);
  for (const where of [domain, 'beta.test'])
    cases.positive(nameOf('kept-name', where), {
      spec: 'state.md section 8',
      description: `what a payload is called where ${where} keeps it`,
      operation: 'kept name',
      inputs: { contentKey, domain: where },
      output: hkdf(contentKey, ctx('kept', where)),
    });
}
