/** Operations of wire-spec/account.md. */
import { ed25519Public } from '../../../src/crypto/sign.ts';
import {
  signRequest,
  verifyRequest,
  type Conditions,
  type ReceivedSignature,
  type SignedRequest,
} from '../../../src/message/http-signature.ts';
import { parseInvitation } from '../../../src/wire/invitation.ts';
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

export const account: Readonly<Record<string, Operation>> = {
  'parse invitation': (inputs) => parseInvitation(inputs.text('word')),
  'sign request': (inputs) => {
    const secret = inputs.secret('seed');
    const device = { secret, publicKey: ed25519Public(secret.expose()) };
    return signRequest(requestOf(inputs), device, inputs.number('now'));
  },
  'verify request': (inputs) =>
    verifyRequest(requestOf(inputs), headersOf(inputs.fields('headers')), inputs.number('now')),
};
