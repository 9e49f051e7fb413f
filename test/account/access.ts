/** Invited and enrolled users of domains of ours, and the requests that their devices sign. */
import { createAuthenticate, type ReceivedRequest } from '../../src/account/authenticate.ts';
import { createEnroll } from '../../src/account/enroll.ts';
import { createInvite, createReinvite } from '../../src/account/invite.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import type { KeyPair } from '../../src/keys/key-pair.ts';
import { createDeviceKey } from '../../src/keys/user-keys.ts';
import { signRequest, type SignedRequest } from '../../src/message/http-signature.ts';
import type { Store } from '../../src/store/api/store.ts';
import { splitAddress } from '../../src/wire/address.ts';
import { parseInvitation } from '../../src/wire/invitation.ts';
import type { TestClock } from '../support/clock.ts';
import type { TestDomain, TestUser } from '../support/identities.ts';
import { start } from '../store/fixture.ts';

export function newDevice(domain = 'alpha.test'): KeyPair {
  return createDeviceKey(domain, systemRandom, start);
}

export function access(store: Store, clock: TestClock, domains: readonly TestDomain[]) {
  const parts = { users: store.users, clock };
  const inviting = {
    ...parts,
    random: systemRandom,
    fingerprintOf: (domain: string) => domains.find(({ keys }) => keys.domain === domain)?.keys.fingerprint,
  };
  const invite = createInvite(inviting);
  const reinvite = createReinvite(inviting);
  const enroll = createEnroll(parts);
  const authenticate = createAuthenticate(parts);

  /** Invites, and gives the token of the invitation. */
  async function invited(address: string): Promise<Uint8Array> {
    return parseInvitation((await invite(splitAddress(address))).invitation).token;
  }

  return {
    invite,
    /** Invites an enrolled user again, and gives the token. */
    async reinvited(address: string, revoke = false): Promise<Uint8Array> {
      return parseInvitation((await reinvite(splitAddress(address), { revoke })).invitation).token;
    },
    enroll,
    authenticate,
    invited,
    /** A user with one device. */
    async enrolled({ address, inner, keys }: TestUser): Promise<KeyPair> {
      const device = newDevice(keys.domain);
      const token = await invited(address);
      await enroll(keys.domain, { token, record: inner, device: device.publicKey });
      return device;
    },
  };
}

/** A request as it arrives, signed by a device. */
export function signed(request: SignedRequest, device: KeyPair, at = start): ReceivedRequest {
  return { ...request, signature: signRequest(request, device, at) };
}
