/** Operations of wire-spec/addressing.md section 5. */
import { identityFingerprint, keyId } from '../../../src/keys/fingerprints.ts';

import { openCard, readCard, sealCard, signCard, verifyCard } from '../../../src/message/contact-card.ts';
import { ed25519Public } from '../../../src/crypto/sign.ts';
import { endOfTime } from '../../../src/keys/key-pair.ts';
import { parseCardText } from '../../../src/wire/card.ts';
import { drop } from '../../../src/wire/message.ts';
import { decode } from '../../../src/wire/schema.ts';
import type { Inputs, Operation } from '../inputs.ts';

export const cards: Readonly<Record<string, Operation>> = {
  'sign contact card': (inputs) => {
    const domain = inputs.text('domain');
    const secret = inputs.secret('seed');
    const publicKey = ed25519Public(secret.expose());
    const id = keyId(domain, 'userIdentity', publicKey);
    const status = 'active' as const;
    const life = { notBefore: 0, notAfter: endOfTime, status };
    const card = {
      address: inputs.text('address'),
      fingerprint: inputs.bytes('fingerprint'),
      recordFingerprint: inputs.bytes('recordFingerprint'),
      drop: decode(drop, inputs.bytes('drop')),
      created: inputs.number('created'),
    };
    return signCard(card, {
      domain,
      identity: { use: 'userIdentity', suite: 'ed25519', id, secret, publicKey, ...life },
    });
  },
  'read contact card': (inputs) => {
    const card = readCard(inputs.bytes('card'), inputs.number('now'));
    const { address, domain, fingerprint } = card;
    return { address, domain, fingerprint, pollKey: card.drop.pollKey };
  },
  'verify contact card': (inputs) => {
    const identityKey = inputs.bytes('identityKey');
    verifyCard(
      readCard(inputs.bytes('card'), inputs.number('now')),
      { identityKey, identityFingerprint: identityFingerprint(identityKey) },
      inputs.number('dropsSince'),
    );
    return true;
  },
  'seal contact card': (inputs) =>
    sealCard(inputs.secret('key'), placeOf(inputs), inputs.bytes('card'), () => inputs.bytes('randomness')),
  'open contact card': (inputs) => openCard(inputs.secret('key'), placeOf(inputs), inputs.bytes('sealed')),
  'parse contact card': (inputs) => parseCardText(inputs.text('text')),
};

function placeOf(inputs: Inputs): { readonly domain: string; readonly id: Uint8Array } {
  return { domain: inputs.text('domain'), id: inputs.bytes('id') };
}
