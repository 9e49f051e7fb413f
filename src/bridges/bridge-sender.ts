/** In whose name a bridge writes: the bridge user of a domain, wire-spec/bridges.md section 2. */
import { BeckonError } from '../errors.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { addressHash } from '../keys/fingerprints.ts';
import { selectKey, type KeyPair } from '../keys/key-pair.ts';
import type { Random } from '../crypto/random.ts';
import { bucketOf, introductionDropForSender } from '../message/drops.ts';
import { sealIntroduction } from '../message/introduction.ts';
import { formatAddress } from '../wire/address.ts';
import type { NativeRecipient } from './native-recipients.ts';

export interface BridgeSender {
  readonly domain: string;
  readonly local: string;
  readonly address: string;
  readonly addressHash: Uint8Array;
  readonly identity: KeyPair;
  readonly fingerprint: Uint8Array;
  /** To introduce itself with. */
  readonly addressing: KeyPair;
}

/** The bridge user of a domain that is served here. Throws `conflict` where it has no bridge. */
export function bridgeSender(keys: DomainKeys | undefined, now: number): BridgeSender {
  if (keys?.bridge === undefined)
    throw new BeckonError('conflict', 'this domain has no bridge: beckon domain set --bridge on');
  const { local, keys: own } = keys.bridge;
  const address = formatAddress({ local, domain: keys.domain });
  return {
    domain: keys.domain,
    local,
    address,
    addressHash: addressHash(address),
    identity: own.identity,
    fingerprint: own.identityFingerprint,
    addressing: selectKey(own.keys, 'addressing', now),
  };
}

/** Where a message of the bridge goes, and what introduces it. */
export interface Way {
  readonly recipientHash: Uint8Array;
  readonly introduction: Uint8Array;
}

/** The drop of an introduction: it depends on the keys of both sides alone. */
export function wayTo(sender: BridgeSender, recipient: NativeRecipient, random: Random): Way {
  const recipientDomain = recipient.domain.domain;
  const recipientKey = recipient.addressing.key;
  const senderKey = sender.addressing.publicKey;
  const { recipientHash } = introductionDropForSender(sender.addressing.secret, {
    senderAddressHash: sender.addressHash,
    senderKey,
    senderFingerprint: sender.fingerprint,
    recipientAddressHash: addressHash(recipient.address),
    recipientKey,
    recipientDomain,
  });
  const introduction = sealIntroduction({
    senderKey,
    senderFingerprint: sender.fingerprint,
    senderLocal: sender.local,
    senderDomain: sender.domain,
    recipientKey,
    recipientDomain,
    bucketField: bucketOf(recipientKey, recipientDomain, recipient.domain.bucketBits).field,
    random,
  });
  return { recipientHash, introduction };
}

/** Ways from a bridge user to its recipients: four multiplications each, and the same while neither changes its keys. */
export type Ways = (sender: BridgeSender, recipient: NativeRecipient) => Way;

const mostWays = 10_000;

export function createWays(random: Random): Ways {
  const known = new Map<string, Way>();
  return (sender, recipient) => {
    const keys = [sender.addressing.publicKey, recipient.addressing.key].map(textOf).join('');
    const name = `${sender.address} ${recipient.address} ${recipient.domain.bucketBits} ${keys}`;
    const before = known.get(name);
    if (before !== undefined) return before;
    if (known.size >= mostWays) known.clear();
    const way = wayTo(sender, recipient, random);
    known.set(name, way);
    return way;
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
