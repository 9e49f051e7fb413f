/**
 * The bridge user of a domain, wire-spec/bridges.md section 2: the one user whose keys the domain itself holds. They follow one another
 * as a client's do. Pure, as `domain-life.ts`.
 */
import type { Random } from '../crypto/random.ts';
import { encode } from '../wire/schema.ts';
import { mailCapability, mailCapabilityName } from '../wire/mail.ts';
import { formatAddress } from '../wire/address.ts';
import { noCapabilities } from '../wire/keys.ts';
import type { BridgeUser, DomainKeys } from './domain-keys.ts';
import { recordFingerprint } from './fingerprints.ts';
import { nextSerial } from './serial.ts';
import { createUserKeys } from './user-keys.ts';
import { nextRotation, rotateUserKeys } from './user-life.ts';
import { readRecordTimes, signUserRecord } from './user-record.ts';

/** The local part, unless somebody has it: nobody is invited to it. */
export const bridgeLocal = 'mail-bridge';

export interface BridgeUserParts {
  readonly now: number;
  readonly random: Random;
}

/** Before the end of its record a user signs another, whatever the plan says, in seconds. */
const renewal = 30 * 86_400;

/**
 * The domain with a bridge user whose keys are as they should be now; the same object where nothing is to be done. `local`: for one that
 * is made now. `renew`: a record is signed in any case; others may have seen one that was lost.
 */
export function advancedBridgeUser(
  domainKeys: DomainKeys,
  { local, renew = false, ...parts }: BridgeUserParts & { readonly local: string; readonly renew?: boolean },
): DomainKeys {
  const { bridge, domain } = domainKeys;
  const { now, random } = parts;
  if (bridge === undefined) {
    const keys = createUserKeys(domain, random, now);
    return { ...domainKeys, bridge: signed({ local, keys }, parts, undefined) };
  }
  const due = Math.min(bridge.rotateAt, readRecordTimes(bridge.record).expires - renewal);
  if (now >= due)
    return {
      ...domainKeys,
      bridge: signed({ ...bridge, keys: rotateUserKeys(bridge.keys, random, now) }, parts, bridge),
    };
  return renew
    ? { ...domainKeys, bridge: { ...signed(bridge, parts, bridge), rotateAt: bridge.rotateAt } }
    : domainKeys;
}

function signed(
  { local, keys }: Pick<BridgeUser, 'local' | 'keys'>,
  { now, random }: BridgeUserParts,
  before: BridgeUser | undefined,
): BridgeUser {
  const serial = nextSerial(before && readRecordTimes(before.record).serial, now);
  const previous = before === undefined ? {} : { previous: recordFingerprint(before.record) };
  const address = formatAddress({ local, domain: keys.domain });
  const record = signUserRecord({ keys, address, serial, now, ...previous });
  const draw = new DataView(random(4).buffer).getUint32(0);
  return { local, keys, record, rotateAt: nextRotation(now, draw) };
}

/** The capabilities that the record of a domain lists: of a bridge, where there is one. */
export function bridgeCapabilities({ bridge }: Pick<DomainKeys, 'bridge'>): ReadonlyMap<string, Uint8Array> {
  if (bridge === undefined) return noCapabilities;
  const { local, keys } = bridge;
  return new Map([
    [mailCapabilityName, encode(mailCapability, { local, fingerprint: keys.identityFingerprint })],
  ]);
}
