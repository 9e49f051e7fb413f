/** Operations of wire-spec/account.md. */
import { ed25519Public } from '../../../src/crypto/sign.ts';
import { BeckonError } from '../../../src/errors.ts';
import {
  signRequest,
  verifyRequest,
  type Conditions,
  type ReceivedSignature,
  type SignedRequest,
} from '../../../src/message/http-signature.ts';
import { openPush, unwrapGatewayKeys, wrapGatewayKeys } from '../../../src/message/gateway.ts';
import { gatewayPush } from '../../../src/wire/gateway.ts';
import { parseInvitation } from '../../../src/wire/invitation.ts';
import { encode } from '../../../src/wire/schema.ts';
import type { Inputs, Operation } from '../inputs.ts';

function requestOf(inputs: Inputs): SignedRequest {
  return {
    method: inputs.text('method'),
    domain: inputs.text('domain'),
    target: inputs.text('target'),
    ...(inputs.has('body') ? { body: inputs.bytes('body') } : {}),
    ...(inputs.has('conditions') ? { conditions: conditionsOf(inputs.fields('conditions')) } : {}),
  };
}

function conditionsOf(fields: Inputs): Conditions {
  const names = ['if-match', 'if-none-match'] as const;
  return Object.fromEntries(
    names.filter((name) => fields.has(name)).map((name) => [name, fields.text(name)]),
  );
}

function headersOf(headers: Inputs): ReceivedSignature {
  const names = ['signature-input', 'signature', 'content-digest'] as const;
  return Object.fromEntries(
    names.filter((name) => headers.has(name)).map((name) => [name, headers.text(name)]),
  );
}

function randomOf(inputs: Inputs): (size: number) => Uint8Array {
  return (size) => inputs.bytes(size === 16 ? 'salt' : 'nonce');
}

export const account: Readonly<Record<string, Operation>> = {
  'wrap gateway keys': (inputs) => {
    const keys = {
      address: inputs.text('address'),
      fingerprint: inputs.bytes('fingerprint'),
      deviceKey: inputs.bytes('deviceKey'),
      stateKey: inputs.bytes('stateKey'),
    };
    return wrapGatewayKeys(keys, inputs.text('password'), randomOf(inputs));
  },
  'unwrap gateway keys': (inputs) =>
    unwrapGatewayKeys(inputs.bytes('wrapped'), inputs.text('address'), inputs.text('password')),
  'open push': (inputs) =>
    encode(
      gatewayPush,
      openPush(inputs.bytes('push'), inputs.text('address'), (id) => {
        if (Buffer.compare(id, inputs.bytes('keyId')) !== 0)
          throw new BeckonError('key_unknown', 'no such key');
        return { secret: inputs.secret('secret') };
      }),
    ),
  'parse invitation': (inputs) => parseInvitation(inputs.text('word')),
  'sign request': (inputs) => {
    const secret = inputs.secret('seed');
    const device = { secret, publicKey: ed25519Public(secret.expose()) };
    return signRequest(requestOf(inputs), device, inputs.number('now'));
  },
  'verify request': (inputs) =>
    verifyRequest(requestOf(inputs), headersOf(inputs.fields('headers')), inputs.number('now')),
};
