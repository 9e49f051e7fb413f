/** What our own domains say about addresses: listings, "by mail" or nothing, wire-spec/keys.md sections 6 and 7. */
import type { Clock } from '../clock.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { selectKey } from '../keys/key-pair.ts';
import { encodeUserAnswer, signByMail, signListing } from '../keys/user-answer.ts';
import { mandate } from '../wire/keys.ts';
import { userStatuses } from '../wire/registry.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { userListing } from '../wire/users.ts';
import { isDue } from './renewal.ts';

/** A user of ours, as far as listings need it. */
export interface PublishedUser {
  readonly addressHash: Uint8Array;
  readonly status: 'invited' | 'active' | 'suspended' | 'gone';
  /** The inner record; absent until the user enrolled. */
  readonly record?: Uint8Array;
  /** The listing signed last. */
  readonly listing?: Uint8Array;
}

export interface PublishedUsers {
  get(domain: string, addressHash: Uint8Array): Promise<PublishedUser | undefined>;
  list(domain: string): Promise<readonly PublishedUser[]>;
  /** False when the record is not that one any more. */
  putListing(
    domain: string,
    addressHash: Uint8Array,
    signed: { readonly record: Uint8Array; readonly listing: Uint8Array },
  ): Promise<boolean>;
}

export interface Listings {
  /** An encoded user-answer; for an address that is not known "by mail" or undefined, as `mail` says. */
  answer(keys: DomainKeys, addressHash: Uint8Array, mail: boolean): Promise<Uint8Array | undefined>;
  /** Signs the listings that are due. */
  renew(keys: DomainKeys): Promise<void>;
}

interface EnrolledUser extends PublishedUser {
  readonly status: 'active' | 'suspended' | 'gone';
  readonly record: Uint8Array;
}

/** A record may change between reading and signing; more often than this in one request it does not. */
const maxTries = 3;

export function createListings({ users, clock }: { users: PublishedUsers; clock: Clock }): Listings {
  async function listingOf(keys: DomainKeys, user: EnrolledUser): Promise<Uint8Array | undefined> {
    const now = clock.seconds();
    if (user.listing && stands(user.listing, user, keys, now)) return user.listing;
    const { addressHash, record: inner, status } = user;
    const listing = signListing({ keys, addressHash, inner, status, escrow: holdsKeys(keys), now });
    return (await users.putListing(keys.domain, addressHash, { record: inner, listing }))
      ? listing
      : undefined;
  }

  return {
    async answer(keys, addressHash, mail) {
      for (let tries = 0; tries < maxTries; tries++) {
        const user = await users.get(keys.domain, addressHash);
        if (!isEnrolled(user)) {
          return mail
            ? encodeUserAnswer({ byMail: signByMail({ keys, addressHash, now: clock.seconds() }) })
            : undefined;
        }
        const listing = await listingOf(keys, user);
        if (listing) return encodeUserAnswer({ listing });
      }
      throw new BeckonError('unavailable', 'the user record keeps changing');
    },
    async renew(keys) {
      for (const user of await users.list(keys.domain)) if (isEnrolled(user)) await listingOf(keys, user);
    },
  };
}

function isEnrolled(user: PublishedUser | undefined): user is EnrolledUser {
  return user !== undefined && user.status !== 'invited' && user.record !== undefined;
}

/** Whether a listing still says what it should, under the key that signs now. */
function stands(signed: Uint8Array, user: EnrolledUser, keys: DomainKeys, now: number): boolean {
  const object = decodeSign1(signed);
  const listing = decode(userListing, object.payload);
  return (
    !isDue(listing.created, now) &&
    listing.status === userStatuses[user.status] &&
    listing.escrow === holdsKeys(keys) &&
    constantTimeEqual(listing.inner, user.record) &&
    constantTimeEqual(object.keyId, selectKey(keys.keys, 'domainSigning', now).id)
  );
}

function holdsKeys(keys: DomainKeys): boolean {
  return decode(mandate, decodeSign1(keys.mandate).payload).escrow !== 0;
}
