/** A domain that lists what it likes for its users: its table of records is written over while the daemon is down. */
import { join } from 'node:path';
import { base64urlnopad } from '@scure/base';
import type { ClientState } from '../../src/client/state.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import { userKeysFromJson } from '../../src/keys/user-key-file.ts';
import { createUserKeys, type UserKeys } from '../../src/keys/user-keys.ts';
import { signUserRecord, type UserRecordContent } from '../../src/keys/user-record.ts';
import { openStore } from '../../src/store/store.ts';
import { splitAddress } from '../../src/wire/address.ts';
import type { Files } from './person.ts';
import type { Town } from './town.ts';

/** What is listed for an address at the hoster from now on; gives what was listed before. */
export async function list(
  town: Town,
  hosterName: string,
  address: string,
  record: Uint8Array,
): Promise<Uint8Array> {
  const hoster = town.hoster(hosterName);
  const { domain } = splitAddress(address);
  const hash = addressHash(address);
  await hoster.stop();
  const store = await openStore({
    dir: join(hoster.data, 'store'),
    clock: town.clock,
    onFailure: () => {},
  });
  const previous = (await store.users.get(domain, hash))?.record ?? new Uint8Array();
  await store.users.putRecord(domain, hash, { previous, record });
  await store.close();
  await hoster.start();
  return previous;
}

/** The private keys of somebody, from their own state. */
export function keysOf({ state }: Files): UserKeys {
  return userKeysFromJson((JSON.parse(state.text ?? '') as ClientState).userKeys);
}

/** The record that somebody had signed last, as their own state has it. */
export function recordOf({ state }: Files): Uint8Array {
  return base64urlnopad.decode((JSON.parse(state.text ?? '') as ClientState).record);
}

/** Keys of somebody else's making for an address. */
export function otherKeys(town: Town, address: string): UserKeys {
  return createUserKeys(splitAddress(address).domain, random, town.clock.seconds());
}

/** A record made now. */
export function recordBy(
  town: Town,
  address: string,
  keys: UserKeys,
  content: Partial<UserRecordContent> = {},
): Uint8Array {
  const now = town.clock.seconds();
  return signUserRecord({ keys, address, serial: now, now, ...content });
}
