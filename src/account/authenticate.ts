/** Who signed an account request: a device of an enrolled user, wire-spec/account.md section 3. */
import type { Clock } from '../clock.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { verifyRequest, type ReceivedSignature, type SignedRequest } from '../message/http-signature.ts';
import type { Device, SignerKind, UserStore } from '../store/api/users.ts';
import type { AccountUser } from './user.ts';

/** A request as received, with the header fields of its signature. */
export interface ReceivedRequest extends SignedRequest {
  readonly signature: ReceivedSignature;
}

export interface Authenticate {
  /**
   * The user of `domain` whose device signed, or another of their keys where `kinds` says so. Throws `unauthorized`,
   * whatever is wrong.
   */
  user(domain: string, request: ReceivedRequest, kinds?: readonly SignerKind[]): Promise<AccountUser>;
  /** Throws `unauthorized` where the key does not speak for the user any more. */
  still(user: AccountUser): Promise<void>;
  /** Throws `unauthorized` unless this very device signed: a device that is about to be enrolled. */
  device(request: ReceivedRequest, device: Uint8Array): void;
}

export interface AuthenticateParts {
  readonly users: UserStore;
  readonly clock: Clock;
}

export function createAuthenticate({ users, clock }: AuthenticateParts): Authenticate {
  async function speaker(
    domain: string,
    device: Uint8Array,
    kinds: readonly SignerKind[],
    now: number,
  ): Promise<AccountUser> {
    const user = await users.byDevice(device);
    const signer = user?.devices.find((known) => constantTimeEqual(known.device, device));
    const isGood = signer !== undefined && kinds.includes(signer.kind) && !hasEnded(signer, now);
    if (!isGood || user?.domain !== domain || user.status !== 'active')
      throw new BeckonError('unauthorized', 'the request is not signed as it must be');
    return { owner: { domain, user: user.addressHash }, device, kind: signer.kind };
  }

  return {
    async user(domain, request, kinds = ['device']) {
      const now = clock.seconds();
      return await speaker(domain, verifyRequest(request, request.signature, now), kinds, now);
    },
    async still({ owner, device, kind }) {
      await speaker(owner.domain, device, [kind], clock.seconds());
    },
    device(request, device) {
      const signer = verifyRequest(request, request.signature, clock.seconds());
      if (!constantTimeEqual(signer, device))
        throw new BeckonError('unauthorized', 'the request is not signed by the device it names');
    },
  };
}

function hasEnded({ expires }: Device, now: number): boolean {
  return expires !== undefined && expires <= now;
}
