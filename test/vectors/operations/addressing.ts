/** Operations of wire-spec/addressing.md. */
import { x25519Public } from '../../../src/crypto/dh.ts';
import { identityFingerprint } from '../../../src/keys/fingerprints.ts';
import type { VerifiedUser } from '../../../src/keys/user-answer.ts';
import {
  bucketOf,
  checkHandedOver,
  deriveDrop,
  introductionDropForRecipient,
  introductionDropForSender,
  recipientHash,
  type DropOwner,
  type IntroductionParties,
} from '../../../src/message/drops.ts';
import { checkIntroducer, openIntroduction, sealIntroduction } from '../../../src/message/introduction.ts';
import {
  checkPollTime,
  proveBlind,
  provePoll,
  provePreference,
  provePull,
  verifyBlindProof,
  verifyPollProof,
  verifyPreferenceProof,
  verifyPullProof,
  type PollOccasion,
} from '../../../src/message/poll-proof.ts';
import { blindEntry, pullEntry } from '../../../src/wire/blind.ts';
import { pollEntry } from '../../../src/wire/collect.ts';
import { drop } from '../../../src/wire/message.ts';
import { preferenceEntry } from '../../../src/wire/preferences.ts';
import { decode, encode } from '../../../src/wire/schema.ts';
import type { Inputs, Operation } from '../inputs.ts';

function partiesOf(inputs: Inputs): IntroductionParties {
  return {
    senderAddressHash: inputs.bytes('senderAddressHash'),
    senderKey: inputs.bytes('senderKey'),
    senderFingerprint: inputs.bytes('senderFingerprint'),
    recipientAddressHash: inputs.bytes('recipientAddressHash'),
    recipientKey: inputs.bytes('recipientKey'),
    recipientDomain: inputs.text('recipientDomain'),
  };
}

function ownerOf(inputs: Inputs): DropOwner {
  const pollKey = inputs.bytes('pollKey');
  if (inputs.has('scalar')) return { kind: 'handed-over', pollKey, scalar: inputs.secret('scalar') };
  return {
    kind: 'introduction',
    pollKey,
    addressing: inputs.secret('addressing'),
    shared: inputs.secret('shared'),
  };
}

function occasionOf(inputs: Inputs): PollOccasion {
  return {
    domain: inputs.text('domain'),
    keyId: inputs.bytes('keyId'),
    time: inputs.number('time'),
    nonce: inputs.bytes('nonce'),
  };
}

/** As much of a verified user as is compared. */
function publishedUser(inputs: Inputs): VerifiedUser {
  const user = {
    address: inputs.text('address'),
    identityFingerprint: identityFingerprint(inputs.bytes('identityKey')),
    keys: inputs.bytesList('addressingKeys').map((key) => ({
      use: 'addressing',
      key,
      ...(inputs.has('revokedAt') ? { revokedAt: inputs.number('revokedAt') } : {}),
    })),
  };
  return user as unknown as VerifiedUser;
}

