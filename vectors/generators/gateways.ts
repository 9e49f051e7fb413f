/** Cases of wire-spec/account.md section 14: what a user hands to the gateways of their domain. */
import { argon2Sync } from 'node:crypto';
import { xchachaSeal } from '../../src/crypto/aead.ts';
import { hpkeSeal } from '../../src/crypto/hpke.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { flipped, type Collection } from './cases.ts';
import { nameOf } from './conventions.ts';
import { encode, map, type Node } from './encode.ts';
import { alpha } from './people.ts';
import { seeded } from './random.ts';
import { ctx, padded, sha256 } from './reference.ts';
import { addDecoding } from './structures.ts';

const spec = 'account.md section 14';
const address = 'alice@alpha.test';
const domain = 'alpha.test';
const [memory, passes] = [65_536, 3];
const salt = seeded('gateway salt')(16);
const nonce = seeded('gateway nonce')(24);
const fingerprint = seeded('gateway fingerprint')(32);
const deviceKey = seeded('gateway device')(32);
const stateKey = seeded('gateway state key')(32);
/** With a letter that has two forms: NFC makes them one. */
const password = 'p\u00e4ss w0rd of a mail program';

const keysNode = (of = address): Node => map([1, of], [2, fingerprint], [3, deviceKey], [4, stateKey]);

const derived = new Map<string, Uint8Array>();
function keyOf(typed: string): Uint8Array {
  const known = derived.get(typed);
  if (known !== undefined) return known;
  const options = { message: typed, nonce: salt, parallelism: 1, tagLength: 32, memory, passes };
  const key = new Uint8Array(argon2Sync('argon2id', options));
  derived.set(typed, key);
  return key;
}

export function addGateways(cases: Collection): void {
  for (const rule of ['gateway-keys', 'gateway-wrap', 'gateway-push', 'push-rule', 'sealed-push'])
    addDecoding(cases, rule, spec);
  addWrapping(cases);
  addUnwrapping(cases);
  addPushes(cases);
}

const aadOf = (of: string): Uint8Array => ctx('gateway wrap', of, memory, passes, salt);
const sealedOf = (plaintext: Uint8Array, aad = aadOf(address)): Uint8Array =>
  xchachaSeal(keyOf(password), nonce, aad, plaintext);
const plaintextOf = (of = address): Uint8Array => padded(encode(keysNode(of)), 512);
const wrapOf = (sealed: Uint8Array, over: Readonly<Record<number, Node>> = {}): Uint8Array => {
  const fields: Record<number, Node> = { 1: memory, 2: passes, 3: salt, 4: nonce, 5: sealed, ...over };
  return encode(map(...Object.entries(fields).map(([label, node]) => [Number(label), node] as const)));
};

function addWrapping(cases: Collection): void {
  cases.positive('wrap-gateway-keys', {
    spec,
    description: 'keys under a password; randomness is salt, then nonce',
    operation: 'wrap gateway keys',
    inputs: { address, fingerprint, deviceKey, stateKey, password, salt, nonce },
    intermediate: { key: keyOf(password), aad: aadOf(address), plaintext: plaintextOf() },
    output: wrapOf(sealedOf(plaintextOf())),
  });
  for (const [description, typed] of [
    ['an empty password', ''],
    ['a password of more than 1024 bytes', 'x'.repeat(1025)],
  ] as const)
    cases.negative(nameOf('wrap-gateway-keys', description), 'key_invalid', {
      spec,
      description,
      operation: 'wrap gateway keys',
      inputs: { address, fingerprint, deviceKey, stateKey, password: typed, salt, nonce },
    });
}

