/**
 * "Anything for these drops?", wire-spec/fetch.md section 4.
 *
 *  1. all live own drops, handed over and introduced alike, in requests of 64
 *  2. each with a proof under the domain's poll key, and with what is done with
 *  3. paged until no drop has more; every page is written down before the next is asked for
 */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { bytesToJson } from '../keys/key-file.ts';
import type { DropOwner } from '../message/drops.ts';
import { provePoll } from '../message/poll-proof.ts';
import type { PollAnswer, PollRef, PollRequest } from '../wire/collect.ts';
import { counts, dispositions } from '../wire/registry.ts';
import type { ClientNetwork } from './api.ts';
import type { OwnDomain } from './own-domain.ts';
import { correspondentOf } from './correspondent.ts';
import { ownerOf } from './own-drops.ts';
import { foreign } from './own-request.ts';
import { withPollKey, type Occasion } from './poll-key.ts';
import { receivedKey } from './reduce.ts';
import type { ClientEvent, ClientState, Text64 } from './state.ts';
import type { Session } from './store.ts';

export interface PollParts {
  readonly session: Session;
  readonly network: Pick<ClientNetwork, 'domains'>;
  readonly own: Pick<OwnDomain, 'poll'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** One drop to ask for. */
export interface Question {
  readonly owner: DropOwner;
  readonly pollKey: Text64;
  readonly done: readonly Text64[];
  readonly after?: Uint8Array;
}

/** Most pages that one drop is asked for. */
const maxPages = 1000;

/** Polls all live drops. Throws where the own domain cannot be asked. */
export async function pollDrops(parts: PollParts): Promise<void> {
  let questions = questionsOf(parts.session);
  for (let page = 0; page < maxPages && questions.length > 0; page++) {
    const more: Question[] = [];
    for (let at = 0; at < questions.length; at += counts.pollEntries)
      more.push(...(await pollSome(parts, questions.slice(at, at + counts.pollEntries))));
    questions = more;
  }
}

/** All live drops, with what is done with. */
export function questionsOf(session: Session): readonly Question[] {
  const state = session.state();
  const keys = session.keys();
  return Object.entries(state.drops).flatMap(([pollKey, drop]) => {
    const owner = ownerOf(pollKey, drop, state, keys);
    const done = (state.done[pollKey] ?? []).slice(0, counts.doneRefs);
    return owner === undefined ? [] : [{ owner, pollKey, done }];
  });
}

/** Asks for at most 64 drops; gives those that have more. */
async function pollSome(parts: PollParts, questions: readonly Question[]): Promise<readonly Question[]> {
  const { answers } = await withPollKey(parts, (occasion) => parts.own.poll(requestFor(questions, occasion)));
  const events: ClientEvent[] = [];
  const more: Question[] = [];
  for (const [index, question] of questions.entries()) {
    const answer = answers[index];
    if (answer === undefined) throw foreign();
    events.push(...eventsOf(question, answer, passedOver(parts.session.state(), question.pollKey)));
    if (answer.next !== undefined) more.push({ ...question, done: [], after: answer.next });
  }
  await parts.session.commit(...events);
  return more;
}

/** Asks for at most 64 drops. */
export function requestFor(questions: readonly Question[], { key, ...occasion }: Occasion): PollRequest {
  const entries = questions.map(({ owner, done, after }) =>
    provePoll(owner, key, occasion, {
      ...(done.length === 0
        ? {}
        : { done: done.map((id) => [base64urlnopad.decode(id), dispositions.done] as const) }),
      ...(after === undefined ? {} : { after }),
    }),
  );
  const { time, nonce, keyId } = occasion;
  return { time, nonce, keyId, entries };
}

export type PassedOver = (id: Text64) => boolean;

/** What comes newly from a sender who is ignored; what was there before the user's word goes on. */
export function passedOver(state: ClientState, pollKey: Text64): PassedOver {
  const drop = state.drops[pollKey];
  const isIgnored = drop !== undefined && state.contacts[correspondentOf(drop) ?? '']?.ignored?.on === true;
  return (id) => isIgnored && !(receivedKey({ pollKey, id }) in state.received);
}

function eventsOf(
  { pollKey, done }: Question,
  { refs }: PollAnswer,
  isPassedOver: PassedOver,
): readonly ClientEvent[] {
  const reported: ClientEvent[] = done.length > 0 ? [{ type: 'done-reported', pollKey, ids: done }] : [];
  return [
    ...reported,
    ...refs.flatMap((ref) => {
      const id = bytesToJson(ref.id);
      return isPassedOver(id)
        ? [{ type: 'passed-over', ref: { id, pollKey } } as const]
        : refEvents(pollKey, ref);
    }),
  ];
}

/** A ref that is marked *retraction* before it was fetched is withdrawn, and done with. */
export function refEvents(pollKey: Text64, ref: PollRef): readonly ClientEvent[] {
  const { sender: senderDomain, expires, firstSeen, sizeClass, labels, blind } = ref;
  const id = bytesToJson(ref.id);
  const copy = blind === undefined ? {} : { blind };
  const seen = { id, pollKey, senderDomain, expires, firstSeen, sizeClass, ...copy };
  return [
    { type: 'ref-seen', ref: seen },
    ...(labels?.retraction === true ? [{ type: 'ref-retracted', ref: seen } as const] : []),
  ];
}
