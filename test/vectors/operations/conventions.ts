/** Operations of wire-spec/README.md. */
import { decryptBytes, encryptBytes } from '../../../src/crypto/chunked.ts';
import { assertX25519Public } from '../../../src/crypto/dh.ts';
import { hpkeOpen, hpkeSeal, type Suite } from '../../../src/crypto/hpke.ts';
import { assertEd25519Public } from '../../../src/crypto/sign.ts';
import { assertXwingPublic } from '../../../src/crypto/xwing.ts';
import { keyId } from '../../../src/keys/fingerprints.ts';
import { expectKeyId, signObject, verifyObject } from '../../../src/keys/sign1.ts';
import { context } from '../../../src/wire/context.ts';
import { pad, unpad } from '../../../src/wire/padding.ts';
import type { KeyUse, Purpose } from '../../../src/wire/registry.ts';
import { anything, decode, encode } from '../../../src/wire/schema.ts';
import { decodeSign1 } from '../../../src/wire/sign1.ts';
import { codecEntries, type Codec } from '../../wire/arbitraries.ts';
import type { Inputs, Operation } from '../inputs.ts';

const item = anything(65_536);

const assertPublic: Readonly<Record<string, (key: Uint8Array) => void>> = {
  x25519: assertX25519Public,
  ed25519: assertEd25519Public,
  xwing: assertXwingPublic,
};

function codecOf(inputs: Inputs): Codec<unknown> {
  const codec = codecEntries.find(([name]) => name === inputs.text('structure'))?.[1];
  if (codec === undefined) throw new Error('no decoder has this name');
  return codec;
}

/** Decodes a structure, which is written as the same bytes again. */
function decodeStructure(inputs: Inputs): unknown {
  const codec = codecOf(inputs);
  const encoded = inputs.bytes('encoded');
  const value = codec.decode(encoded);
  if (Buffer.compare(codec.encode(value), encoded) !== 0) throw new Error('it is written as other bytes');
  return value;
}

export const conventions: Readonly<Record<string, Operation>> = {
  decode: decodeStructure,
  'decode leaving out': (inputs) => codecOf(inputs).encode(codecOf(inputs).decode(inputs.bytes('encoded'))),
  'check item': (inputs) => {
    const encoded = inputs.bytes('encoded');
    return Buffer.compare(encode(item, decode(item, encoded)), encoded) === 0;
  },
  pad: (inputs) => pad(inputs.bytes('content'), inputs.number('size')),
  unpad: (inputs) => unpad(inputs.bytes('plaintext')),
  context: (inputs) =>
    context(
      inputs.text('purpose') as Purpose,
      ...inputs.list('parts').map((part) => {
        if (part.has('text')) return part.text('text');
        return part.has('uint') ? part.number('uint') : part.bytes('bytes');
      }),
    ),
  'key id': (inputs) => keyId(inputs.text('domain'), inputs.text('use') as KeyUse, inputs.bytes('publicKey')),
  'accept public key': (inputs) => {
    assertPublic[inputs.text('suite')]?.(inputs.bytes('publicKey'));
    return inputs.text('suite') in assertPublic;
  },
  sign: (inputs) =>
    signObject(
      inputs.text('purpose') as Purpose,
      inputs.text('domain'),
      inputs.bytes('keyId'),
      inputs.secret('seed'),
      inputs.bytes('payload'),
    ),
  verify: (inputs) => {
    const signed = decodeSign1(inputs.bytes('signed'));
    expectKeyId(signed, inputs.bytes('keyId'));
    const purpose = inputs.text('purpose') as Purpose;
    return verifyObject(purpose, inputs.text('domain'), inputs.bytes('publicKey'), signed);
  },
  seal: (inputs) => {
    const randomness = inputs.bytes('randomness');
    return hpkeSeal(
      inputs.text('suite') as Suite,
      inputs.bytes('publicKey'),
      inputs.bytes('info'),
      inputs.bytes('aad'),
      inputs.bytes('plaintext'),
      () => randomness,
    );
  },
  open: (inputs) =>
    hpkeOpen(
      inputs.text('suite') as Suite,
      inputs.bytes('privateKey'),
      inputs.bytes('info'),
      inputs.bytes('aad'),
      inputs.bytes('sealed'),
    ),
  'encrypt chunked': (inputs) =>
    encryptBytes(inputs.bytes('key'), inputs.bytes('context'), inputs.bytes('plaintext'), () =>
      inputs.bytes('salt'),
    ),
  'decrypt chunked': (inputs) =>
    decryptBytes(inputs.bytes('key'), inputs.bytes('context'), inputs.bytes('ciphertext')),
};
