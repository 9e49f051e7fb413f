/** A domain with a bridge and users, over a real store: what bridges under test hand mail to, and how a recipient opens it. */
import type { ExecutionContext } from 'ava';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { createWays } from '../../src/bridges/bridge-sender.ts';
import { createMailQuota } from '../../src/bridges/mail-quota.ts';
import { createDeliver } from '../../src/bridges/deliver.ts';
import { createNativeRecipients } from '../../src/bridges/native-recipients.ts';
import type { UserOutcome } from '../../src/directory/user-outcome.ts';
import { advancedBridgeUser } from '../../src/keys/bridge-user.ts';
import { createDomainKeys, type DomainKeys } from '../../src/keys/domain-keys.ts';
import { addressHash, recordFingerprint } from '../../src/keys/fingerprints.ts';
import { createUserKeys, type UserKeys } from '../../src/keys/user-keys.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { introductionDropForRecipient } from '../../src/message/drops.ts';
import { openIntroduction } from '../../src/message/introduction.ts';
import { readLetter } from '../../src/message/letter.ts';
import { openMessage } from '../../src/message/open-message.ts';
import { decryptPayload } from '../../src/message/payload.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { createMetrics } from '../../src/metrics.ts';
import { mailOf, type Mail } from '../../src/wire/mail.ts';
import type { Letter } from '../../src/wire/message.ts';
import { messageObject } from '../../src/wire/message.ts';
import { encode } from '../../src/wire/schema.ts';
import { splitAddress } from '../../src/wire/address.ts';
import { opened, sha256 } from '../store/fixture.ts';
import { keyOf } from '../support/identities.ts';

export interface BridgedUser {
  readonly address: string;
  readonly keys: UserKeys;
  readonly record: Uint8Array;
}

/** What a recipient sees of one message. */
export interface Opened {
  readonly letter: Letter;
  readonly mail: Mail | undefined;
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly tag: string | undefined;
  readonly blob: Uint8Array;
}

/** `alpha.test` with a bridge. `elsewhere`: what the directory says of addresses that are not here. */
export async function bridgedHome(
  t: ExecutionContext,
  elsewhere: (address: string) => UserOutcome = () => ({ kind: 'unknown', reason: 'no_such_user' }),
) {
  const { store, clock, dir } = await opened(t);
  const now = clock.seconds();
  const domain = 'alpha.test';
  let keys: DomainKeys = advancedBridgeUser(createDomainKeys(domain, now, random).keys, {
    local: 'mail-bridge',
    now,
    random,
  });
  let maxBytes = 1e9;
  await store.domains.add(domain);
  const keysOf = (name: string) => (name === domain ? keys : undefined);
  const recipients = createNativeRecipients({
    ...store,
    keysOf,
    bucketBits: async () => 0,
    directory: { user: async (address) => elsewhere(address) },
    clock,
  });
  const ways = createWays(random);
  let quotaBytes = 1e9;
  const quotaOf = async () => quotaBytes;
  const { deliveries } = store;
  const quota = createMailQuota({ keysOf, recipients, deliveries, ways, quotaOf, clock });
  const deliver = createDeliver({
    ...store,
    keysOf,
    recipients,
    ways,
    quota,
    transitOf: async () => 14 * 86_400,
    maxBytes: () => maxBytes,
    clock,
    expiry: clock,
    random,
    metrics: createMetrics(),
  });

  async function addUser(address: string): Promise<BridgedUser> {
    const { local } = splitAddress(address);
    const hash = addressHash(address);
    const own = createUserKeys(domain, random, now);
    const record = signUserRecord({ keys: own, address, serial: now, now });
    const tokenHash = sha256(hash);
    await store.users.invite(domain, { addressHash: hash, local, tokenHash, expires: now + 100 });
    await store.users.enroll(domain, hash, { tokenHash, device: random(32), record, now });
    return { address, keys: own, record };
  }

  /** All that waits for a user from the bridge, as the tables have it, opened with the user's keys. */
  async function received(user: BridgedUser): Promise<readonly Opened[]> {
    const all: Opened[] = [];
    for (const { sender, destination, messageId, recipientHash, labels } of await store.outbox.list({
      limit: 1000,
    })) {
      const live = await store.transit.read(sha256(messageId));
      if (live === undefined || destination !== domain || labels?.introduction === undefined) continue;
      const addressing = keyOf(user.keys, 'addressing');
      const introduction = opensFor(labels.introduction, addressing, sender);
      if (introduction === undefined) continue;
      const drop = introductionDropForRecipient(addressing.secret, {
        senderAddressHash: addressHash(introduction.senderAddress),
        senderKey: introduction.senderKey,
        senderFingerprint: introduction.senderFingerprint,
        recipientAddressHash: addressHash(user.address),
        recipientKey: addressing.publicKey,
        recipientDomain: domain,
      });
      t.deepEqual(drop.recipientHash, recipientHash);
      const { header } = openMessage(
        encode(messageObject, { header: live.header, envelope: live.envelope }),
        {
          domain,
          recipientHash,
          messageId,
          senderDomain: sender,
          seeds: [keyOf(user.keys, 'sealing').secret],
          own: {
            addresses: [user.address],
            identityFingerprint: user.keys.identityFingerprint,
            recordFingerprints: [recordFingerprint(user.record)],
          },
        },
      );
      const letter = readLetter(header.letter);
      const pieces: Uint8Array[] = [];
      const expected = {
        plaintextLength: letter.plaintextLength,
        plaintextHash: letter.plaintextHash,
        payloadHash: live.blob.hash,
      };
      const payload = store.blobs.read(live.blob, 0, live.blob.size);
      for await (const piece of decryptPayload(new Secret(header.contentKey), payload, expected))
        pieces.push(piece);
      all.push({
        letter,
        mail: mailOf(letter.extensions),
        text: Buffer.concat(pieces).toString(),
        bytes: Buffer.concat(pieces),
        tag: header.tag,
        blob: live.blob.id,
      });
    }
    return all;
  }

  return {
    store,
    clock,
    dir,
    recipients,
    deliver,
    addUser,
    received,
    setKeys: (change: (keys: DomainKeys) => DomainKeys) => void (keys = change(keys)),
    keys: () => keys,
    limit: (bytes: number) => void (maxBytes = bytes),
    quota,
    /** Of each user. */
    limitUsers: (bytes: number) => void (quotaBytes = bytes),
  };
}

function opensFor(introduction: Uint8Array, addressing: ReturnType<typeof keyOf>, senderDomain: string) {
  try {
    return openIntroduction(introduction, addressing, { senderDomain, recipientDomain: 'alpha.test' });
  } catch {
    return undefined;
  }
}

/** What a letter says of a mail, with what matters to a test. */
export function mailFor(recipient: string, more: Partial<Mail> = {}): Mail {
  return {
    kind: 0,
    reversePath: 'carol@legacy.test',
    recipient,
    received: 1_800_000_000,
    from: 'carol@legacy.test',
    ...more,
  };
}
