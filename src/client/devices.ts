/** The devices of a user, wire-spec/account.md section 7 and state.md sections 1 and 7: shown, added, removed; the recovery phrase made anew. */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { Secret, constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { endOfTime, keyPairOf } from '../keys/key-pair.ts';
import { formatPhrase, phraseEntropy, recoveryDeviceOf, stateKeyOf } from '../keys/recovery-phrase.ts';
import { splitAddress } from '../wire/address.ts';
import { formatPairing } from '../wire/state.ts';
import type { ClientDevices, ClientNetwork, DeviceEntry } from './api.ts';
import type { OwnDevice, OwnDomain } from './own-domain.ts';
import { expectNative } from './own-request.ts';
import { loadSecrets, type DeviceSecrets, type SecretsStore } from './secrets.ts';
import type { Share } from './share.ts';
import type { KeptBlob } from './state.ts';
import type { Session } from './store.ts';

export interface DevicesParts {
  readonly session: Session;
  readonly secrets: SecretsStore;
  readonly network: Pick<ClientNetwork, 'domains'>;
  readonly own: Pick<OwnDomain, 'user' | 'removeDevice' | 'setRecovery' | 'openPairing'>;
  readonly share: Share;
  /** New keys of the user, and the old ones void. */
  readonly revokeKeys: () => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long a pairing code serves, in seconds. */
const pairingTime = 15 * 60;

export function createDevices(parts: DevicesParts): ClientDevices {
  const { session, secrets, network, own, clock, random } = parts;

  const ownSecrets = (): Promise<DeviceSecrets> => loadSecrets(secrets, session.state().epoch);

  async function list(): Promise<readonly DeviceEntry[]> {
    const { device } = await ownSecrets();
    return (await own.user()).devices.map((known) => entryOf(known, device.publicKey));
  }

  async function remove(which: string): Promise<DeviceEntry> {
    const found = theDevice(await list(), which);
    if (found.here)
      throw new BeckonError(
        'request_invalid',
        'this is the device that you are at: remove it from another one',
      );
    const listed = (await own.user()).devices.find((device) => bytesToJson(device.device) === found.id);
    if (listed !== undefined) await own.removeDevice(listed.device);
    return found;
  }

  return {
    list,
    async add() {
      const { stateKey } = await ownSecrets();
      if (stateKey === undefined)
        throw new BeckonError('request_invalid', 'this user has no recovery phrase yet: make one first');
      const { address } = session.state();
      const { local, domain } = splitAddress(address);
      const pairingKey = new Secret(random(32));
      const life = { status: 'active', notBefore: 0, notAfter: endOfTime } as const;
      const { publicKey } = keyPairOf(domain, 'device', pairingKey, life);
      await parts.share.share();
      const { record } = expectNative(await network.domains.domain(domain));
      const expires = await own.openPairing({ pairing: publicKey, expires: clock.seconds() + pairingTime });
      const fingerprint = record.fingerprint;
      return {
        code: formatPairing({
          domain,
          local,
          pairingKey: pairingKey.expose(),
          fingerprint,
          stateKey: stateKey.expose(),
        }),
        expires,
      };
    },
    async remove(which, { stolen = false } = {}) {
      const removed = await remove(which);
      if (!stolen) return { removed, left: await list() };
      const phrase = await renewPhrase(parts, parts.share.reclaim);
      await parts.revokeKeys();
      await parts.share.tryShare();
      return { removed, left: await list(), phrase };
    },
    phrase: () => renewPhrase(parts),
  };
}

function entryOf({ device, name, added, kind }: OwnDevice, here: Uint8Array): DeviceEntry {
  return { id: bytesToJson(device), name, added, kind, here: constantTimeEqual(device, here) };
}

/** By its name, or by the beginning of its id. Throws `not_found`, `request_invalid` where several could be meant. */
function theDevice(devices: readonly DeviceEntry[], which: string): DeviceEntry {
  const removable = devices.filter(({ kind }) => kind !== 'recovery');
  const named = removable.filter(({ name }) => name === which);
  const meant =
    named.length > 0 ? named : removable.filter(({ id }) => which.length >= 4 && id.startsWith(which));
  const [found, other] = meant;
  if (found === undefined) throw new BeckonError('not_found', 'no device has this name');
  if (other !== undefined)
    throw new BeckonError('request_invalid', 'several devices have this name: give the beginning of an id');
  return found;
}

export type PhraseParts = Pick<DevicesParts, 'session' | 'secrets' | 'own' | 'share' | 'random'>;

/**
 * Makes a recovery phrase in the place of the one before, which is worthless then; it is shown once and not kept.
 *
 *  1. what other devices wrote is known here; after a theft `learn` passes over what the thief wrote
 *  2. the new state key durable here, beside the one before
 *  3. the blob sealed under the new one   4. the domain knows the new recovery device   5. the state key before is forgotten
 */
export async function renewPhrase(
  parts: {
    readonly session: Session;
    readonly secrets: SecretsStore;
    readonly own: Pick<OwnDomain, 'setRecovery'>;
    readonly share: Share;
    readonly random: Random;
  },
  learn = parts.share.learn,
): Promise<string> {
  const { session, secrets, own, share, random } = parts;
  await learn();
  const { address, epoch } = session.state();
  const { formerStateKey: _, stateKey: former, ...saved } = await loadSecrets(secrets, epoch);
  const entropy = new Secret(random(phraseEntropy));
  const stateKey = stateKeyOf(entropy, address);
  await secrets.save({ ...saved, stateKey, ...(former === undefined ? {} : { formerStateKey: former }) });
  const { blob } = session.state();
  if (blob !== undefined) await session.commit({ type: 'content-kept', blob: toBeWritten(blob) });
  await share.share();
  await own.setRecovery(recoveryDeviceOf(entropy, address).publicKey);
  await secrets.save({ ...saved, stateKey });
  return formatPhrase(entropy);
}

/** The same knowledge is to be sealed anew. */
function toBeWritten({ digest: _, ...blob }: KeptBlob): KeptBlob {
  return blob;
}
