/** The state of a user's client, as one ciphertext that devices share, wire-spec/account.md section 8. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import type { BlobStore } from '../store/api/blobs.ts';
import type { StateStore } from '../store/api/states.ts';
import type { UsageLimits } from '../store/api/transit.ts';
import type { UserStore } from '../store/api/users.ts';
import type { AccountUser } from './user.ts';

/** The largest state, bytes. */
export const maxState = 16 * 1024 * 1024;

export interface ReadableState {
  readonly size: number;
  /** SHA-256: its text form is the entity tag. */
  readonly hash: Uint8Array;
  open(start: number, end: number): AsyncIterable<Uint8Array>;
}

export interface IncomingState {
  readonly size: number;
  readonly hash: Uint8Array;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Hash of the state it was made from; absent for a first one. */
  readonly previous?: Uint8Array | undefined;
}

export interface States {
  read(user: AccountUser): Promise<ReadableState | undefined>;
  /** On disk when it resolves. Throws `precondition_failed`, `conflict`, `too_large`, `storage_full`. */
  write(user: AccountUser, state: IncomingState): Promise<void>;
}

export interface StatesParts {
  readonly states: StateStore;
  readonly blobs: BlobStore;
  readonly users: UserStore;
  /** Of the machine alone: a full quota must not keep a client from saving what it hands out. */
  readonly limits: () => UsageLimits;
}

export function createStates({ states, blobs, users, limits }: StatesParts): States {
  /** A pairing that was used is for the device that it added, which reads for itself. */
  async function expectUnused({ owner, device, kind }: AccountUser): Promise<void> {
    if (kind !== 'pairing') return;
    const user = await users.get(owner.domain, owner.user);
    const pairing = user?.devices.find((known) => constantTimeEqual(known.device, device));
    if (pairing === undefined || pairing.used === true)
      throw new BeckonError('unauthorized', 'the pairing was used');
  }

  return {
    async read(user) {
      await expectUnused(user);
      const state = await states.get(user.owner);
      if (state === undefined) return undefined;
      return { size: state.size, hash: state.hash, open: (start, end) => blobs.read(state, start, end) };
    },
    async write({ owner, device: by }, state) {
      if (state.size > maxState) throw new BeckonError('too_large', 'a state has at most 16 MiB');
      await states.put(owner, { ...state, by }, limits());
    },
  };
}
