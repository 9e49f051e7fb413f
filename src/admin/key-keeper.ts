/**
 * Changes of the keys of the domains that a daemon serves, scheduled or asked for.
 *
 *  1. one change of a domain after another
 *  2. the new keys are on disk before anybody hears of them: a crash from here on publishes them at the next start
 *  3. the key ring has them, so that whatever comes in finds them
 *  4. a bridge user is listed with its record; the record of the domain that names them all is signed and published
 *  5. private halves that are not wanted any more are overwritten
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import type { TextSealer } from '../crypto/sealed-text.ts';
import type { Resolver } from '../dns/resolver.ts';
import { createTurns } from '../directory/turns.ts';
import { BeckonError, codeOf } from '../errors.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { advancedBridgeUser } from '../keys/bridge-user.ts';
import { createDkimKey, dkimName, type DkimKey } from '../keys/dkim-key.ts';
import { advanceDkim, showsDkim } from '../keys/dkim-life.ts';
import { advanceWorkingKeys, forgottenKeys } from '../keys/domain-life.ts';
import { abandonIdentity } from '../keys/identity-life.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { identityWanted } from '../keys/key-report.ts';
import { isTaken } from '../keys/next-identity.ts';
import { appointSigning, signingIsDue } from '../keys/signing-life.ts';
import type { Log } from '../log.ts';
import type { BridgeUsers } from './bridge-users.ts';
import { removeIdentityKey, replaceIdentityKey, replaceWorkingKeys } from './key-files.ts';

/** Domains whose keys are written at once: each waits for the disk. */
const parallel = 16;
/** How long DNS has to show a DKIM key before it signs: this is looked at every hour. */
const dkimShownMs = 1_800_000;

