/** Operations of wire-spec/notification.md. */
import { x25519Public } from '../../../src/crypto/dh.ts';
import { endOfTime, type KeyPair } from '../../../src/keys/key-pair.ts';
import type { PublishedKey } from '../../../src/keys/published-key.ts';
import {
  openNotification,
  sealNotification,
  verifyNotification,
  type OpenedNotification,
} from '../../../src/message/notification.ts';
import { notification as schema, splitDatagram } from '../../../src/wire/notification.ts';
import { sizeClass } from '../../../src/wire/padding.ts';
import { decode, encode } from '../../../src/wire/schema.ts';
import type { Inputs, Operation } from '../inputs.ts';
import { verifiedDomain } from './keys.ts';

const life = { status: 'active', notBefore: 0, notAfter: endOfTime } as const;

function opened(inputs: Inputs): OpenedNotification {
  const secret = inputs.secret('secret');
  const publicKey = x25519Public(secret.expose());
  const datagram = splitDatagram(inputs.bytes('datagram'));
  const key: KeyPair = {
    id: datagram.keyId,
    use: 'notification',
    suite: 'x25519',
    secret,
    publicKey,
    ...life,
  };
  return openNotification(datagram, key, inputs.text('receiver'));
}

function signingKey(inputs: Inputs): KeyPair {
  return {
    id: inputs.bytes('signingKeyId'),
    use: 'domainSigning',
    suite: 'ed25519',
    secret: inputs.secret('seed'),
    publicKey: new Uint8Array(32),
    ...life,
  };
}

function receiverKey(inputs: Inputs): PublishedKey {
  const id = inputs.bytes('receiverKeyId');
  return { id, use: 'notification', suite: 'x25519', key: inputs.bytes('receiverKey'), ...life };
}

export const notification: Readonly<Record<string, Operation>> = {
  'size class': (inputs) => sizeClass(inputs.number('size')),
  'split datagram': (inputs) => splitDatagram(inputs.bytes('datagram')),
  'seal notification': (inputs) =>
    sealNotification({
      ...decode(schema, inputs.bytes('notification')),
      signing: signingKey(inputs),
      receiver: inputs.text('receiver'),
      receiverKey: receiverKey(inputs),
      random: () => inputs.bytes('randomness'),
    }),
  'open notification': (inputs) => {
    const { signed, ...content } = opened(inputs);
    if (Buffer.compare(encode(schema, content), signed.payload) !== 0)
      throw new Error('written as other bytes');
    return signed.payload;
  },
  'verify notification': (inputs) => {
    verifyNotification(opened(inputs), verifiedDomain(inputs), inputs.text('receiver'), inputs.number('now'));
    return true;
  },
};
