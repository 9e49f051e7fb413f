/**
 * The life of the user's own keys, wire-spec/keys.md section 5.
 *
 *  1. what was signed and did not arrive is published, with the same bytes
 *  2. when the keys are a month old, or the record nears its end: new keys, and records for the address and its aliases
 *  3. both are durable before anyone sees them
 *  4. the domain takes them; where that breaks off the next time begins with 1.
 */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { codeOf, type ErrorCode } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { nextSerial } from '../keys/serial.ts';
import { userKeysToJson } from '../keys/user-key-file.ts';
import type { UserKeys } from '../keys/user-keys.ts';
import { nextRotation, revokeUserKeys, rotateUserKeys } from '../keys/user-life.ts';
import { signUserRecord } from '../keys/user-record.ts';
import { currentRecords, mainRecord, ownAddresses, signedRecord } from './own-records.ts';
import type { OwnDomain } from './own-domain.ts';
import { nextSecrets, type SecretsStore } from './secrets.ts';
import type { ClientState, OwnRecord, SignedRecord } from './state.ts';
import type { Session } from './store.ts';

export interface OwnKeysParts {
  readonly session: Session;
  readonly secrets: SecretsStore;
  readonly own: Pick<OwnDomain, 'putRecord'>;
  /** Resolves when the state is also where other devices of the user find it. */
  readonly shared: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
}

export interface OwnKeys {
  /**
   * Does what is due. What passes by itself waits for the next time; throws `storage_failed`, `conflict` where the domain lists a
   * record that this client does not know.
   */
  upkeep(): Promise<void>;
  /** After theft: new keys and drops at once, the old ones void. Throws network codes: the next `upkeep` goes on from there. */
  revoke(): Promise<void>;
  /** Signs and publishes a record for an alias that has none of this identity yet. */
  addAlias(address: string): Promise<void>;
}

/** How long before its end a record is renewed though its keys did not rotate, in seconds. */
const renewal = 30 * 86_400;
/** What is tried again the next time, and must not keep messages from being read. */
const passing: readonly ErrorCode[] = [
  'network_failed',
  'tls_failed',
  'network_refused',
  'unavailable',
  'rate_limited',
  'unsupported',
  'discovery_later',
  'unauthorized',
];

export function createOwnKeys({ session, secrets, own, shared, clock, random }: OwnKeysParts): OwnKeys {
  async function publish(): Promise<void> {
    const waiting = currentRecords(session.state()).filter(({ published }) => published === undefined);
    if (waiting.length > 0) await shared();
    for (const { record, fingerprint } of waiting) {
      await own.putRecord(base64urlnopad.decode(record));
      await session.commit({ type: 'record-published', fingerprint, at: clock.seconds() });
    }
  }

  async function rotateWhenDue(): Promise<void> {
    const state = session.state();
    const now = clock.seconds();
    const { created, expires } = mainRecord(state);
    if (state.rotateAt === undefined)
      await session.commit({ type: 'rotation-planned', at: nextRotation(created, draw()) });
    const due = Math.min(session.state().rotateAt ?? expires, expires - renewal);
    if (now >= due) await renew(rotateUserKeys(session.keys(), random, now), now);
  }

  async function renew(keys: UserKeys, now: number, revoking?: { readonly at: number }): Promise<void> {
    const records = recordsFor(session.state(), keys, now, revoking?.at);
    const source = revoking === undefined ? undefined : await otherSource(revoking.at);
    await session.commit({
      type: 'records-signed',
      records,
      keys: { userKeys: userKeysToJson(keys), rotateAt: nextRotation(now, draw()) },
      ...(source === undefined ? {} : { revoking: source }),
    });
    await publish();
  }

  /** The thief has master and chain: what is handed out from now on comes from others. */
  async function otherSource(at: number): Promise<{ at: number; master: string; epoch: string }> {
    const epoch = await nextSecrets(secrets, session.state().epoch, random);
    return { at, master: bytesToJson(random(32)), epoch: bytesToJson(epoch) };
  }

  function draw(): number {
    return random(4).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  return {
    async upkeep() {
      try {
        await publish();
        await rotateWhenDue();
      } catch (error) {
        if (!passing.includes(codeOf(error))) throw error;
      }
    },
    async revoke() {
      const now = clock.seconds();
      await renew(revokeUserKeys(session.keys(), random, now), now, { at: now });
    },
    async addAlias(address) {
      const state = session.state();
      if (ownAddresses(state).includes(address)) return;
      const now = clock.seconds();
      const { dropsSince } = mainRecord(state);
      const record = recordFor(address, undefined, session.keys(), now, dropsSince);
      await session.commit({ type: 'records-signed', records: [record] });
      await publish();
    },
  };
}

function recordsFor(
  state: ClientState,
  keys: UserKeys,
  now: number,
  dropsSince: number | undefined,
): readonly SignedRecord[] {
  return currentRecords(state).map((before) =>
    recordFor(before.address, before, keys, now, dropsSince ?? before.dropsSince),
  );
}

/** The record after `before`. Throws `record_invalid` where that one is more than a day ahead of the clock. */
function recordFor(
  address: string,
  before: (SignedRecord & OwnRecord) | undefined,
  keys: UserKeys,
  now: number,
  dropsSince: number | undefined,
): SignedRecord {
  const inner = signUserRecord({
    keys,
    address,
    serial: nextSerial(before?.serial, now),
    ...(before === undefined ? {} : { previous: base64urlnopad.decode(before.fingerprint) }),
    ...(dropsSince === undefined ? {} : { dropsSince }),
    now,
  });
  return signedRecord(address, inner);
}