function addUnwrapping(cases: Collection): void {
  const operation = 'unwrap gateway keys';
  const wrap = wrapOf(sealedOf(plaintextOf()));
  const output = { address, fingerprint, deviceKey, stateKey };
  const good: readonly (readonly [string, Uint8Array, string])[] = [
    ['as they were wrapped', wrap, password],
    ['with the password in its other form', wrap, password.normalize('NFD')],
  ];
  for (const [description, wrapped, typed] of good)
    cases.positive(nameOf('unwrap-gateway-keys', description), {
      spec,
      description: `keys ${description}`,
      operation,
      inputs: { wrapped, address, password: typed },
      output,
    });
  const dirty = plaintextOf();
  dirty[511] = 1;
  const bad: readonly (readonly [string, ErrorCode, Uint8Array, string?, string?])[] = [
    ['with another password', 'open_failed', wrap, `${password} `],
    ['with no password', 'key_invalid', wrap, ''],
    ['of another address', 'open_failed', wrap, password, 'bob@alpha.test'],
    ['that name another address', 'open_failed', wrapOf(sealedOf(plaintextOf('bob@alpha.test')))],
    ['with a changed byte', 'open_failed', wrapOf(flipped(sealedOf(plaintextOf())))],
    ['of half the memory', 'unsupported', wrapOf(sealedOf(plaintextOf()), { 1: memory / 2 })],
    ['of one pass', 'unsupported', wrapOf(sealedOf(plaintextOf()), { 2: 1 })],
    ['of a thousand passes', 'unsupported', wrapOf(sealedOf(plaintextOf()), { 2: 1000 })],
    ['with padding that is not zero', 'padding_invalid', wrapOf(sealedOf(dirty))],
  ];
  for (const [description, error, wrapped, typed = password, of = address] of bad)
    cases.negative(nameOf('unwrap-gateway-keys', description), error, {
      spec,
      description: `keys ${description}`,
      operation,
      inputs: { wrapped, address: of, password: typed },
    });
}

const randomness = seeded('gateway push')(64);
const envelope = alpha.envelope;
const infoOf = (of = address): Uint8Array =>
  ctx('gateway push', domain, envelope.id, sha256(ctx('address', of)));
const pushNode = (of = address): Node =>
  map(
    [1, keysNode(of)],
    [2, 'imap.example'],
    [3, 993],
    [4, 'alice'],
    [5, 'her password there'],
    [6, 'INBOX'],
    [7, [map([1, 1], [2, ''], [3, 'Requests'])]],
    [8, 'Sent'],
  );

function addPushes(cases: Collection): void {
  const operation = 'open push';
  const sealedPlain = (plaintext: Uint8Array, info = infoOf()): Uint8Array =>
    hpkeSeal('xwing', envelope.publicKey, info, new Uint8Array(0), plaintext, () => randomness);
  const travelling = (sealed: Uint8Array, id: Uint8Array = envelope.id): Uint8Array =>
    encode(map([1, id], [2, sealed]));
  const plaintext = padded(encode(pushNode()), 16_384);
  const inputs = (push: Uint8Array) => ({ push, address, keyId: envelope.id, secret: envelope.secret });
  cases.positive('open-push', {
    spec,
    description: 'where messages are copied to, sealed for the domain',
    operation,
    inputs: inputs(travelling(sealedPlain(plaintext))),
    intermediate: { info: infoOf() },
    output: encode(pushNode()),
  });
  const dirty = plaintext.slice();
  dirty[16_383] = 1;
  const bad: readonly (readonly [string, ErrorCode, Uint8Array])[] = [
    ['with a changed byte', 'open_failed', travelling(flipped(sealedPlain(plaintext)))],
    ['sealed for another user', 'open_failed', travelling(sealedPlain(plaintext, infoOf('bob@alpha.test')))],
    [
      'with keys of another user',
      'address_invalid',
      travelling(sealedPlain(padded(encode(pushNode('bob@alpha.test')), 16_384))),
    ],
    ['for another key', 'key_unknown', travelling(sealedPlain(plaintext), new Uint8Array(8))],
    ['with padding that is not zero', 'padding_invalid', travelling(sealedPlain(dirty))],
  ];
  for (const [description, error, push] of bad)
    cases.negative(nameOf('open-push', description), error, {
      spec,
      description: `a push ${description}`,
      operation,
      inputs: inputs(push),
    });
}
