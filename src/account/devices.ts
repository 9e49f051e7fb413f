/** The keys that speak for a user: devices, the recovery key, pairings. wire-spec/account.md section 7. */
import type { Clock } from '../clock.ts';
import { assertEd25519Public } from '../crypto/sign.ts';
import { BeckonError } from '../errors.ts';
import type { Device, UserStore } from '../store/api/users.ts';
import type { AccountUser } from './user.ts';

/** The longest that a pairing is open, seconds. */
export const pairingLife = 3600;

export interface Devices {
  /** Throws `key_invalid`, `conflict`, `quota_exceeded`, `unauthorized`. */
  add(user: AccountUser, device: { readonly device: Uint8Array; readonly name: string }): Promise<Device>;
  /** One that is not there is gone already. Throws `conflict` for the last one, `unauthorized`. */
  remove(user: AccountUser, device: Uint8Array): Promise<void>;
  /** Throws `key_invalid`, `conflict`, `unauthorized`. */
  setRecovery(user: AccountUser, recovery: Uint8Array): Promise<void>;
  /** Until `expires`, an hour at most: gives when it ends. Throws `key_invalid`, `request_invalid`, `conflict`, `quota_exceeded`. */
  pair(
    user: AccountUser,
    pairing: { readonly pairing: Uint8Array; readonly expires: number },
  ): Promise<{ readonly expires: number }>;
}

export interface DevicesParts {
  readonly users: UserStore;
  readonly clock: Clock;
}

export function createDevices({ users, clock }: DevicesParts): Devices {
  return {
    async add({ owner, device: by }, { device, name }) {
      assertEd25519Public(device);
      return await users.addDevice(owner.domain, owner.user, { device, name, by, now: clock.seconds() });
    },
    async remove({ owner, device: by }, device) {
      await users.removeDevice(owner.domain, owner.user, { device, by });
    },
    async setRecovery({ owner, device: by }, recovery) {
      assertEd25519Public(recovery);
      await users.setRecovery(owner.domain, owner.user, { recovery, by, now: clock.seconds() });
    },
    async pair({ owner, device: by }, { pairing, expires: wanted }) {
      assertEd25519Public(pairing);
      const now = clock.seconds();
      if (wanted <= now) throw new BeckonError('request_invalid', 'the pairing is over before it begins');
      const expires = Math.min(wanted, now + pairingLife);
      const opened = await users.openPairing(owner.domain, owner.user, { pairing, expires, by, now });
      return { expires: opened.expires ?? expires };
    },
  };
}