export const addressing: Readonly<Record<string, Operation>> = {
  'recipient hash': (inputs) => recipientHash(inputs.bytes('pollKey'), inputs.text('domain')),
  'poll proof': (inputs) => {
    const entry = {
      ...(inputs.has('done') ? { done: inputs.bytesList('done').map((id) => [id, 0] as const) } : {}),
      ...(inputs.has('after') ? { after: inputs.bytes('after') } : {}),
    };
    return encode(
      pollEntry,
      provePoll(ownerOf(inputs), inputs.bytes('domainKey'), occasionOf(inputs), entry),
    );
  },
  'check poll proof': (inputs) =>
    verifyPollProof(inputs.secret('secret'), occasionOf(inputs), decode(pollEntry, inputs.bytes('entry'))),
  'preference proof': (inputs) =>
    encode(
      preferenceEntry,
      provePreference(ownerOf(inputs), inputs.bytes('domainKey'), occasionOf(inputs), {
        counter: inputs.number('counter'),
        preference: inputs.number('preference'),
        until: inputs.number('until'),
      }),
    ),
  'check preference proof': (inputs) =>
    verifyPreferenceProof(
      inputs.secret('secret'),
      occasionOf(inputs),
      decode(preferenceEntry, inputs.bytes('entry')),
    ),
  'pull proof': (inputs) =>
    encode(
      pullEntry,
      provePull(ownerOf(inputs), inputs.bytes('domainKey'), occasionOf(inputs), {
        user: inputs.bytes('user'),
        ...(inputs.has('until') ? { until: inputs.number('until') } : {}),
        ...(inputs.has('sender') ? { message: [inputs.text('sender'), inputs.bytes('id')] as const } : {}),
      }),
    ),
  'check pull proof': (inputs) =>
    verifyPullProof(inputs.secret('secret'), occasionOf(inputs), decode(pullEntry, inputs.bytes('entry'))),
  'blind proof': (inputs) =>
    encode(
      blindEntry,
      proveBlind(ownerOf(inputs), inputs.bytes('domainKey'), occasionOf(inputs), {
        sender: inputs.text('sender'),
        id: inputs.bytes('id'),
      }),
    ),
  'check blind proof': (inputs) =>
    verifyBlindProof(inputs.secret('secret'), occasionOf(inputs), decode(blindEntry, inputs.bytes('entry'))),
  'check poll time': (inputs) => {
    checkPollTime(inputs.number('time'), inputs.number('now'));
    return true;
  },
  'introduction drop for sender': (inputs) =>
    introductionDropForSender(inputs.secret('addressing'), partiesOf(inputs)),
  'introduction drop for recipient': (inputs) => {
    const { owner, recipientHash: hash } = introductionDropForRecipient(
      inputs.secret('addressing'),
      partiesOf(inputs),
    );
    return { pollKey: owner.pollKey, recipientHash: hash };
  },
  'seal introduction': (inputs) =>
    sealIntroduction({
      senderKey: inputs.bytes('senderKey'),
      senderFingerprint: inputs.bytes('senderFingerprint'),
      senderLocal: inputs.text('senderLocal'),
      senderDomain: inputs.text('senderDomain'),
      recipientKey: inputs.bytes('recipientKey'),
      recipientDomain: inputs.text('recipientDomain'),
      bucketField: inputs.number('bucketField'),
      random: () => inputs.bytes('randomness'),
    }),
  'open introduction': (inputs) => {
    const secret = inputs.secret('secret');
    const publicKey = x25519Public(secret.expose());
    return openIntroduction(
      inputs.bytes('introduction'),
      { secret, publicKey },
      { senderDomain: inputs.text('senderDomain'), recipientDomain: inputs.text('recipientDomain') },
    );
  },
  'check introducer': (inputs) => {
    const introduction = {
      senderAddress: inputs.text('senderAddress'),
      senderKey: inputs.bytes('senderKey'),
      senderFingerprint: inputs.bytes('senderFingerprint'),
    };
    checkIntroducer(introduction, publishedUser(inputs.fields('published')), inputs.number('made'));
    return true;
  },
  bucket: (inputs) => bucketOf(inputs.bytes('addressingKey'), inputs.text('domain'), inputs.number('bits')),
  'derive drop': (inputs) => {
    const source = { master: inputs.secret('master'), epoch: inputs.bytes('epoch') };
    const derived = deriveDrop(source, inputs.number('n'), inputs.secret('chain'));
    return {
      pollKey: derived.owner.pollKey,
      sealingSeed: derived.sealingSeed.expose(),
      sealingKey: derived.sealingKey,
      nextChain: derived.nextChain.expose(),
    };
  },
  'check handed-over drop': (inputs) => {
    checkHandedOver(decode(drop, inputs.bytes('drop')), inputs.text('senderDomain'), inputs.number('now'));
    return true;
  },
};
