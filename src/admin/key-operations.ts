/** What a hoster asks of a running daemon about the keys of its domains. Values in, values out; the http room serves it. */
import { base64urlnopad, hex } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { BeckonError } from '../errors.ts';
import { domainIdentityToJson, identityFromJson } from '../keys/domain-key-file.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { rotatingUses, type RotatingUse } from '../keys/domain-life.ts';
import { revokeDomainKey, rotateDomainKeys } from '../keys/key-changes.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { identityWanted, reportKeys } from '../keys/key-report.ts';
import { readMandate } from '../keys/mandate.ts';
import { mandateEnd } from '../keys/signing-life.ts';
import { sizes } from '../wire/registry.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import type { KeyKeeper } from './key-keeper.ts';

export interface KeyOperationsParts {
  readonly keyRing: KeyRing;
  readonly keeper: KeyKeeper;
  /** The record of a domain as published now. */
  readonly published: (domain: string) => Promise<{ readonly record: Uint8Array } | undefined>;
  readonly rotation: () => number;
  readonly clock: Clock;
  readonly random: Random;
}

/** Uses as operators call them. */
export const usesByName = {
  signing: 'domainSigning',
  notification: 'notification',
  envelope: 'envelope',
  poll: 'poll',
  bridge: 'bridge',
} as const;
type UseName = keyof typeof usesByName;

export function createKeyOperations(parts: KeyOperationsParts) {
  const { keyRing, keeper, published, rotation, clock, random } = parts;

  function keysOf(typed: string): DomainKeys {
    const keys = keyRing.keysOf(canonicalDomain(typed));
    if (keys === undefined) throw new BeckonError('not_found', 'this domain is not served here');
    return keys;
  }

  function report(keys: DomainKeys) {
    const now = clock.seconds();
    const wanted = identityWanted(keys, now);
    return {
      domain: keys.domain,
      identity: keys.identity === undefined ? ('offline' as const) : ('here' as const),
      mandateEnds: mandateEnd(keys),
      ...(wanted === undefined ? {} : { identityWanted: wanted }),
      keys: reportKeys(keys, now, rotation()).map(({ id, use, ...life }) => ({
        id: hex.encode(id),
        use: nameOf(use),
        ...life,
      })),
    };
  }

  /** The identity key is there for one change, and then no more. */
  async function withIdentity(
    typed: string,
    identity: object | undefined,
    edit: (keys: DomainKeys, identity: KeyPair | undefined) => DomainKeys,
  ) {
    const keys = keysOf(typed);
    const given = identity === undefined ? undefined : identityFromJson(identity, keys);
    try {
      return report(await keeper.change(keys.domain, (present) => edit(present, given)));
    } finally {
      given?.secret.wipe();
    }
  }

  return {
    /** Throws `domain_invalid`, `not_found`. */
    async domainKeys(typed: string) {
      return await Promise.resolve(report(keysOf(typed)));
    },

    /**
     * Without uses: all that can be, signing only where the identity key is here or given. Throws `conflict` where it is needed and
     * missing, `state_invalid` for another domain's.
     */
    rotateKeys: (typed: string, uses: readonly UseName[] | undefined, identity?: object) =>
      withIdentity(typed, identity, (keys, given) => {
        const canSign = given !== undefined || keys.identity !== undefined;
        const rotating = keys.keys.some(({ use }) => use === 'bridge')
          ? [...rotatingUses, 'bridge' as const]
          : rotatingUses;
        const all: readonly (RotatingUse | 'domainSigning')[] = canSign
          ? ['domainSigning', ...rotating]
          : rotating;
        const wanted = uses === undefined ? all : uses.map((use) => usesByName[use]);
        if (wanted.includes('bridge') && !all.includes('bridge'))
          throw new BeckonError('conflict', 'this domain has no bridge: beckon domain set --bridge on');
        return rotateDomainKeys(keys, wanted, { now: clock.seconds(), random, identity: given });
      }),

    /** `id`: 16 hex digits. Throws `request_invalid`, `not_found`, `conflict`, `state_invalid`. */
    revokeKey: (typed: string, id: string, identity?: object) =>
      withIdentity(typed, identity, (keys, given) =>
        revokeDomainKey(keys, keyIdOf(id), { now: clock.seconds(), random, identity: given }),
      ),

    /** What anybody may know: for a parent that signs, or an archive. */
    async publicKeys(typed: string) {
      const { domain, fingerprint, mandate } = keysOf(typed);
      const { identityKey, recoveryHash } = readMandate(mandate);
      const record = (await published(domain))?.record;
      return {
        domain,
        fingerprint: base64urlnopad.encode(fingerprint),
        identityKey: base64urlnopad.encode(identityKey),
        recoveryHash: base64urlnopad.encode(recoveryHash),
        mandate: base64urlnopad.encode(mandate),
        ...(record === undefined ? {} : { record: base64urlnopad.encode(record) }),
      };
    },

    /** The private identity key. Throws `not_found` where it is offline already. */
    async identityKey(typed: string) {
      const keys = keysOf(typed);
      if (keys.identity === undefined)
        throw new BeckonError('not_found', 'the identity key of this domain is kept elsewhere already');
      return await Promise.resolve(domainIdentityToJson(keys));
    },

    /** Keeps the identity key here again. Throws `exists` where it is here, `state_invalid` for another key. */
    async keepIdentityKey(typed: string, identity: object) {
      const keys = keysOf(typed);
      if (keys.identity !== undefined) throw new BeckonError('exists', 'the identity key is here already');
      await keeper.keepIdentity(keys.domain, identityFromJson(identity, keys));
      return report(keysOf(typed));
    },

    /** To be called when it is safe elsewhere. `identity` shows that: throws `state_invalid` for another key. */
    async forgetIdentityKey(typed: string, identity: object) {
      const keys = keysOf(typed);
      identityFromJson(identity, keys).secret.wipe();
      await keeper.forgetIdentity(keys.domain);
      return report(keysOf(typed));
    },
  };
}

function nameOf(use: string): UseName {
  const names = Object.keys(usesByName) as UseName[];
  return names.find((name) => usesByName[name] === use) as UseName;
}

function keyIdOf(typed: string): Uint8Array {
  if (!/^[0-9a-f]{16}$/i.test(typed))
    throw new BeckonError(
      'request_invalid',
      `a key id has ${sizes.keyId * 2} hex digits: see beckon keys list`,
    );
  return hex.decode(typed.toLowerCase());
}
