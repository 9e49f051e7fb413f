/** The feed of introductions: who writes for the first time, wire-spec/addressing.md section 3 and fetch.md section 5. */
import { base64urlnopad } from '@scure/base';
import { codeOf } from '../errors.ts';
import { addressHash } from '../keys/fingerprints.ts';
import { bytesToJson } from '../keys/key-file.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { bucketOf, introductionDropForRecipient } from '../message/drops.ts';
import { openIntroduction, type OpenedIntroduction } from '../message/introduction.ts';
import { splitAddress } from '../wire/address.ts';
import type { FeedEntry } from '../wire/collect.ts';
import type { FeedPlace } from './feed-place.ts';
import type { OwnDomain } from './own-domain.ts';
import { ownAddresses } from './own-records.ts';
import { foreign } from './own-request.ts';
import type { ClientEvent, ClientState } from './state.ts';
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
  const addressing = session.keys().keys.filter(({ use }) => use === 'addressing');
  for (const [bucket, keys] of bucketsOf(addressing, domain, bucketBits))
    await readPages(session, own, bucket, keys);
}

/** The feed of one bucket, or all of it where there are none. */
interface Bucket {
  readonly number?: number;
  /** What its place is called in the state: another k is another bucket. */
  readonly name?: string;
}

/** What is asked of the feed from here on: of each bucket that a key of the user's is in. */
export function feedPlaces(session: Session, bucketBits: number): readonly FeedPlace[] {
  const { domain, keys } = session.keys();
  const addressing = keys.filter(({ use }) => use === 'addressing');
  return bucketsOf(addressing, domain, bucketBits).map(([bucket]) => placeIn(session.state(), bucket));
}

/** Whether anybody introduces themselves to this user there. */
export function isAddressed(session: Session, entries: readonly FeedEntry[]): boolean {
  const { domain, keys } = session.keys();
  const addressing = keys.filter(({ use }) => use === 'addressing');
  return entries.some((entry) => addressing.some((key) => tryOpen(entry, key, domain) !== undefined));
}

function placeIn(state: ClientState, { number, name }: Bucket): FeedPlace {
  const place = name === undefined ? state.feedCursor : state.bucketCursors?.[name];
  return {
    ...(number === undefined ? {} : { bucket: number }),
    ...(place === undefined ? {} : { after: base64urlnopad.decode(place) }),
  };
}

/** Keys of one bucket each: old keys may fall into another one than the new. */
function bucketsOf(
  addressing: readonly KeyPair[],
  domain: string,
  bits: number,
): readonly (readonly [Bucket, readonly KeyPair[]])[] {
  if (bits === 0) return [[{}, addressing]];
  const groups = Map.groupBy(addressing, ({ publicKey }) => bucketOf(publicKey, domain, bits).number);
  return [...groups].map(([number, keys]) => [{ number, name: `${number}/${bits}` }, keys]);
}

async function readPages(
  session: Session,
  own: Pick<OwnDomain, 'feed'>,
  bucket: Bucket,
  addressing: readonly KeyPair[],
): Promise<void> {
  const { name } = bucket;
  const { domain } = session.keys();
  for (let page = 0; page < maxPages; page++) {
    const state = session.state();
    const place = name === undefined ? state.feedCursor : state.bucketCursors?.[name];
    const { entries, next } = await own.feed(placeIn(state, bucket));
    if (next === undefined) return;
    const cursor = bytesToJson(next);
    if (cursor === place) throw foreign();
    const addresses = ownAddresses(state);
    const found = entries.flatMap((entry) => introductionsIn(entry, addressing, addresses, domain));
    const read = { type: 'feed-read', cursor, ...(name === undefined ? {} : { bucket: name }) } as const;
    await session.commit(...found, read);
  }
}

/**
 * Nothing for what was written to somebody else: most of a feed. Which of the own addresses was meant only the drop tells: each is
 * polled.
 */
function introductionsIn(
  entry: FeedEntry,
  addressing: readonly KeyPair[],
  addresses: readonly string[],
  domain: string,
): readonly ClientEvent[] {
  for (const key of addressing) {
    const opened = tryOpen(entry, key, domain);
    if (opened !== undefined) return addresses.flatMap((address) => dropFor(entry, key, opened, address));
  }
  return [];
}

function dropFor(
  entry: FeedEntry,
  key: KeyPair,
  opened: OpenedIntroduction,
  address: string,
): readonly ClientEvent[] {
  const { owner } = introductionDropForRecipient(key.secret, {
    senderAddressHash: addressHash(opened.senderAddress),
    senderKey: opened.senderKey,
    senderFingerprint: opened.senderFingerprint,
    recipientAddressHash: addressHash(address),
    recipientKey: key.publicKey,
    recipientDomain: splitAddress(address).domain,
  });
  if (owner.kind !== 'introduction') return [];
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
  return [{ type: 'introduction-found', pollKey: bytesToJson(owner.pollKey), drop }];
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
