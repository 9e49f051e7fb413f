/**
 * An invitation becomes a user.
 *
 *  1. the domain is discovered and its record verified against the invitation's fingerprint; an enrolment of another
 *     address that was begun here gives way where that address does not list the keys made for it
 *  2. keys are made, the record signed, after the one that the address has now (of an earlier user, of this one before a loss, or a
 *     decoy); device secrets, then state, durable before anything is sent
 *  3. enrolled: a lost answer is repeated with the same bytes, in this run or a later one
 *  4. the own listing is read back: the domain must show the keys that were made here
 *  5. the recovery phrase: made once somebody can be restored; where that breaks off, the user makes one later
 */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { nextSerial } from '../keys/serial.ts';
import { userKeysToJson } from '../keys/user-key-file.ts';
import { createUserKeys } from '../keys/user-keys.ts';
import { verifyUserAnswer } from '../keys/user-answer.ts';
import { signUserRecord, type VerifiedRecord } from '../keys/user-record.ts';
import { addressHash, recordFingerprint } from '../keys/fingerprints.ts';
import { formatAddress, splitAddress } from '../wire/address.ts';
import { parseInvitation, type Invitation } from '../wire/invitation.ts';
import type { ClientNetwork, Enrolled } from './api.ts';
import type { OwnDomain } from './own-domain.ts';
import { expectNative, type Signer } from './own-request.ts';
import { createDeviceSecrets, loadSecrets, type SecretsStore } from './secrets.ts';
import type { ClientState } from './state.ts';
import type { Session } from './store.ts';

