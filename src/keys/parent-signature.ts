/** What a parent domain says about a child's identity key, wire-spec/identity.md section 2. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { assertEd25519Public } from '../crypto/sign.ts';
import { BeckonError } from '../errors.ts';
import { parentSignature } from '../wire/identity.ts';
import { times } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { domainFingerprint, keyId } from './fingerprints.ts';
import type { KeyPair } from './key-pair.ts';
import { expectKeyId, signObject, verifyObject } from './sign1.ts';
import { checkValidity } from './validity.ts';

/** The longest signed object of this kind, in bytes. */
const maxParentSignature = 1024;

export interface ParentSignatureContent {
  /** The child. */
  readonly domain: string;
  /** SHA-256 of the child's identity key. */
  readonly fingerprint: Uint8Array;
  readonly parent: string;
  /** The parent's identity key. */
  readonly identity: KeyPair;
  readonly now: number;
  /** Unix seconds; 400 days unless told, and at most. */
  readonly expires?: number;
}

/** Signs a child's identity as its parent. Throws `record_invalid` where the parent is none, or for a time that is not allowed. */
export function signParentSignature(content: ParentSignatureContent): Uint8Array {
  const { domain, fingerprint, parent, identity, now, expires = now + times.parentValidity } = content;
  expectParent(parent, domain);
  checkValidity({ created: now, expires }, now, times.parentValidity);
  const payload = encode(parentSignature, {
    domain,
    fingerprint,
    parent,
    parentKey: identity.publicKey,
    created: now,
    expires,
  });
  return signObject('parent signature', domain, identity.id, identity.secret, payload);
}

export interface VerifiedParent {
  readonly parent: string;
  /** SHA-256 of the parent's identity key: to be looked for in TXT at `_beckon.<parent>`. */
  readonly parentFingerprint: Uint8Array;
  readonly expires: number;
}

/**
 * Verifies a parent's signature by itself: that the key inside is the parent's is for TXT to say. Throws `cbor_*`, `key_invalid`,
 * `key_unknown`, `signature_invalid`, `record_mismatch` (another child or key), `record_invalid` or `record_expired`.
 */
export function verifyParentSignature(
  signed: Uint8Array,
  child: { readonly domain: string; readonly fingerprint: Uint8Array; readonly now: number },
): VerifiedParent {
  const object = decodeSign1(signed, maxParentSignature);
  const content = decode(parentSignature, object.payload);
  assertEd25519Public(content.parentKey);
  expectKeyId(object, keyId(content.parent, 'domainIdentity', content.parentKey));
  verifyObject('parent signature', content.domain, content.parentKey, object);
  if (content.domain !== child.domain || !constantTimeEqual(content.fingerprint, child.fingerprint))
    throw new BeckonError('record_mismatch', 'the parent signed another domain or another key');
  expectParent(content.parent, content.domain);
  checkValidity(content, child.now, times.parentValidity);
  const { parent, parentKey, expires } = content;
  return { parent, parentFingerprint: domainFingerprint(parentKey), expires };
}

/** Any proper suffix of whole labels is a parent, up to the top-level domain. */
function expectParent(parent: string, domain: string): void {
  if (parent === '' || !domain.endsWith(`.${parent}`))
    throw new BeckonError('record_invalid', 'the signer is no parent of the domain');
}
