/** What is said about a domain's identity, in the JSON value of its keys: changes of it, the next one, parents, leaving. */
import { sizes } from '../wire/registry.ts';
import type { DomainKeys, NextIdentity } from './domain-keys.ts';
import {
  arrayFromJson,
  bytesFromJson,
  bytesToJson,
  keyPairFromJson,
  keyPairToJson,
  objectFromJson,
  type KeyPairJson,
} from './key-file.ts';

export interface StatementsJson {
  readonly changes?: readonly string[];
  /** With the secret of the next identity, where that is kept here. */
  readonly next?: { readonly change: string; readonly key?: KeyPairJson };
  readonly parents?: readonly string[];
  readonly gone?: string;
}

type Statements = Pick<DomainKeys, 'changes' | 'next' | 'parents' | 'gone'>;

export const statementFields = ['changes', 'next', 'parents', 'gone'] as const;

export function statementsToJson({ changes, next, parents, gone }: Statements): StatementsJson {
  return {
    ...(changes === undefined ? {} : { changes: changes.map(bytesToJson) }),
    ...(next === undefined ? {} : { next: nextToJson(next) }),
    ...(parents === undefined ? {} : { parents: parents.map(bytesToJson) }),
    ...(gone === undefined ? {} : { gone: bytesToJson(gone) }),
  };
}

/** Throws `state_invalid`. */
export function statementsFromJson(fields: Readonly<Record<string, unknown>>, domain: string): Statements {
  const list = (value: unknown): readonly Uint8Array[] =>
    arrayFromJson(value).map((item) => bytesFromJson(item));
  return {
    ...('changes' in fields ? { changes: list(fields['changes']) } : {}),
    ...('next' in fields ? { next: nextFromJson(fields['next'], domain) } : {}),
    ...('parents' in fields ? { parents: list(fields['parents']) } : {}),
    ...('gone' in fields ? { gone: bytesFromJson(fields['gone'], sizes.gone) } : {}),
  };
}

function nextToJson({ change, identity }: NextIdentity): NonNullable<StatementsJson['next']> {
  const key = identity === undefined ? {} : { key: keyPairToJson(identity) };
  return { change: bytesToJson(change), ...key };
}

function nextFromJson(value: unknown, domain: string): NextIdentity {
  const fields = objectFromJson(value, ['change'], ['key']);
  const identity =
    'key' in fields ? { identity: keyPairFromJson(fields['key'], domain, ['domainIdentity']) } : {};
  return { change: bytesFromJson(fields['change']), ...identity };
}
