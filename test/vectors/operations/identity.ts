/** Operations of wire-spec/identity.md. */
import { signGone, verifyGone } from '../../../src/keys/gone.ts';
import { signIdentityChange, verifyIdentityChange } from '../../../src/keys/identity-change.ts';
import { verifyParentSignature } from '../../../src/keys/parent-signature.ts';
import { verifyPinnedAnswer } from '../../../src/keys/pinned-domain.ts';
import type { Operation } from '../inputs.ts';

export const identity: Readonly<Record<string, Operation>> = {
  'sign identity change': (inputs) =>
    signIdentityChange({
      domain: inputs.text('domain'),
      by: inputs.text('by') === 'recovery' ? 'recovery' : 'identity',
      seed: inputs.secret('seed'),
      identityKey: inputs.bytes('identityKey'),
      ...(inputs.has('recoveryHash') ? { recoveryHash: inputs.bytes('recoveryHash') } : {}),
      now: inputs.number('now'),
    }),
  'verify identity change': (inputs) => {
    const { identityKey: _, ...change } = verifyIdentityChange(
      inputs.bytes('signed'),
      inputs.text('domain'),
      inputs.number('now'),
    );
    return change;
  },
  'verify pinned answer': (inputs) => {
    const pinned = inputs.fields('pinned');
    const { record, steps } = verifyPinnedAnswer(inputs.bytes('answer'), {
      domain: inputs.text('domain'),
      pinned: {
        fingerprint: pinned.bytes('fingerprint'),
        recoveryHash: pinned.has('recoveryHash') ? pinned.bytes('recoveryHash') : undefined,
        left: pinned.bytesList('left'),
      },
      txt: inputs.bytesList('txt'),
      now: inputs.number('now'),
    });
    return { fingerprint: record.fingerprint, steps: steps.map(({ fingerprint }) => fingerprint) };
  },
  'verify parent signature': (inputs) =>
    verifyParentSignature(inputs.bytes('signed'), {
      domain: inputs.text('domain'),
      fingerprint: inputs.bytes('fingerprint'),
      now: inputs.number('now'),
    }),
  'sign gone': (inputs) => signGone(inputs.text('domain'), inputs.secret('seed'), inputs.number('serial')),
  'verify gone': (inputs) =>
    verifyGone(inputs.bytes('gone'), {
      domain: inputs.text('domain'),
      identityKey: inputs.bytes('identityKey'),
      mandateSerial: inputs.number('mandateSerial'),
      now: inputs.number('now'),
    }),
};
