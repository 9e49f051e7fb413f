/**
 * Taking back, wire-spec/fetch.md section 8.
 *
 *  1. every message that was sent is retracted at the own domain: what was not accepted is withdrawn
 *  2. who accepted is asked: a message whose letter retracts the first
 *  3. mail that still waits is dropped; what a server took is there
 */
import { BeckonError, codeOf } from '../errors.ts';
import type { OutgoingPart, RetractResult } from './api.ts';
import { coversFirst } from './belonging.ts';
import type { OwnDomain } from './own-domain.ts';
import type { Send } from './send.ts';
import { retractMail } from './sent-mail.ts';
import type { Sent, SentPart } from './state.ts';
import type { Session } from './store.ts';

export interface RetractParts {
  readonly session: Session;
  readonly own: Pick<OwnDomain, 'retract' | 'dropMail'>;
  readonly send: Send;
}

type Outcome = RetractResult['recipients'][number]['outcome'];

/** Throws as `Client.retract`. */
export function createRetract({
  session,
  own,
  send,
}: RetractParts): (what: number | string) => Promise<RetractResult> {
  return async (what) => {
    const { sent, parts, mail } = found(session.state().sent, what);
    const addresses = [...new Set(parts.map(({ to }) => to))];
    const recipients: RetractResult['recipients'][number][] = [];
    for (const to of addresses) {
      const theirs = coversFirst(parts.filter((part) => part.to === to));
      const outcome = await retractAll(theirs);
      const asked = outcome === 'already_accepted' && (await ask(sent, theirs, to));
      recipients.push({ to, outcome, asked });
    }
    if (mail) recipients.push(...(await retractMail(sent, own)));
    return { number: sent.number, recipients };
  };

  /** What happened to the one that got furthest. */
  async function retractAll(parts: readonly SentPart[]): Promise<Outcome> {
    const outcomes = new Set<Outcome>();
    for (const { handle } of parts) outcomes.add(await retractOne(handle));
    return furthest.find((outcome) => outcomes.has(outcome)) ?? 'gone';
  }

  async function retractOne(handle: string): Promise<Outcome> {
    try {
      return await own.retract(handle);
    } catch (error) {
      if (codeOf(error) === 'not_found') return 'gone';
      throw error;
    }
  }

  /** Whether the message that asks could be sent. */
  async function ask(sent: Sent, parts: readonly SentPart[], to: string): Promise<boolean> {
    const [first] = parts;
    if (first === undefined) return false;
    const { number } = await send({
      to: [to],
      parts: [nothing],
      subject: sent.subject,
      parents: sent.letterIds.slice(0, 1),
      retracts: first.letterId,
      ...(sent.from === undefined ? {} : { from: sent.from }),
    });
    return number !== undefined;
  }
}

const furthest: readonly Outcome[] = ['already_accepted', 'withdrawn_maybe_read', 'withdrawn', 'gone'];

/** All that it says stands in its letter. */
const nothing: OutgoingPart = {
  mediaType: 'text/plain',
  length: 0,
  async *open() {
    yield* [];
  },
};

/** All of a sending by its number, one message or the mail of it by its handle. Throws `not_found`. */
function found(
  everything: readonly Sent[],
  what: number | string,
): { readonly sent: Sent; readonly parts: readonly SentPart[]; readonly mail: boolean } {
  for (const sent of everything) {
    const all = [...sent.parts, ...Object.values(sent.again ?? {})];
    if (sent.number === what) return { sent, parts: all, mail: sent.mail !== undefined };
    if (sent.mail?.handle === what) return { sent, parts: [], mail: true };
    const parts = all.filter(({ handle }) => handle === what);
    if (parts.length > 0) return { sent, parts, mail: false };
  }
  throw new BeckonError('not_found', 'nothing was sent under this number or handle');
}
