/**
 * What never leaves a device: the key that signs its account requests, and the chain that its drops' sealing keys come from
 * (wire-spec/addressing.md section 4), and beside them the state key, which the user's devices share. Kept apart from the state, so that the state
 * can be stored elsewhere.
 */
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { bytesToJson, keyPairFromJson, keyPairToJson } from '../keys/key-file.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { createDeviceKey } from '../keys/user-keys.ts';
import type { TextFile } from './api.ts';
import { bytes64, count, exactly, oneOf, text } from './json.ts';
import { parseSaved } from './state-json.ts';

export interface DeviceSecrets {
  readonly domain: string;
  /** Ed25519: signs account requests. */
  readonly device: KeyPair;
  /** 16 bytes: the one epoch that the chain is good for. */
  readonly epoch: Uint8Array;
  readonly n: number;
  /** chain(n). */
  readonly chain: Secret;
  /** Takes the place of epoch and chain once the state names it. */
  readonly next?: { readonly epoch: Uint8Array; readonly chain: Secret };
  /** Seals what devices of the user share. Absent where no recovery phrase was made yet. */
  readonly stateKey?: Secret;
  /** The one before, until the blob is sealed under the present one. */
  readonly formerStateKey?: Secret;
}

/** Fresh ones; `random` is asked for the device key (32), the epoch (16), the chain (32). */
export function createDeviceSecrets(domain: string, random: Random, now: number): DeviceSecrets {
  const device = createDeviceKey(domain, random, now);
  return { domain, device, epoch: random(16), n: 0, chain: new Secret(random(32)) };
}

const format = 'beckon-device-1';
const fields = exactly(
  {
    format: oneOf(format),
    domain: text,
    device: (value) => value,
    epoch: bytes64(16),
    n: count,
    chain: bytes64(32),
  },
  {
    next: exactly({ epoch: bytes64(16), chain: bytes64(32) }),
    stateKey: bytes64(32),
    formerStateKey: bytes64(32),
  },
);

export interface SecretsStore {
  /** Throws `state_invalid`. */
  load(): Promise<DeviceSecrets | undefined>;
  save(secrets: DeviceSecrets): Promise<void>;
}

/** Over a text file, which holds the secrets in the clear. */
export function createSecretsStore(file: TextFile): SecretsStore {
  return {
    async load() {
      const saved = await file.read();
      return saved === undefined ? undefined : parseSecrets(saved);
    },
    async save({ domain, device, epoch, n, chain, next, stateKey, formerStateKey }) {
      const value = {
        format,
        domain,
        device: keyPairToJson(device),
        epoch: bytesToJson(epoch),
        n,
        chain: bytesToJson(chain.expose()),
        ...(next === undefined
          ? {}
          : { next: { epoch: bytesToJson(next.epoch), chain: bytesToJson(next.chain.expose()) } }),
        ...(stateKey === undefined ? {} : { stateKey: bytesToJson(stateKey.expose()) }),
        ...(formerStateKey === undefined ? {} : { formerStateKey: bytesToJson(formerStateKey.expose()) }),
      };
      await file.write(`${JSON.stringify(value)}\n`);
    },
  };
}

function parseSecrets(saved: string): DeviceSecrets {
  return parseSaved(saved, (value) => {
    const { domain, device, epoch, n, chain, next, stateKey, formerStateKey } = fields(value);
    const pair = keyPairFromJson(device, domain, ['device']);
    return {
      domain,
      device: pair,
      epoch,
      n,
      chain: new Secret(chain),
      ...(next === undefined ? {} : { next: { epoch: next.epoch, chain: new Secret(next.chain) } }),
      ...(stateKey === undefined ? {} : { stateKey: new Secret(stateKey) }),
      ...(formerStateKey === undefined ? {} : { formerStateKey: new Secret(formerStateKey) }),
    };
  });
}

/** The secrets, for the state with this epoch. Throws `state_invalid`. */
export async function loadSecrets(store: SecretsStore, epoch: string): Promise<DeviceSecrets> {
  const saved = await store.load();
  if (saved === undefined) throw new BeckonError('state_invalid', 'the secrets of this device are missing');
  const { next, ...kept } = saved;
  if (next !== undefined && bytesToJson(next.epoch) === epoch) return { ...kept, ...next, n: 0 };
  expectSameEpoch(saved, epoch);
  return saved;
}

/**
 * Another epoch and chain for this device, kept beside those in use until the state names the epoch, which this gives: a crash in
 * between leaves one of the two whole. `random` is asked for the epoch (16) and the chain (32). Throws as `loadSecrets`.
 */
export async function nextSecrets(store: SecretsStore, epoch: string, random: Random): Promise<Uint8Array> {
  const saved = await loadSecrets(store, epoch);
  const next = { epoch: random(16), chain: new Secret(random(32)) };
  await store.save({ ...saved, next });
  return next.epoch;
}

/** Throws `state_invalid` unless state and secrets were saved by the same client. */
function expectSameEpoch(secrets: DeviceSecrets, epoch: string): void {
  if (bytesToJson(secrets.epoch) !== epoch)
    throw new BeckonError('state_invalid', 'the secrets of this device belong to another state');
}
