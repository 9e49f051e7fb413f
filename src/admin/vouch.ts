/** A parent's signature on a child's identity as text: from one operator to the other. */
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { keyPairFromJson, objectFromJson } from '../keys/key-file.ts';
import { signParentSignature, verifyParentSignature, type VerifiedParent } from '../keys/parent-signature.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import { sizes } from '../wire/registry.ts';

const prefix = 'beckon-parent:';

export interface Vouch {
  /** `beckon-parent:...` */
  readonly attachment: string;
  readonly parent: string;
  readonly child: string;
}

/** Throws `request_invalid` for what is no fingerprint, `record_invalid` where the parent is none, `domain_invalid`. */
export function signVouch(request: {
  readonly parent: string;
  readonly child: string;
  /** Base64url, as in the child's TXT; `id:` or `id=` may stand in front. */
  readonly fingerprint: string;
  readonly identity: KeyPair;
  readonly now: number;
}): Vouch {
  const { parent, identity, now } = request;
  const child = canonicalDomain(request.child);
  const fingerprint = fingerprintOf(request.fingerprint);
  const signed = signParentSignature({ domain: child, fingerprint, parent, identity, now });
  return { attachment: prefix + base64urlnopad.encode(signed), parent, child };
}

/**
 * As `signVouch`, with the identity key from a file, of a parent that need not be served anywhere: a top-level domain. Throws
 * `state_invalid` for another file.
 */
export function vouchWithFile(
  file: object,
  request: {
    readonly parent: string;
    readonly child: string;
    readonly fingerprint: string;
    readonly now: number;
  },
): Vouch {
  const fields = objectFromJson(file, ['format', 'domain', 'key']);
  if (fields['domain'] !== request.parent)
    throw new BeckonError('state_invalid', 'this is the identity key of another domain');
  const identity = keyPairFromJson(fields['key'], request.parent, ['domainIdentity']);
  try {
    return signVouch({ ...request, identity });
  } finally {
    identity.secret.wipe();
  }
}

/** Throws `request_invalid` for what is no such text, else as `verifyParentSignature`. */
export function readVouch(
  text: string,
  child: { readonly domain: string; readonly fingerprint: Uint8Array },
  now: number,
): { readonly signed: Uint8Array; readonly verified: VerifiedParent } {
  const signed = text.trim().startsWith(prefix) ? bytesOf(text.trim().slice(prefix.length)) : undefined;
  if (signed === undefined)
    throw new BeckonError('request_invalid', `what "beckon domain vouch" printed begins with ${prefix}`);
  return { signed, verified: verifyParentSignature(signed, { ...child, now }) };
}

function fingerprintOf(typed: string): Uint8Array {
  const bytes = bytesOf(typed.trim().replace(/^id[:=]/, ''));
  if (bytes?.length !== sizes.hash)
    throw new BeckonError('request_invalid', 'a fingerprint has 43 characters of base64url');
  return bytes;
}

function bytesOf(text: string): Uint8Array | undefined {
  try {
    return base64urlnopad.decode(text);
  } catch {
    return undefined;
  }
}
