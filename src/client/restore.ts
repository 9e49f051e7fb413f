/**
 * A device becomes one of a user who is enrolled already: by the recovery phrase, or by a code that another device showed
 * (wire-spec/state.md sections 6 and 7).
 *
 *  1. the domain is discovered; against the fingerprint of a code, at first sight with a phrase
 *  2. the state blob is read, signed by recovery device or pairing key, and opened: what it pins counts from now on
 *  3. a device key, an epoch and a chain of its own; secrets, then state, durable
 *  4. the domain adds the device: a lost answer is repeated with the same key, in this run or a later one
 *  5. from now on as any device: what others wrote meanwhile is learned
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { endOfTime, keyPairOf, type KeyPair } from '../keys/key-pair.ts';
import { parsePhrase, recoveryDeviceOf, stateKeyOf } from '../keys/recovery-phrase.ts';
import { openState } from '../message/state-blob.ts';
import type { GatewayKeys } from '../wire/gateway.ts';
import { formatAddress, parseAddress, splitAddress } from '../wire/address.ts';
import { parsePairing } from '../wire/state.ts';
import type { ClientNetwork, Joined } from './api.ts';
import { withContent } from './blob.ts';
import { emptyState, expectDomain } from './enroll.ts';
import { expectJoinable } from './met-content.ts';
import type { OwnDomain, OwnState } from './own-domain.ts';
import { expectNative, type Signer } from './own-request.ts';
import { createDeviceSecrets, loadSecrets, type SecretsStore } from './secrets.ts';
import type { Share } from './share.ts';
import { parseContent } from './state-json.ts';
import type { Session } from './store.ts';

export interface RestoreParts {
  readonly session: Session;
  readonly secrets: SecretsStore;
  readonly network: Pick<ClientNetwork, 'domains'>;
  /** Calls to a domain, signed by a key. */
  readonly ownDomain: (signer: () => Promise<Signer>) => Pick<OwnDomain, 'state' | 'addDevice'>;
  readonly share: Share;
  readonly clock: Clock;
  readonly random: Random;
}

/** Who lets the device in, and what it opens the state with. `device`: the one that is let in, where it is there already. */
interface Entry {
  readonly address: string;
  readonly signer: KeyPair;
  readonly stateKey: Secret;
  readonly device?: KeyPair;
}

export interface Restore {
  /** Throws as `Client.restore`. */
  restore(address: string, phrase: string, name: string): Promise<Joined>;
  /** Throws as `Client.pair`. */
  pair(code: string, name: string): Promise<Joined>;
  /** Throws as `Client.speak`. */
  speak(keys: GatewayKeys): Promise<Joined>;
}

export function createRestore(parts: RestoreParts): Restore {
  const { session, secrets, network, ownDomain, share, clock, random } = parts;

  async function enter(entry: Entry, name: string): Promise<Joined> {
    const { address, signer, stateKey } = entry;
    const domain = ownDomain(async () => ({ domain: splitAddress(address).domain, device: signer }));
    if (session.current() === undefined) await begin(entry, await domain.state());
    const saved = await loadSecrets(secrets, session.state().epoch);
    await secrets.save({ ...saved, stateKey });
    if (entry.device === undefined) await domain.addDevice({ device: saved.device.publicKey, name });
    await session.commit({ type: 'enrolled' });
    await share.learn();
    const { received, sent, contacts } = session.state();
    return {
      address,
      fingerprint: bytesToJson(session.keys().identityFingerprint),
      received: Object.keys(received).length,
      sent: sent.length,
      contacts: Object.keys(contacts).length,
    };
  }

  async function begin(
    { address, stateKey, device: own }: Entry,
    shown: OwnState | undefined,
  ): Promise<void> {
    if (shown === undefined) throw new BeckonError('not_found', 'the domain keeps no state of this user');
    const content = parseContent(openState(stateKey, address, shown.bytes));
    expectJoinable(content, { address, now: clock.seconds() });
    const { domain } = splitAddress(address);
    const made = createDeviceSecrets(domain, random, clock.seconds());
    const device = { ...made, ...(own === undefined ? {} : { device: own }), stateKey };
    await secrets.save(device);
    // What was seen of the domain on the way here gives way to what the user's devices have pinned.
    session.forgetEarly();
    const { record, userKeys, master } = content;
    const fresh = { ...emptyState, address, record, userKeys, master, epoch: bytesToJson(device.epoch) };
    await session.begin({
      ...withContent(fresh, content),
      blob: { tag: shown.tag, revision: content.revision },
    });
  }

  /** Empty, or where this very thing was begun before. */
  function expectRoom(address: string, again: boolean): void {
    const before = session.current();
    if (before === undefined || (before.address === address && (again || !before.enrolled))) return;
    const reason =
      before.address === address ? 'this address is enrolled here' : 'another address lives here';
    throw new BeckonError('exists', `${reason} already`);
  }

  return {
    async restore(typed, phrase, name) {
      const address = formatAddress(parseAddress(typed).address);
      const entropy = parsePhrase(phrase);
      expectRoom(address, false);
      expectNative(await network.domains.domain(splitAddress(address).domain));
      const signer = recoveryDeviceOf(entropy, address);
      return await enter({ address, signer, stateKey: stateKeyOf(entropy, address) }, name);
    },
    async pair(code, name) {
      const { domain, local, fingerprint, pairingKey, stateKey } = parsePairing(code);
      const address = formatAddress({ local, domain });
      expectRoom(address, true);
      await expectDomain(network, session, { domain, fingerprint });
      const signer = deviceOf(domain, pairingKey);
      return await enter({ address, signer, stateKey: new Secret(stateKey) }, name);
    },
    async speak({ address, fingerprint, deviceKey, stateKey }) {
      expectRoom(address, false);
      const { domain } = splitAddress(address);
      await expectDomain(network, session, { domain, fingerprint });
      const device = deviceOf(domain, deviceKey);
      return await enter({ address, signer: device, device, stateKey: new Secret(stateKey) }, '');
    },
  };
}

/** A device key from its seed. */
function deviceOf(domain: string, seed: Uint8Array): KeyPair {
  const life = { status: 'active', notBefore: 0, notAfter: endOfTime } as const;
  return keyPairOf(domain, 'device', new Secret(seed), life);
}
