/** Operations of wire-spec/message.md. */
import { xwingPublic } from '../../../src/crypto/xwing.ts';
import { aloneFrom } from '../../../src/client/belonging.ts';
import { identityFingerprint, keyId, traceHandle } from '../../../src/keys/fingerprints.ts';
import type { KeyPair } from '../../../src/keys/key-pair.ts';
import type { VerifiedUser } from '../../../src/keys/user-answer.ts';
import { openEnvelopeAsDomain } from '../../../src/message/envelope.ts';
import { verifyLetter } from '../../../src/message/letter.ts';
import { openMessage, verifyMessage, type ExpectedMessage } from '../../../src/message/message.ts';
import { decryptPayload, encryptPayload, payloadSize } from '../../../src/message/payload.ts';
import { openPrivateHeader, sealPrivateHeader } from '../../../src/message/private-header.ts';
import { splitAddress } from '../../../src/wire/address.ts';
import { privateHeader } from '../../../src/wire/message.ts';
import type { KeyStatus } from '../../../src/wire/registry.ts';
import { decode, encode } from '../../../src/wire/schema.ts';
import type { Inputs, Operation } from '../inputs.ts';
import { Secret } from '../../../src/crypto/secret.ts';

/** In pieces, as from a network. */
async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield await Promise.resolve(bytes.subarray(at, at + 1000));
}

async function collected(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece.slice());
  return new Uint8Array(Buffer.concat(pieces));
}

const secretsOf = (inputs: Inputs): readonly Secret[] =>
  inputs.bytesList('seeds').map((seed) => new Secret(seed));

/** As much of a verified user as signatures need. */
function userOf(inputs: Inputs): VerifiedUser {
  const address = inputs.text('address');
  const identityKey = inputs.bytes('identityKey');
  const user = {
    address,
    domain: splitAddress(address).domain,
    identityKey,
    identityFingerprint: identityFingerprint(identityKey),
  };
  return user as unknown as VerifiedUser;
}

function bindingOf(inputs: Inputs): Parameters<typeof openPrivateHeader>[2] {
  return {
    domain: inputs.text('domain'),
    recipientHash: inputs.bytes('recipientHash'),
    messageId: inputs.bytes('messageId'),
  };
}

function envelopeKeyOf(inputs: Inputs): KeyPair {
  const key = inputs.fields('key');
  const secret = key.secret('secret');
  const publicKey = xwingPublic(secret.expose());
  return {
    id: keyId('beta.test', 'envelope', publicKey),
    use: 'envelope',
    suite: 'xwing',
    secret,
    publicKey,
    status: key.text('status') as KeyStatus,
    notBefore: key.number('notBefore'),
    notAfter: key.number('notAfter'),
  };
}

function expectedOf(inputs: Inputs): ExpectedMessage {
  const own = inputs.fields('own');
  return {
    ...bindingOf(inputs),
    senderDomain: inputs.text('senderDomain'),
    seeds: secretsOf(inputs),
    own: {
      addresses: own.texts('addresses'),
      identityFingerprint: own.bytes('identityFingerprint'),
      recordFingerprints: own.bytesList('recordFingerprints'),
      ...(own.has('revokedRecords')
        ? {
            revokedRecords: own.list('revokedRecords').map((item) => ({
              fingerprint: item.bytes('fingerprint'),
              revokedAt: item.number('revokedAt'),
            })),
          }
        : {}),
    },
  };
}

function receive(inputs: Inputs): unknown {
  const opened = openMessage(inputs.bytes('object'), expectedOf(inputs));
  const witnesses = {
    sender: userOf(inputs.fields('sender')),
    ...(inputs.has('author') ? { author: userOf(inputs.fields('author')) } : {}),
  };
  const verified = verifyMessage(opened, witnesses, inputs.number('now'));
  return {
    sender: verified.envelope.sender,
    letterId: verified.letter.id,
    contentKey: verified.contentKey.expose(),
    acceptToken: verified.acceptToken.expose(),
    authorship: verified.authorship,
    adopted: verified.replyDrop !== undefined,
    tag: verified.tag,
    part: verified.isPart,
  };
}

export const message: Readonly<Record<string, Operation>> = {
  'trace handle': (inputs) => traceHandle(inputs.bytes('messageId')),
  'payload size': (inputs) => payloadSize(inputs.number('plaintextLength')),
  'encrypt payload': (inputs) => {
    const plaintext = inputs.bytes('plaintext');
    const source = inPieces(plaintext);
    const salt = inputs.bytes('salt');
    return collected(
      encryptPayload(inputs.secret('contentKey'), source, plaintext.length, () => salt).stream,
    );
  },
  'decrypt payload': (inputs) =>
    collected(
      decryptPayload(inputs.secret('contentKey'), inPieces(inputs.bytes('payload')), {
        plaintextLength: inputs.number('plaintextLength'),
        plaintextHash: inputs.bytes('plaintextHash'),
        payloadHash: inputs.bytes('payloadHash'),
      }),
    ),
  'seal private header': (inputs) =>
    sealPrivateHeader(
      decode(privateHeader, inputs.bytes('header')),
      inputs.bytes('sealingKey'),
      bindingOf(inputs),
      () => inputs.bytes('randomness'),
    ),
  'open private header': (inputs) =>
    encode(privateHeader, openPrivateHeader(inputs.bytes('sealed'), secretsOf(inputs), bindingOf(inputs))),
  'verify letter': (inputs) => verifyLetter(inputs.bytes('letter'), userOf(inputs.fields('author'))),
  'open envelope as domain': (inputs) =>
    openEnvelopeAsDomain(
      inputs.bytes('envelope'),
      inputs.text('domain'),
      [envelopeKeyOf(inputs)],
      inputs.number('now'),
    ).signed.payload,
  'receive message': receive,
  'part by itself': (inputs) =>
    aloneFrom({ firstSeen: inputs.number('firstSeen'), expires: inputs.number('expires') }),
};