export interface KeyKeeperParts {
  readonly dataDir: string;
  readonly sealer?: TextSealer | undefined;
  readonly keyRing: KeyRing;
  /** Signs the record of a domain anew where its keys changed, and publishes it. */
  readonly publish: (domain: string) => Promise<unknown>;
  /** How long a key is used, seconds. */
  readonly rotation: () => number;
  /** Before private halves are overwritten, once their successors are on disk: for what waits under them. Does not throw. */
  readonly beforeForgetting?: (keys: DomainKeys, forgotten: readonly KeyPair[]) => Promise<void>;
  /** Absent: nothing is ever seen in DNS. */
  readonly resolver?: Pick<Resolver, 'txt'>;
  /** The bridge users of domains that have one; absent: none has. */
  readonly bridges?: BridgeUsers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface KeyKeeper {
  /** What is due, for all domains. What fails is logged, and due again. */
  run(): Promise<void>;
  /** The same for one domain, whose settings changed. */
  runFor(domain: string): Promise<void>;
  /**
   * Makes of a domain's keys what `edit` gives, published when it resolves. Throws `not_found` for a domain that is not served, what
   * `edit` throws, and `storage_failed`: then nothing changed.
   */
  change(domain: string, edit: (keys: DomainKeys) => DomainKeys): Promise<DomainKeys>;
  /** Takes the identity key of a domain from disk and memory. Throws `not_found`, `storage_failed`. */
  forgetIdentity(domain: string): Promise<void>;
  /** Keeps the identity key of a domain here again. Throws `not_found`, `storage_failed`. */
  keepIdentity(domain: string, identity: KeyPair): Promise<void>;
  /** Writes an identity that was taken into its own file, and the one before away. Also after a crash. Throws `storage_failed`. */
  settleIdentity(domain: string): Promise<void>;
}

export function createKeyKeeper(parts: KeyKeeperParts): KeyKeeper {
  const { dataDir, sealer, keyRing, publish, rotation, bridges, clock, random, log } = parts;
  const inTurn = createTurns();
  /** Since when DNS shows the next DKIM key of a domain, monotonic milliseconds. */
  const shown = new Map<string, number>();
  /** The day on which each domain's operator was last asked for the identity key. */
  const asked = new Map<string, number>();

  function keysOf(domain: string): DomainKeys {
    const keys = keyRing.keysOf(domain);
    if (keys === undefined) throw new BeckonError('not_found', 'this domain is not served here');
    return keys;
  }

  function change(domain: string, edit: (keys: DomainKeys) => DomainKeys): Promise<DomainKeys> {
    return inTurn(domain, async () => {
      const before = keysOf(domain);
      const after = edit(before);
      if (after === before) return before;
      await replaceWorkingKeys(dataDir, after, sealer);
      keyRing.set(after);
      if (after.bridge !== before.bridge) await bridges?.list(after);
      await publish(domain);
      const forgotten = forgottenKeys(before, after);
      await parts.beforeForgetting?.(after, forgotten);
      for (const key of forgotten) key.secret.wipe();
      if (before.dkim !== undefined && after.dkim !== before.dkim) before.dkim.privateKey.wipe();
      return after;
    });
  }

  async function attempt(domain: string, edit: (keys: DomainKeys) => DomainKeys): Promise<void> {
    try {
      await change(domain, edit);
    } catch (error) {
      log.error('keys.not_advanced', { domain, code: codeOf(error) });
    }
  }

  function ask(domain: string, now: number): void {
    const keys = keyRing.keysOf(domain);
    const end = keys && identityWanted(keys, now);
    if (keys === undefined || end === undefined || asked.get(domain) === keys.progress.days) return;
    asked.set(domain, keys.progress.days);
    log.warn('keys.identity_wanted', {
      domain,
      mandateEnds: new Date(end * 1000).toISOString(),
      next: `beckon keys rotate ${domain} --use signing --identity FILE`,
    });
  }

  function settleIdentity(domain: string): Promise<void> {
    return inTurn(domain, async () => {
      const keys = keysOf(domain);
      if (!isTaken(keys)) return;
      if (keys.identity === undefined) await removeIdentityKey(dataDir, domain);
      else await replaceIdentityKey(dataDir, keys, sealer);
      const settled = abandonIdentity(keys);
      await replaceWorkingKeys(dataDir, settled, sealer);
      keyRing.set(settled);
    });
  }

  async function advance(domain: string): Promise<void> {
    const now = clock.seconds();
    await settleIdentity(domain).catch((error: unknown) =>
      log.error('keys.not_settled', { domain, code: codeOf(error) }),
    );
    const bridge = (await bridges?.isWanted(domain)) ?? false;
    // First: what comes after it may publish, and then nobody sees any more that the tables were restored.
    if (bridges !== undefined && bridge) await advanceBridge(domain, bridges);
    await attempt(domain, (keys) => advanceWorkingKeys(keys, { now, random, rotation: rotation(), bridge }));
    await attempt(domain, (keys) =>
      keys.identity !== undefined && keys.progress.steady > 0 && signingIsDue(keys, now)
        ? appointSigning(keys, keys.identity, { now, random })
        : keys,
    );
    ask(domain, now);
  }

  /** What a crash kept from being listed is listed now. */
  async function advanceBridge(domain: string, users: BridgeUsers): Promise<void> {
    const local = await users.freeLocal(domain);
    const renew = await users.isRestored(domain);
    const now = clock.seconds();
    await attempt(domain, (keys) => advancedBridgeUser(keys, { local, renew, now, random }));
    if (keyRing.keysOf(domain)?.dkim === undefined) {
      const dkim = await createDkimKey();
      await attempt(domain, (keys) => ({ ...keys, dkim: keys.dkim ?? dkim }));
    }
    await followDkim(domain);
    const keys = keyRing.keysOf(domain);
    if (keys !== undefined)
      await users
        .list(keys)
        .catch((error: unknown) => log.error('keys.bridge_not_listed', { domain, code: codeOf(error) }));
  }

  async function isInDns(key: DkimKey, domain: string): Promise<boolean> {
    const found = await parts.resolver?.txt(dkimName(key, domain));
    return found?.kind === 'found' && found.records.some((record) => showsDkim(record, key));
  }

  /** Two looks, so that one server of several that has it is not enough. */
  async function followDkim(domain: string): Promise<void> {
    const next = keyRing.keysOf(domain)?.dkimNext;
    const isThere = next !== undefined && (await isInDns(next, domain));
    const since = isThere ? (shown.get(domain) ?? clock.monotonic()) : undefined;
    if (since === undefined) shown.delete(domain);
    else shown.set(domain, since);
    const isShown = since !== undefined && clock.monotonic() - since >= dkimShownMs;
    if (isShown) shown.delete(domain);
    await attempt(domain, (keys) => advanceDkim(keys, { isShown, now: clock.seconds() }));
  }

  return {
    change,
    settleIdentity,
    runFor: advance,
    async run() {
      const left = [...keyRing.domains()];
      const workers = Array.from({ length: parallel }, async () => {
        for (let domain = left.pop(); domain !== undefined; domain = left.pop()) await advance(domain);
      });
      await Promise.all(workers);
    },
    keepIdentity: (domain, identity) =>
      inTurn(domain, async () => {
        const keys = { ...keysOf(domain), identity };
        await replaceIdentityKey(dataDir, keys, sealer);
        keyRing.set(keys);
      }),
    forgetIdentity: (domain) =>
      inTurn(domain, async () => {
        const { identity, ...keys } = keysOf(domain);
        await removeIdentityKey(dataDir, domain);
        keyRing.set(keys);
        identity?.secret.wipe();
      }),
  };
}
