/** What a hoster asks of a running daemon about a domain's identity: changing it, leaving, parents. Values in, values out. */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import type { Discover } from '../dns/discover.ts';
import { BeckonError } from '../errors.ts';
import { domainIdentityToJson, identityFromJson } from '../keys/domain-key-file.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { signGone } from '../keys/gone.ts';
import {
  abandonIdentity,
  createIdentity,
  prepareIdentity,
  replaceRecovery,
  takeIdentity,
  type ChangeAuthority,
} from '../keys/identity-life.ts';
import { nextIdentity } from '../keys/next-identity.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { readMandate } from '../keys/mandate.ts';
import { parseRecoveryKey } from '../keys/recovery-key.ts';
import { standingParent } from '../keys/served-attachments.ts';
import { signingKeysOf, withMandate } from '../keys/signing-life.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import { sizes } from '../wire/registry.ts';
import type { DnsLine } from './domain-dns.ts';
import type { KeyKeeper } from './key-keeper.ts';
import { readVouch, signVouch } from './vouch.ts';

export interface IdentityOperationsParts {
  readonly keyRing: KeyRing;
  readonly keeper: KeyKeeper;
  /** The records that a domain is to publish now. */
  readonly dnsOf: (domain: string) => readonly DnsLine[];
  readonly domainTxt: Discover['domainTxt'];
  readonly clock: Clock;
  readonly random: Random;
}

/** The owner's recovery key as typed, and the hash (base64url) of the one that takes its place: each signs once. */
export interface RecoveryRequest {
  readonly recovery: string;
  readonly nextRecovery: string;
}

const maxParents = 3;

