/** Who mail is for: the users of our domains by their addresses, aliases and tags; over LMTP natives of other domains too. */
import { formatAddress, parseAddress } from '../wire/address.ts';
import type { NativeRecipients } from './native-recipients.ts';

export type FoundRecipient =
  | {
      readonly kind: 'found';
      /** Canonical. */
      readonly address: string;
      readonly tag?: string;
      /** Whose bridge user writes; undefined: the recipient is of a domain that is not ours. */
      readonly domain?: string;
    }
  | { readonly kind: 'unknown' | 'not_here' | 'later' };

/** As typed in an envelope. Throws `storage_failed` only. */
export type FindMailRecipient = (typed: string) => Promise<FoundRecipient>;

export interface FindMailRecipientParts {
  readonly recipients: NativeRecipients;
  /** Whether a domain is ours, and whether it has a bridge. */
  readonly standing: (domain: string) => Promise<'bridge' | 'no_bridge' | 'not_ours'>;
  /** Whether natives of other domains may be written to through this door. */
  readonly elsewhere: boolean;
}

export function createFindMailRecipient(parts: FindMailRecipientParts): FindMailRecipient {
  const { recipients, standing, elsewhere } = parts;
  const parse = createParse();
  return async (typed) => {
    const parsed = parse(typed);
    if (parsed === undefined) return { kind: 'unknown' };
    const { address, tag } = parsed;
    const { domain } = address;
    const whose = await standing(domain);
    if (whose === 'no_bridge' || (whose === 'not_ours' && !elsewhere)) return { kind: 'not_here' };
    const text = formatAddress(address);
    const { kind } = await recipients.find(text);
    if (kind === 'later') return { kind };
    if (kind !== 'native') return { kind: 'unknown' };
    return {
      kind: 'found',
      address: text,
      ...(tag === undefined ? {} : { tag }),
      ...(whose === 'bridge' ? { domain } : {}),
    };
  };
}

const mostParsed = 1000;

/** What is typed is typed again: at RCPT, behind the data, and in the next mail. */
function createParse(): typeof tryParse {
  const known = new Map<string, ReturnType<typeof tryParse>>();
  return (typed) => {
    const before = known.get(typed);
    if (before !== undefined) return before;
    const parsed = tryParse(typed);
    if (known.size >= mostParsed) known.clear();
    known.set(typed, parsed);
    return parsed;
  };
}

/** Addresses of mail that cannot be native ones are nobody's here. */
function tryParse(typed: string): ReturnType<typeof parseAddress> | undefined {
  try {
    return parseAddress(typed);
  } catch {
    return undefined;
  }
}
