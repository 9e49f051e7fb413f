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
import type { VerifiedDomain } from '../keys/domain-record.ts';
import { codeOf } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { usableKey } from '../keys/published-key.ts';
import type { DropOwner } from '../message/drops.ts';
import { provePoll } from '../message/poll-proof.ts';
import type { PollAnswer, PollRef } from '../wire/collect.ts';
import { counts, dispositions, sizes } from '../wire/registry.ts';
import type { ClientNetwork } from './api.ts';
import type { OwnDomain } from './own-domain.ts';
import { ownerOf } from './own-drops.ts';
import { expectNative, foreign } from './own-request.ts';
import type { ClientEvent, Text64 } from './state.ts';
import type { Session } from './store.ts';

export interface PollParts {
  readonly session: Session;
  readonly network: Pick<ClientNetwork, 'domains'>;
  readonly own: Pick<OwnDomain, 'poll'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** One drop to ask for. */
interface Question {
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

function questionsOf(session: Session): readonly Question[] {
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
  const answers = await askWithCurrentKey(parts, questions);
  const events: ClientEvent[] = [];
  const more: Question[] = [];
  for (const [index, question] of questions.entries()) {
    const answer = answers[index];
    if (answer === undefined) throw foreign();
    events.push(...eventsOf(question, answer));
    if (answer.next !== undefined) more.push({ ...question, done: [], after: answer.next });
  }
  await parts.session.commit(...events);
  return more;
}

/** The domain may have changed its poll key since its record was read. */
async function askWithCurrentKey(
  parts: PollParts,
  questions: readonly Question[],
): Promise<readonly PollAnswer[]> {
  const { network, session } = parts;
  const { domain } = session.keys();
  const { record } = expectNative(await network.domains.domain(domain));
  try {
    return await ask(parts, questions, record);
  } catch (error) {
    if (!['key_unknown', 'key_not_active'].includes(codeOf(error))) throw error;
    const newer = expectNative(await network.domains.refresh(domain, record.serial + 1));
    return await ask(parts, questions, newer.record);
  }
}

async function ask(
  { own, clock, random }: PollParts,
  questions: readonly Question[],
  record: VerifiedDomain,
): Promise<readonly PollAnswer[]> {
  const now = clock.seconds();
  const key = usableKey(record, 'poll', now);
  const occasion = {
    domain: record.domain,
    keyId: key.id,
    time: now,
    nonce: random(sizes.pollNonce),
  };
  const entries = questions.map(({ owner, done, after }) =>
    provePoll(owner, key.key, occasion, {
      ...(done.length === 0
        ? {}
        : { done: done.map((id) => [base64urlnopad.decode(id), dispositions.done] as const) }),
      ...(after === undefined ? {} : { after }),
    }),
  );
  const { time, nonce, keyId } = occasion;
  return (await own.poll({ time, nonce, keyId, entries })).answers;
}

function eventsOf({ pollKey, done }: Question, { refs }: PollAnswer): readonly ClientEvent[] {
  const reported: ClientEvent[] = done.length > 0 ? [{ type: 'done-reported', pollKey, ids: done }] : [];
  return [...reported, ...refs.flatMap((ref) => refEvents(pollKey, ref))];
}

/** A ref that is marked *retraction* before it was fetched is withdrawn, and done with. */
function refEvents(pollKey: Text64, ref: PollRef): readonly ClientEvent[] {
  const { sender: senderDomain, expires, firstSeen, sizeClass, labels } = ref;
  const id = bytesToJson(ref.id);
  const seen = { id, pollKey, senderDomain, expires, firstSeen, sizeClass };
  return [
    { type: 'ref-seen', ref: seen },
    ...(labels?.retraction === true ? [{ type: 'ref-retracted', ref: seen } as const] : []),
  ];
}
