/** Ciphertexts that a domain keeps for its users, wire-spec/account.md section 10. */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import type { BlobStore } from '../store/api/blobs.ts';
import type { Kept, KeptStore } from '../store/api/kept.ts';
import type { Cursor, Page } from '../store/api/terms.ts';
import type { ReadableState } from './state.ts';
import type { AccountUser } from './user.ts';

export interface KeepRequest {
  readonly name: Uint8Array;
  readonly upload: Uint8Array;
  readonly payloadHash: Uint8Array;
  /** As long as the domain keeps anything, where it does not say. */
  readonly expires?: number | undefined;
}

export interface KeptCiphertexts {
  /** Throws `unsupported` (the domain keeps nothing), `request_invalid`, `conflict`, `payload_mismatch`. */
  keep(user: AccountUser, request: KeepRequest): Promise<Kept>;
  /** Throws `not_found`. */
  read(user: AccountUser, name: Uint8Array): Promise<ReadableState>;
  list(
    user: AccountUser,
    page: { readonly after?: Cursor | undefined; readonly limit: number },
  ): Promise<Page<Kept>>;
  /** What is not there is gone already. */
  remove(user: AccountUser, name: Uint8Array): Promise<void>;
}

export interface KeptParts {
  readonly kept: KeptStore;
  readonly blobs: BlobStore;
  /** How long a domain keeps ciphertext, seconds; 0: not at all. */
  readonly keepOf: (domain: string) => Promise<number>;
  readonly clock: Clock;
}

export function createKeptCiphertexts({ kept, blobs, keepOf, clock }: KeptParts): KeptCiphertexts {
  return {
    async keep({ owner }, { name, upload, payloadHash: hash, expires: wanted }) {
      const keep = await keepOf(owner.domain);
      if (keep === 0) throw new BeckonError('unsupported', 'this domain keeps nothing for its users');
      const now = clock.seconds();
      if (wanted !== undefined && wanted <= now)
        throw new BeckonError('request_invalid', 'it would be kept for no time');
      const expires = Math.min(wanted ?? now + keep, now + keep);
      return await kept.keep(owner, { name, upload, hash, expires });
    },
    async read({ owner }, name) {
      const found = await kept.get(owner, name);
      if (found === undefined) throw new BeckonError('not_found', 'nothing is kept under this name');
      const { size, hash } = found;
      return { size, hash, open: (start, end) => blobs.read(found, start, end) };
    },
    list: ({ owner }, page) => kept.list(owner, page),
    remove: ({ owner }, name) => kept.remove(owner, name),
  };
}