export function createIdentityOperations(parts: IdentityOperationsParts) {
  const { keyRing, keeper, dnsOf, domainTxt, clock, random } = parts;

  function keysOf(typed: string): DomainKeys {
    const keys = keyRing.keysOf(canonicalDomain(typed));
    if (keys === undefined) throw new BeckonError('not_found', 'this domain is not served here');
    return keys;
  }

  function report(domain: string) {
    const keys = keysOf(domain);
    const next = nextIdentity(keys);
    return {
      domain: keys.domain,
      fingerprint: base64urlnopad.encode(keys.fingerprint),
      kept: keys.identity === undefined ? ('offline' as const) : ('here' as const),
      ...(next === undefined
        ? {}
        : { next: { fingerprint: base64urlnopad.encode(next.fingerprint), by: next.by } }),
      leaving: keys.gone !== undefined,
      parents: (keys.parents ?? []).flatMap((signed) => {
        const standing = standingParent(keys, signed, clock.seconds());
        return standing === undefined ? [] : [{ parent: standing.parent, expires: standing.expires }];
      }),
      dns: dnsOf(keys.domain),
    };
  }

  /** The present identity key, here or given for this once. Throws `conflict` where it is neither, `state_invalid` for another. */
  function identityOf(keys: DomainKeys, given: object | undefined): KeyPair {
    const identity = given === undefined ? keys.identity : identityFromJson(given, keys);
    if (identity === undefined)
      throw new BeckonError('conflict', 'the identity key of the domain is kept elsewhere: give its file');
    return identity;
  }

  async function change(typed: string, edit: (keys: DomainKeys) => DomainKeys) {
    const { domain } = keysOf(typed);
    await keeper.change(domain, edit);
    return report(domain);
  }

  function authorityOf(
    keys: DomainKeys,
    request: Partial<RecoveryRequest> & { readonly identity?: object | undefined },
  ): ChangeAuthority {
    const { recovery, nextRecovery, identity } = request;
    if (recovery === undefined || nextRecovery === undefined)
      return { by: 'identity', identity: identityOf(keys, identity) };
    return { by: 'recovery', ...recoveryOf({ recovery, nextRecovery }) };
  }

  return {
    /** Throws `domain_invalid`, `not_found`. */
    async identity(typed: string) {
      return await Promise.resolve(report(typed));
    },

    /**
     * Prepares a change of identity: the next key is made, and the change signed; TXT is to name both from now on. With `offline` the
     * next key is not kept here but answered, once, as `identityFile`. Throws `key_invalid` or `key_unknown` for what is not the
     * recovery key, `conflict`, `state_invalid`.
     */
    async prepareIdentity(
      typed: string,
      request: Partial<RecoveryRequest> & { readonly identity?: object; readonly offline?: boolean },
    ) {
      const { domain } = keysOf(typed);
      const next = createIdentity(domain, { now: clock.seconds(), random });
      const keepHere = request.offline !== true;
      const reported = await change(domain, (keys) => {
        if (keys.gone !== undefined)
          throw new BeckonError('conflict', 'the domain leaves: take that back before its identity changes');
        const now = clock.seconds();
        return prepareIdentity(keys, next, authorityOf(keys, request), { keepHere, now });
      });
      if (keepHere) return reported;
      return { ...reported, identityFile: domainIdentityToJson({ ...keysOf(domain), identity: next }) };
    },

    /**
     * Takes the prepared identity, once TXT names it; `unchecked` does not look. `identity`: its file, where it is kept offline. Throws
     * `conflict` where none is prepared, `discovery_later` while TXT does not name it.
     */
    async takeIdentity(typed: string, request: { readonly identity?: object; readonly unchecked?: boolean }) {
      const keys = keysOf(typed);
      const next = nextIdentity(keys);
      if (next === undefined) throw new BeckonError('conflict', 'no change of the identity was prepared');
      if (request.unchecked !== true) await expectInTxt(keys.domain, next.fingerprint);
      const given =
        request.identity && identityFromJson(request.identity, { ...keys, fingerprint: next.fingerprint });
      await keeper.change(keys.domain, (present) =>
        takeIdentity(present, given, { now: clock.seconds(), random }),
      );
      await keeper.settleIdentity(keys.domain);
      keys.identity?.secret.wipe();
      given?.secret.wipe();
      return report(keys.domain);
    },

    /** Gives a prepared change up; the recovery key, if it signed that, is as good as before. */
    abandonIdentity: (typed: string) =>
      change(typed, (keys) => (nextIdentity(keys) === undefined ? keys : abandonIdentity(keys))),

    /** Another recovery key in the place of the present one, at once. Throws as `prepareIdentity`. */
    replaceRecovery: (typed: string, request: RecoveryRequest & { readonly identity?: object }) =>
      change(typed, (keys) => {
        const identity = identityOf(keys, request.identity);
        const authority = { by: 'recovery', ...recoveryOf(request) } as const;
        return replaceRecovery(keys, identity, authority, { now: clock.seconds() });
      }),

    /** The domain leaves: nothing new is taken, and `gone` is to be put into TXT. `back` takes that back, with a new mandate. */
    retireDomain: (
      typed: string,
      { identity, back = false }: { readonly identity?: object; readonly back?: boolean },
    ) =>
      change(typed, (keys) => {
        const now = clock.seconds();
        const signer = identityOf(keys, identity);
        const { gone, ...present } = keys;
        if (back) return gone === undefined ? keys : withMandate(present, signingKeysOf(keys), signer, now);
        if (gone !== undefined) return keys;
        const serial = Math.max(now, readMandate(keys.mandate).serial);
        return { ...keys, gone: signGone(keys.domain, signer.secret, serial) };
      }),

    /** Signs a child's identity with the identity key of a domain that is served here. Throws `conflict`, `record_invalid`. */
    async vouch(typed: string, request: { readonly child: string; readonly fingerprint: string }) {
      const keys = keysOf(typed);
      const identity = identityOf(keys, undefined);
      return await Promise.resolve(
        signVouch({ ...request, parent: keys.domain, identity, now: clock.seconds() }),
      );
    },

    /** Serves what a parent's `vouch` gave. Throws `request_invalid` for what is none, or as the signature is refused. */
    attach: (typed: string, attachment: string) =>
      change(typed, (keys) => {
        const now = clock.seconds();
        const { signed, verified } = readVouch(attachment, keys, now);
        const others = (keys.parents ?? []).filter((known) => {
          const standing = standingParent(keys, known, now);
          return standing !== undefined && standing.parent !== verified.parent;
        });
        if (others.length >= maxParents)
          throw new BeckonError('conflict', `the signatures of ${maxParents} parents are served already`);
        return { ...keys, parents: [...others, signed] };
      }),
  };

  async function expectInTxt(domain: string, fingerprint: Uint8Array): Promise<void> {
    const found = await domainTxt(domain);
    const ids = found.kind === 'found' ? found.txt.fingerprints : [];
    if (!ids.some((id) => constantTimeEqual(id, fingerprint)))
      throw new BeckonError(
        'discovery_later',
        `TXT at _beckon.${domain} does not name the next identity yet`,
      );
  }
}

function recoveryOf({ recovery, nextRecovery }: RecoveryRequest) {
  return { seed: parseRecoveryKey(recovery), nextRecovery: hashOf(nextRecovery) };
}

function hashOf(text: string): Uint8Array {
  try {
    const bytes = base64urlnopad.decode(text);
    if (bytes.length === sizes.hash) return bytes;
  } catch {
    // as below
  }
  throw new BeckonError('request_invalid', 'the hash of a recovery key has 43 characters of base64url');
}
