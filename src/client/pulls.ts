/**
 * Having the own domain pull, wire-spec/account.md section 12.
 *
 * 1. said   the user's word stands in the state, which the user's devices share
 * 2. told   the domain is told once for each drop of theirs, as drops are handed out and found
 * 3. one message is delegated at once, with the parts that its cover lists
 */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { addressHash } from '../keys/fingerprints.ts';
import type { DropOwner } from '../message/drops.ts';
import { provePull } from '../message/poll-proof.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { pullEntry, type PullEntry } from '../wire/blind.ts';
import { counts, times } from '../wire/registry.ts';
import { encode } from '../wire/schema.ts';
import type { Delegated, PulledSender, PulledSenders } from './api.ts';
import { isCover } from './belonging.ts';
import { receivedOf } from './inbox.ts';
import type { OwnDomain, PullState } from './own-domain.ts';
import { correspondentOf } from './correspondent.ts';
import { ownerOf } from './own-drops.ts';
import { withPollKey, type PollKeyParts } from './poll-key.ts';
import { isUnderWay, receivedKey } from './reduce.ts';
import type { Share } from './share.ts';
import type { ClientState, Said, OwnDrop, Received, Text64 } from './state.ts';

export interface PullParts extends PollKeyParts {
  readonly own: Pick<OwnDomain, 'setPulls' | 'user'>;
  readonly clock: Clock;
}

interface Wish {
  readonly owner: DropOwner;
  readonly pollKey: Text64;
  readonly pull: Said;
  readonly until: number;
}

export interface Pulls {
  /** Throws `address_invalid`, `request_invalid` for the own address. */
  sender(typed: string, on: boolean): Promise<PulledSender>;
  /** Everybody who is known and not ignored. */
  all(on: boolean): Promise<readonly PulledSender[]>;
  list(): Promise<PulledSenders>;
  /** Throws `not_found`, `request_invalid` for what has ended, `unsupported`, `quota_exceeded`, network codes. */
  delegate(number: number): Promise<readonly Delegated[]>;
}

export function createPulls(
  parts: PullParts & { readonly share: Pick<Share, 'tryLearn' | 'tryShare'> },
): Pulls {
  const { session, clock, share, own } = parts;

  async function say(addresses: readonly string[], on: boolean): Promise<readonly PulledSender[]> {
    const at = clock.seconds();
    await session.commit(
      ...addresses.map((address) => ({ type: 'sender-pulled', address, on, at }) as const),
    );
    const failure = await tellPulls(parts).then(() => undefined, codeOf);
    await share.tryShare();
    return addresses.map((address) => ({
      address,
      pulled: on,
      ...(failure === undefined ? {} : { notTold: failure }),
    }));
  }

  return {
    async sender(typed, on) {
      const address = formatAddress(parseAddress(typed).address);
      await share.tryLearn();
      if (address === session.state().address)
        throw new BeckonError('request_invalid', 'that is your own address: nothing waits elsewhere from it');
      const [said] = await say([address], on);
      return said as PulledSender;
    },
    async all(on) {
      await share.tryLearn();
      const contacts = Object.values(session.state().contacts);
      const meant = contacts.filter(({ known, ignored, pull }) =>
        on ? known && ignored?.on !== true : pull?.on === true,
      );
      return await say(meant.map(({ address }) => address).toSorted(), on);
    },
    async list() {
      const { pulled } = await own.user();
      return { senders: pulledSenders(session.state()), ...(pulled === undefined ? {} : { room: pulled }) };
    },
    async delegate(number) {
      await share.tryLearn();
      const wanted = partsOf(session.state(), receivedOf(session.state(), number));
      const states: PullState[] = [];
      for (let at = 0; at < wanted.length; at += counts.pollEntries)
        states.push(
          ...(await ask(
            parts,
            wanted.slice(at, at + counts.pollEntries).map((one) => askedFor(parts, one)),
          )),
        );
      return wanted.map(({ number: one }, i) => {
        const state = states[i] ?? 'unknown';
        return { number: one, state: state === 'set' ? 'unknown' : state };
      });
    },
  };
}

/** Whom the domain is to pull from, by address. */
export function pulledSenders({ contacts }: ClientState): readonly string[] {
  return Object.values(contacts)
    .filter(({ pull }) => pull?.on === true)
    .map(({ address }) => address)
    .toSorted();
}

/** Tells the domain what it does not know yet. Throws where it cannot be told: it is told the next time. */
export async function tellPulls(parts: PullParts): Promise<void> {
  const wishes = wishesOf(parts, parts.clock.seconds());
  for (let at = 0; at < wishes.length; at += counts.pollEntries) {
    const some = wishes.slice(at, at + counts.pollEntries);
    await ask(
      parts,
      some.map(({ owner, until }) => ({ owner, wish: { until } })),
    );
    const counters = Object.fromEntries(some.map(({ pollKey, pull }) => [pollKey, pull.at]));
    await parts.session.commit({ type: 'pulls-told', counters });
  }
}

interface Asked {
  readonly owner: DropOwner;
  readonly wish: Pick<PullEntry, 'until' | 'message'>;
}

/** Each entry with its proof, at most 64. */
async function ask(parts: PullParts, asked: readonly Asked[]): Promise<readonly PullState[]> {
  const user = addressHash(parts.session.state().address);
  return await withPollKey(parts, async ({ key, ...occasion }) => {
    const { time, nonce, keyId } = occasion;
    const entries = asked.map(({ owner, wish }) =>
      encode(pullEntry, provePull(owner, key, occasion, { user, ...wish })),
    );
    return await parts.own.setPulls({ time, nonce, keyId, entries });
  });
}

function wishesOf({ session }: PullParts, now: number): readonly Wish[] {
  const state = session.state();
  const keys = session.keys();
  return Object.entries(state.drops).flatMap(([pollKey, drop]) => {
    const pull = state.contacts[correspondentOf(drop) ?? '']?.pull;
    if (pull === undefined || state.pullsTold?.[pollKey] === pull.at || drop.notAfter <= now) return [];
    // What was made after the user took it back was never pulled.
    if (!pull.on && drop.created > pull.at) return [];
    const owner = ownerOf(pollKey, drop, state, keys);
    return owner === undefined ? [] : [{ owner, pollKey, pull, until: pull.on ? endOf(drop, now) : 0 }];
  });
}

/** The drop of an introduction comes again with the next one. */
function endOf(drop: OwnDrop, now: number): number {
  return drop.kind === 'introduced' ? now + times.dropMax : drop.notAfter;
}

/** The message, and of a cover what it lists and was not fetched yet. */
function partsOf(state: ClientState, received: Received): readonly Received[] {
  if (!isUnderWay(received)) throw new BeckonError('request_invalid', 'this message waits nowhere any more');
  const { pollKey, opened } = received;
  const listed = isCover(received) ? (opened?.parts ?? []) : [];
  const parts = listed.flatMap(({ id }) => state.received[receivedKey({ pollKey, id })] ?? []);
  return [received, ...parts.filter(isUnderWay)];
}

function askedFor({ session }: PullParts, { pollKey, senderDomain, id }: Received): Asked {
  const state = session.state();
  const drop = state.drops[pollKey];
  const owner = drop && ownerOf(pollKey, drop, state, session.keys());
  if (owner === undefined) throw new BeckonError('drop_expired', 'the drop of this message is forgotten');
  return { owner, wish: { message: [senderDomain, base64urlnopad.decode(id)] } };
}
