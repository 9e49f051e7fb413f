/** Whose keys they are: shown, compared out of band, a change accepted on the user's word. wire-spec/keys.md section 9. */
import type { Clock } from '../clock.ts';
import type { DomainOutcome, NativePeer } from '../directory/domain-lookup.ts';
import type { ChangedUser, NativeUser, UserOutcome } from '../directory/user-outcome.ts';
import type { UserPin } from '../directory/user-pins.ts';
import { BeckonError } from '../errors.ts';
import { isFingerprint, readFingerprint, type TypedFingerprint } from '../keys/fingerprint-forms.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { movesAgree } from '../keys/user-change.ts';
import { formatAddress, parseAddress, splitAddress } from '../wire/address.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import type { ClientNetwork } from './api.ts';
import type { Share } from './share.ts';
import type { Session } from './store.ts';
import type { ClientTrust, DomainTrustReport, MoveReport, TrustReport } from './trust-api.ts';
import {
  domainHistoryOf,
  formsOf,
  historyOf,
  isOfferSeen,
  knownRecipient,
  pinnedCorrespondent,
  whyNot,
} from './trust-report.ts';

export interface TrustParts {
  readonly session: Session;
  readonly network: Pick<ClientNetwork, 'domains' | 'users'>;
  readonly share: Pick<Share, 'tryLearn' | 'tryShare'>;
  readonly clock: Clock;
}

export function createTrust({ session, network, share, clock }: TrustParts): ClientTrust {
  const { domains, users } = network;

  async function show(typed: string = session.state().address): Promise<TrustReport> {
    const address = canonical(typed);
    const outcome = await users.user(address);
    const pin = await users.pin(address);
    return {
      address,
      own: address === session.state().address,
      outcome: outcome.kind,
      ...whyNot(outcome),
      ...identityOf(outcome, pin),
      ...pinFields(pin),
      ...(outcome.kind === 'native' ? await nativeFields(outcome) : {}),
      ...(outcome.kind === 'changed' && outcome.of === 'user' ? offerOf(outcome) : {}),
      ...(outcome.kind === 'changed' ? { of: outcome.of, what: outcome.what } : {}),
      history: historyOf(pin),
      domain: await showDomain(splitAddress(address).domain),
    };
  }

  /** Here alone is anybody asked whether a move agrees: the other address is of the recipient's choice. */
  async function nativeFields(outcome: NativeUser): Promise<Partial<TrustReport>> {
    const { user, trust, dropsSince } = outcome;
    const { movedTo, movedFrom, ...known } = knownRecipient(outcome);
    return {
      trust,
      ...known,
      record: bytesToJson(user.recordFingerprint),
      expires: user.expires,
      ...(dropsSince === undefined ? {} : { dropsSince }),
      ...(movedTo === undefined ? {} : { movedTo: await checked(movedTo, user, 'to') }),
      ...(movedFrom === undefined ? {} : { movedFrom: await checked(movedFrom, user, 'from') }),
    };
  }

  async function checked(
    move: MoveReport,
    user: NativeUser['user'],
    way: 'to' | 'from',
  ): Promise<MoveReport> {
    const other = await users.user(move.address).catch(() => undefined);
    if (other?.kind !== 'native') return { ...move, agrees: false };
    return { ...move, agrees: way === 'to' ? movesAgree(user, other.user) : movesAgree(other.user, user) };
  }

  async function showDomain(typed: string): Promise<DomainTrustReport> {
    const domain = canonicalDomain(typed);
    const outcome = await domains.domain(domain);
    const pin = await domains.pin(domain);
    const fingerprint =
      pin?.fingerprint ?? (outcome.kind === 'native' ? outcome.record.fingerprint : undefined);
    return {
      domain,
      outcome: outcome.kind,
      ...whyNot(outcome),
      ...(outcome.kind === 'native' ? nativeDomain(outcome) : {}),
      ...(fingerprint === undefined ? {} : { fingerprint: formsOf(fingerprint) }),
      ...(pin === undefined ? {} : { since: pin.since, compared: pin.compared }),
      ...(outcome.kind === 'changed' ? { offered: formsOf(outcome.offered) } : {}),
      history: domainHistoryOf(pin),
    };
  }

  /** Who reads a fingerprint out may have it since after their record was read here: before saying no it is read again. */
  async function verifyUser(address: string, typed: TypedFingerprint): Promise<TrustReport> {
    if (await isVerified(address, typed)) return await show(address);
    await users.expire(address);
    if (await isVerified(address, typed)) return await show(address);
    throw mismatch('user');
  }

  async function isVerified(address: string, typed: TypedFingerprint): Promise<boolean> {
    const outcome = await users.user(address);
    const known = pinnedOf(outcome) ?? (await users.pin(address))?.fingerprint;
    const offered = outcome.kind === 'changed' && outcome.of === 'user' ? outcome.offered : undefined;
    if (known && isFingerprint(typed, known)) await users.confirm(address, known);
    else if (offered && isFingerprint(typed, offered))
      await users.acceptChange(address, offered, { compared: true });
    else if (known === undefined && typed.form === 'whole') await users.confirm(address, typed.fingerprint);
    else return false;
    return true;
  }

  async function verifyDomain(domain: string, typed: TypedFingerprint): Promise<DomainTrustReport> {
    const outcome = await domains.domain(domain);
    const known = listedBy(outcome) ?? (await domains.pin(domain))?.fingerprint;
    if (known && isFingerprint(typed, known)) await domains.confirm(domain, known);
    else if (outcome.kind === 'changed' && isFingerprint(typed, outcome.offered)) {
      await domains.acceptChange(domain, outcome.offered);
      await domains.confirm(domain, outcome.offered);
    } else if (known === undefined && typed.form === 'whole')
      await domains.confirm(domain, typed.fingerprint);
    else throw mismatch('domain');
    return await showDomain(domain);
  }

  async function acceptUser(address: string, typed: TypedFingerprint | undefined): Promise<TrustReport> {
    const outcome = await users.user(address);
    if (outcome.kind !== 'changed') return await show(address);
    if (outcome.of === 'domain') {
      await acceptDomain(splitAddress(address).domain, typed);
      return await show(address);
    }
    const pin = await users.pin(address);
    if (typed === undefined && pin !== undefined && !isOfferSeen(pin, outcome.offered))
      throw new BeckonError('trust_changed', 'what waits was not shown yet: look at it first');
    if (typed !== undefined && !isFingerprint(typed, outcome.offered)) throw mismatch('user');
    await users.acceptChange(address, outcome.offered);
    return await show(address);
  }

  async function acceptDomain(
    domain: string,
    typed: TypedFingerprint | undefined,
  ): Promise<DomainTrustReport> {
    const outcome = await domains.domain(domain);
    if (outcome.kind !== 'changed') return await showDomain(domain);
    if (typed === undefined)
      throw new BeckonError('trust_changed', 'name the fingerprint that is accepted for the domain');
    if (!isFingerprint(typed, outcome.offered)) throw mismatch('domain');
    await domains.acceptChange(domain, outcome.offered);
    return await showDomain(domain);
  }

  return {
    show,
    showDomain,
    async list() {
      const { contacts } = session.state();
      const pinned = Object.keys(contacts)
        .sort()
        .map(async (address) => {
          const pin = await users.pin(address);
          if (pin === undefined) return [];
          return [pinnedCorrespondent(address, pin, await domains.pin(splitAddress(address).domain))];
        });
      return (await Promise.all(pinned)).flat();
    },
    async verify(who, fingerprint) {
      const typed = readFingerprint(fingerprint);
      return who.includes('@')
        ? await verifyUser(canonical(who), typed)
        : await verifyDomain(canonicalDomain(who), typed);
    },
    async accept(who, fingerprint) {
      const typed = fingerprint === undefined ? undefined : readFingerprint(fingerprint);
      return who.includes('@')
        ? await acceptUser(canonical(who), typed)
        : await acceptDomain(canonicalDomain(who), typed);
    },
    async acceptMail(typed) {
      const address = canonical(typed);
      await users.acceptMail(address);
      return await show(address);
    },
    async mail(typed, word) {
      const domain = canonicalDomain(typed);
      await share.tryLearn();
      await session.commit({ type: 'mail-word', domain, word, at: clock.seconds() });
      await share.tryShare();
    },
    mailWords: () =>
      Object.entries(session.state().mail ?? {})
        .flatMap(([domain, { word, at }]) => (word === 'ask' ? [] : [{ domain, word, at }]))
        .toSorted((a, b) => (a.domain < b.domain ? -1 : 1)),
    acknowledge: (address, kinds) => users.acknowledge(canonical(address), kinds),
  };
}

