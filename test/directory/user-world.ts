/** One domain with one user, as a client meets them: what it lists is the test's to say. */
import { base64urlnopad } from '@scure/base';
import { systemRandom } from '../../src/crypto/random.ts';
import { createDiscoverAddress } from '../../src/directory/discover.ts';
import type { DomainKeys } from '../../src/keys/domain-keys.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import { encodeUserAnswer, signByMail, signListing } from '../../src/keys/user-answer.ts';
import type { UserStatus } from '../../src/keys/user-answer.ts';
import { createUserKeys } from '../../src/keys/user-keys.ts';
import type { UserKeys } from '../../src/keys/user-keys.ts';
import { signUserRecord, type UserRecordContent } from '../../src/keys/user-record.ts';
import { found, startWorld } from './world.ts';
import type { Site, World } from './world.ts';

export const now = 1_800_000_000;
export const address = 'anna@a.test';
export const path = `users/a.test/${base64urlnopad.encode(addressHash(address))}`;
export const userKeys = () => createUserKeys('a.test', systemRandom, now);

export interface Listed {
  keys: UserKeys;
  serial?: number;
  status?: UserStatus;
  /** When both layers were made. */
  at?: number;
  by?: DomainKeys;
  of?: string;
  escrow?: boolean;
  /** Of the inner record. */
  record?: Partial<UserRecordContent>;
}

export function listing(site: Site, listed: Listed): Uint8Array {
  const { at = now, status = 'active', by = site.keys, of = address, escrow = false } = listed;
  const inner = innerOf(listed);
  return encodeUserAnswer({
    listing: signListing({ keys: by, addressHash: addressHash(of), inner, status, escrow, now: at }),
  });
}

export function innerOf({ keys, at = now, serial = at, of = address, record = {} }: Listed): Uint8Array {
  return signUserRecord({ keys, address: of, serial, now: at, ...record });
}

const mail = (site: Site, at: number) =>
  encodeUserAnswer({ byMail: signByMail({ keys: site.keys, addressHash: addressHash(address), now: at }) });

export async function start(t: Parameters<typeof startWorld>[0]) {
  const world = await startWorld(t);
  const site = await world.addSite();
  const keys = userKeys();
  const serve = (listed: Partial<Listed> = {}) => {
    site.routes.set(path, found(listing(site, { keys, at: world.clock.seconds(), ...listed })));
  };
  const byMail = (at = world.clock.seconds()) => void site.routes.set(path, found(mail(site, at)));
  serve();
  return { ...world, site, keys, serve, byMail, discover: createDiscoverAddress(world) };
}

/** Native and pinned, then an hour passes; the domain's record is served anew. */
export async function seen(t: Parameters<typeof startWorld>[0]) {
  const started = await start(t);
  await started.users.user(address);
  later(started, 3600);
  return started;
}

export function later({ clock, site }: { clock: World['clock']; site: Site }, seconds: number) {
  clock.advance(seconds);
  site.publish();
}