export interface EnrollParts {
  readonly session: Session;
  readonly secrets: SecretsStore;
  readonly network: Pick<ClientNetwork, 'domains' | 'users' | 'remote'>;
  /** Calls to a domain, signed by a device. */
  readonly ownDomain: (signer: () => Promise<Signer>) => Pick<OwnDomain, 'enroll'>;
  /** The recovery phrase, once its keys are at the domain. */
  readonly makePhrase: () => Promise<string>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Throws as `Client.enroll`. */
export function createEnroll(parts: EnrollParts): (invitation: string, name?: string) => Promise<Enrolled> {
  const { session, secrets, network, ownDomain, clock, random } = parts;

  return async (typed, name = '') => {
    const invitation = parseInvitation(typed);
    const address = formatAddress(invitation);
    const before = session.current();
    expectFree(before, address);
    await expectDomain(network, session, invitation);
    const fromOther = before !== undefined && before.address !== address;
    if (fromOther) await expectUnlisted(network, before);
    if (before === undefined || fromOther) await begin(address, invitation.domain);
    const { record, epoch } = session.state();
    const { device } = await loadSecrets(secrets, epoch);
    const enrolment = {
      token: invitation.token,
      record: base64urlnopad.decode(record),
      device: device.publicKey,
      name,
    };
    await ownDomain(async () => ({ domain: invitation.domain, device })).enroll(enrolment);
    await session.commit({ type: 'enrolled' });
    const listed = await isListed(network, session);
    const phrase = await parts.makePhrase().catch(withoutPhrase);
    return {
      address,
      fingerprint: bytesToJson(session.keys().identityFingerprint),
      listed,
      ...(phrase === undefined ? {} : { phrase }),
    };
  };

  async function begin(address: string, domain: string): Promise<void> {
    const now = clock.seconds();
    const keys = createUserKeys(domain, random, now);
    const before = await listedBefore(network, address, now);
    const record = signUserRecord({
      keys,
      address,
      serial: nextSerial(before?.serial, now),
      ...(before === undefined ? {} : { previous: before.recordFingerprint }),
      now,
    });
    const device = createDeviceSecrets(domain, random, now);
    await secrets.save(device);
    await session.begin({
      ...emptyState,
      // What was learned about domains holds for whoever lives here.
      directory: session.current()?.directory ?? {},
      address,
      record: bytesToJson(record),
      userKeys: userKeysToJson(keys),
      master: bytesToJson(random(32)),
      epoch: bytesToJson(device.epoch),
    });
  }
}

/** Of a client that knows nothing yet. */
export const emptyState: Omit<ClientState, 'address' | 'record' | 'userKeys' | 'master' | 'epoch'> = {
  version: 1,
  enrolled: false,
  nextDrop: 0,
  contacts: {},
  drops: {},
  received: {},
  sent: [],
  nextNumber: 1,
  accepts: [],
  done: {},
  directory: {},
  letters: {},
};

/** The record that the domain lists for an address before it is enrolled. Throws `discovery_later` where that cannot be read now. */
async function listedBefore(
  { domains, remote }: Pick<ClientNetwork, 'domains' | 'remote'>,
  address: string,
  now: number,
): Promise<Pick<VerifiedRecord, 'serial' | 'recordFingerprint'> | undefined> {
  const peer = expectNative(await domains.domain(splitAddress(address).domain));
  const fetched = await remote.getUserAnswer(peer, addressHash(address));
  if (fetched.kind === 'gone') return undefined;
  if (fetched.kind === 'later')
    throw new BeckonError('discovery_later', 'what the domain lists for the address cannot be read now');
  try {
    const answer = verifyUserAnswer(fetched.bytes, peer.record, address, now);
    return answer.kind === 'user' ? answer : undefined;
  } catch (error) {
    // What does not verify binds nobody.
    if (error instanceof BeckonError) return undefined;
    throw error;
  }
}

/** The user is one all the same, and may make a phrase later. */
function withoutPhrase(error: unknown): undefined {
  if (['storage_failed', 'state_invalid', 'internal'].includes(codeOf(error))) throw error;
}

function expectFree(state: ClientState | undefined, address: string): void {
  if (state === undefined || !state.enrolled) return;
  const reason = state.address === address ? 'this address is enrolled here' : 'another address lives here';
  throw new BeckonError('exists', `${reason} already`);
}

/**
 * An invitation that was refused leaves keys which nobody lists: they may go. Throws `exists` where they are listed after
 * all, the answer having been lost, or where nobody can tell.
 */
async function expectUnlisted(
  { users }: Pick<ClientNetwork, 'users'>,
  { address, record }: ClientState,
): Promise<void> {
  const outcome = await users.user(address);
  const isTheirs =
    outcome.kind === 'native' &&
    bytesToJson(outcome.user.recordFingerprint) ===
      bytesToJson(recordFingerprint(base64urlnopad.decode(record)));
  if (isTheirs || outcome.kind === 'later')
    throw new BeckonError('exists', 'the enrolment of another address was begun here and may have succeeded');
}

/** The domain's record, under the identity that the invitation names. */
export async function expectDomain(
  { domains }: Pick<ClientNetwork, 'domains'>,
  session: Session,
  { domain, fingerprint }: Pick<Invitation, 'domain' | 'fingerprint'>,
): Promise<void> {
  try {
    await domains.confirm(domain, fingerprint);
    const outcome = await domains.domain(domain);
    if (outcome.kind === 'changed' || (outcome.kind === 'later' && outcome.reason === 'fingerprint_mismatch'))
      throw new BeckonError('fingerprint_mismatch', 'the domain is not the one that the invitation names');
    expectNative(outcome);
  } catch (error) {
    session.forgetEarly();
    throw error;
  }
}

/** Whether the domain lists what was made here. Throws `record_mismatch` where it lists something else. */
async function isListed({ users }: Pick<ClientNetwork, 'users'>, session: Session): Promise<boolean> {
  const { address, record } = session.state();
  await users.confirm(address, session.keys().identityFingerprint);
  const outcome = await users.user(address);
  const own = bytesToJson(recordFingerprint(base64urlnopad.decode(record)));
  const differs =
    outcome.kind === 'changed' ||
    (outcome.kind === 'native' && bytesToJson(outcome.user.recordFingerprint) !== own);
  if (differs) throw new BeckonError('record_mismatch', 'the domain lists other keys than those made here');
  return outcome.kind === 'native';
}