function identityOf(outcome: UserOutcome, pin: UserPin | undefined): Partial<TrustReport> {
  const fingerprint = pinnedOf(outcome) ?? pin?.fingerprint;
  if (fingerprint === undefined) return {};
  const { whole, words, digits } = formsOf(fingerprint);
  return { fingerprint: whole, words, digits };
}

/** The identity that stands, not the one that waits. */
function pinnedOf(outcome: UserOutcome): Uint8Array | undefined {
  if (outcome.kind === 'native') return outcome.user.identityFingerprint;
  return outcome.kind === 'changed' && outcome.of === 'user' ? outcome.pinned : undefined;
}

function listedBy(outcome: DomainOutcome): Uint8Array | undefined {
  if (outcome.kind === 'native') return outcome.record.fingerprint;
  return outcome.kind === 'changed' ? outcome.pinned : undefined;
}

function pinFields(pin: UserPin | undefined): Partial<TrustReport> {
  if (pin === undefined) return {};
  const known = pinnedCorrespondent('', pin, undefined);
  const { since, unconfirmed, readers, notices, compared, mailAccepted } = known;
  const answered = pin.confirmed ? { answered: pin.confirmed } : {};
  return { since, unconfirmed, readers, notices, compared, mailAccepted, ...answered };
}

function nativeDomain({ trust, record, leaving }: NativePeer): Partial<DomainTrustReport> {
  return { trust, escrow: record.escrow, leaving };
}

function offerOf({ offered }: ChangedUser): Partial<TrustReport> {
  return { offered: formsOf(offered) };
}

function canonical(typed: string): string {
  return formatAddress(parseAddress(typed).address);
}

function mismatch(of: 'user' | 'domain'): BeckonError {
  return new BeckonError('fingerprint_mismatch', `the fingerprint is not that of the ${of}`);
}
