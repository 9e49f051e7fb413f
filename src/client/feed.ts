/** The feed of introductions: who writes for the first time, wire-spec/addressing.md section 3 and fetch.md section 5. */
import { base64urlnopad } from '@scure/base';
import { codeOf } from '../errors.ts';
import { addressHash } from '../keys/fingerprints.ts';
import { bytesToJson } from '../keys/key-file.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { bucketOf, introductionDropForRecipient } from '../message/drops.ts';
import { openIntroduction } from '../message/introduction.ts';
import type { FeedEntry } from '../wire/collect.ts';
import type { OwnDomain } from './own-domain.ts';
import { foreign } from './own-request.ts';
import type { ClientEvent } from './state.ts';
import type { Session } from './store.ts';

/** Most pages that one reading takes. */
const maxPages = 1000;

/** Reads the feed from where it was left, and keeps the drops of what opens. `bucketBits` is the domain's k. */
export async function readFeed(
  session: Session,
  own: Pick<OwnDomain, 'feed'>,
  bucketBits: number,
): Promise<void> {
  const { domain } = session.keys();
  const addressing = addressingKeys(session);
  const bucket = commonBucket(addressing, domain, bucketBits);
  for (let page = 0; page < maxPages; page++) {
    const { feedCursor } = session.state();
    const after = feedCursor === undefined ? {} : { after: base64urlnopad.decode(feedCursor) };
    const { entries, next } = await own.feed({ ...bucket, ...after });
    if (next === undefined) return;
    const cursor = bytesToJson(next);
    if (cursor === feedCursor) throw foreign();
    const { address } = session.state();
    const found = entries.flatMap((entry) => introductionIn(entry, addressing, address, domain) ?? []);
    await session.commit(...found, { type: 'feed-read', cursor });
  }
}

function addressingKeys(session: Session): readonly KeyPair[] {
  return session
    .keys()
    .keys.filter((key) => key.use === 'addressing' && (key.status === 'active' || key.status === 'retired'));
}

/** The one bucket that all own keys fall into; without one the whole feed is read. */
function commonBucket(
  addressing: readonly KeyPair[],
  domain: string,
  bits: number,
): { readonly bucket?: number } {
  if (bits === 0) return {};
  const numbers = new Set(addressing.map((key) => bucketOf(key.publicKey, domain, bits).number));
  const [bucket] = numbers;
  return numbers.size === 1 && bucket !== undefined ? { bucket } : {};
}

/** Undefined for what was written to somebody else: most of a feed. */
function introductionIn(
  entry: FeedEntry,
  addressing: readonly KeyPair[],
  address: string,
  domain: string,
): ClientEvent | undefined {
  for (const key of addressing) {
    const opened = tryOpen(entry, key, domain);
    if (opened === undefined) continue;
    const { owner } = introductionDropForRecipient(key.secret, {
      senderAddressHash: addressHash(opened.senderAddress),
      senderKey: opened.senderKey,
      senderFingerprint: opened.senderFingerprint,
      recipientAddressHash: addressHash(address),
      recipientKey: key.publicKey,
      recipientDomain: domain,
    });
    if (owner.kind !== 'introduction') return undefined;
    const drop = {
      kind: 'introduced',
      scalar: bytesToJson(owner.shared.expose()),
      addressingKeyId: bytesToJson(key.id),
      claimedAddress: opened.senderAddress,
      identityFingerprint: bytesToJson(opened.senderFingerprint),
      theirAddressingKey: bytesToJson(opened.senderKey),
      created: entry.firstSeen,
      notAfter: entry.expires,
    } as const;
    return { type: 'introduction-found', pollKey: bytesToJson(owner.pollKey), drop };
  }
  return undefined;
}

function tryOpen(
  entry: FeedEntry,
  key: KeyPair,
  recipientDomain: string,
): ReturnType<typeof openIntroduction> | undefined {
  try {
    return openIntroduction(entry.introduction, key, { senderDomain: entry.sender, recipientDomain });
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return undefined;
  }
}
