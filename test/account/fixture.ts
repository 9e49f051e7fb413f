/** Users of alpha.test who send to bob@beta.test: real keys, payloads and sealed messages over a real store. */
import { createSentMessages } from '../../src/account/sent.ts';
import { createSubmit } from '../../src/account/submit.ts';
import type { AccountUser } from '../../src/account/user.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { createDeviceKey } from '../../src/keys/user-keys.ts';
import { introductionDropForRecipient } from '../../src/message/drops.ts';
import { signLetter } from '../../src/message/letter.ts';
import type { ExpectedMessage } from '../../src/message/open-message.ts';
import { encryptPayload, type PayloadSummary } from '../../src/message/payload.ts';
import { sealMessage } from '../../src/message/seal-message.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Store } from '../../src/store/api/store.ts';
import type { UsageLimits } from '../../src/store/api/transit.ts';
import { mediaTypes } from '../../src/wire/registry.ts';
import type { SubmittedMessage } from '../../src/wire/submission.ts';
import type { TestClock } from '../support/clock.ts';
import { keyOf, makeDomain, makeUser, type TestUser } from '../support/identities.ts';
import { collected, pieces, random, start } from '../store/fixture.ts';

export const alpha = makeDomain('alpha.test');
export const beta = makeDomain('beta.test');
export const gamma = makeDomain('gamma.test');
export const ann = makeUser(alpha, 'ann');
export const amy = makeUser(alpha, 'amy');
export const bob = makeUser(beta, 'bob');
/** Ann of another domain of the same daemon. */
export const otherAnn = makeUser(gamma, 'ann');
export const day = 86_400;

export function asUser({ keys, verified }: TestUser): AccountUser {
  const device = createDeviceKey(keys.domain, systemRandom, start).publicKey;
  return { owner: { domain: keys.domain, user: verified.addressHash }, device, kind: 'device' };
}

export function accounts(store: Store, clock: TestClock, limits: UsageLimits = {}) {
  const metrics = createMetrics();
  const limitsOf = async () => limits;
  const submit = createSubmit({ ...store, limitsOf, clock, random: systemRandom, metrics });
  return { submit, sent: createSentMessages({ ...store, clock }), metrics };
}

export type Accounts = ReturnType<typeof accounts>;

export interface Packed {
  readonly contentKey: Secret;
  readonly plaintext: Uint8Array;
  readonly payload: Uint8Array;
  readonly summary: PayloadSummary;
}

/** An encrypted payload of so many bytes of plaintext. */
export async function packed(length = 1000): Promise<Packed> {
  const plaintext = random(length);
  const contentKey = new Secret(random(32));
  const encryption = encryptPayload(contentKey, pieces(plaintext), length, systemRandom);
  const payload = await collected(encryption.stream);
  return { contentKey, plaintext, payload, summary: encryption.result() };
}

export interface Sealed extends SubmittedMessage {
  readonly acceptToken: Uint8Array;
  /** What bob opens it with. */
  readonly expected: ExpectedMessage;
}

/** A message from ann, for the given id, sealed as a client seals it. */
export function sealed(id: Uint8Array, { contentKey, summary }: Packed, expires = start + 7 * day): Sealed {
  const drop = introductionDropForRecipient(keyOf(bob.keys, 'addressing').secret, {
    senderAddressHash: ann.verified.addressHash,
    senderKey: keyOf(ann.keys, 'addressing').publicKey,
    senderFingerprint: ann.keys.identityFingerprint,
    recipientAddressHash: bob.verified.addressHash,
    recipientKey: keyOf(bob.keys, 'addressing').publicKey,
    recipientDomain: 'beta.test',
  });
  const letter = signLetter(
    {
      author: ann.address,
      fingerprint: ann.keys.identityFingerprint,
      id: random(16),
      created: start,
      plaintextHash: summary.plaintextHash,
      plaintextLength: summary.plaintextLength,
      mediaType: mediaTypes.mail,
    },
    ann.keys.identity,
  );
  const sealing = keyOf(bob.keys, 'sealing');
  const message = sealMessage({
    sender: { address: ann.address, identity: ann.keys.identity },
    recipient: bob.verified,
    domain: beta.verified,
    drop: { recipientHash: drop.recipientHash, sealingKey: sealing.publicKey },
    messageId: id,
    letter,
    payload: {
      contentKey,
      size: summary.payloadSize,
      hash: summary.payloadHash,
      mediaType: mediaTypes.mail,
    },
    expires,
    now: start,
    random: systemRandom,
  });
  return {
    id,
    destination: 'beta.test',
    recipientHash: drop.recipientHash,
    header: message.header,
    envelope: message.envelope,
    acceptTokenHash: message.acceptTokenHash,
    expires,
    acceptToken: message.acceptToken.expose(),
    expected: {
      domain: 'beta.test',
      recipientHash: drop.recipientHash,
      messageId: id,
      senderDomain: 'alpha.test',
      seeds: [sealing.secret],
      own: {
        addresses: [bob.address],
        identityFingerprint: bob.keys.identityFingerprint,
        recordFingerprints: [bob.verified.recordFingerprint],
      },
    },
  };
}

/** Uploads a payload in one part and gives the upload's id. */
export async function upload(
  { submit }: Accounts,
  user: AccountUser,
  { payload }: Packed,
): Promise<Uint8Array> {
  const id = random(16);
  await submit.openUpload(user, id, payload.length);
  await submit.writePart(user, id, { offset: 0, bytes: pieces(payload) });
  return id;
}

export interface SentOne {
  readonly handle: string;
  readonly message: Sealed;
  readonly payload: Packed;
}

/** One message, all the way: reserved, uploaded, committed. */
export async function sendOne(
  account: Accounts,
  user: AccountUser,
  { length = 1000, expires = start + 7 * day } = {},
): Promise<SentOne> {
  const payload = await packed(length);
  const { ids } = await account.submit.reserve(user, 1);
  const message = sealed(ids[0]!, payload, expires);
  const [handle] = await account.submit.commit(user, {
    upload: await upload(account, user, payload),
    payloadHash: payload.summary.payloadHash,
    messages: [message],
  });
  return { handle: handle!, message, payload };
}
