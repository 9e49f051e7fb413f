/** Operations of wire-spec/state.md. */
import {
  formatPhrase,
  parsePhrase,
  recoveryDeviceOf,
  stateKeyId,
  stateKeyOf,
} from '../../../src/keys/recovery-phrase.ts';
import { canonicalJson, type Json } from '../../../src/client/join-values.ts';
import { joinContents } from '../../../src/client/join.ts';
import type { StateContent } from '../../../src/client/state.ts';
import { keptName } from '../../../src/client/keep.ts';
import { openState, sealState } from '../../../src/message/state-blob.ts';
import { parsePairing } from '../../../src/wire/state.ts';
import type { Operation } from '../inputs.ts';

export const state: Readonly<Record<string, Operation>> = {
  'recovery phrase': (inputs) => {
    const entropy = inputs.secret('entropy');
    const address = inputs.text('address');
    const stateKey = stateKeyOf(entropy, address);
    return {
      phrase: formatPhrase(entropy),
      stateKey: stateKey.expose(),
      keyId: stateKeyId(stateKey, address),
      recoveryDevice: recoveryDeviceOf(entropy, address).publicKey,
    };
  },
  'parse recovery phrase': (inputs) => parsePhrase(inputs.text('phrase')).expose(),
  'seal state': (inputs) =>
    sealState(inputs.secret('stateKey'), inputs.text('address'), inputs.bytes('content'), () =>
      inputs.bytes('randomness'),
    ),
  'open state': (inputs) =>
    openState(inputs.secret('stateKey'), inputs.text('address'), inputs.bytes('blob')),
  'join states': (inputs) => {
    const [a, b] = ['a', 'b'].map((name) => JSON.parse(inputs.text(name)) as StateContent);
    return canonicalJson(joinContents(a as StateContent, b as StateContent) as unknown as Json);
  },
  'kept name': (inputs) => keptName(inputs.secret('contentKey'), inputs.text('domain')),
  'parse pairing': (inputs) => parsePairing(inputs.text('word')),
};
