/**
 * What a state blob has no room for, wire-spec/state.md section 5: correspondents write as much as they like, and whoever fills the state must not
 * keep its user from sending.
 */
import { canonicalJson, type Json } from './join-values.ts';
import { letterKey } from './reduce.ts';
import type { SharedReceived, StateContent } from './state.ts';

/** The most bytes of a content: padded and sealed it is a blob that domains take. */
export const maxContent = 15 * 2 ** 20;

/**
 * The content, or as much of it as fits. Left out are, the oldest first, received messages, then drops of introductions, which the feed shows to
 * every device, then what is kept at the domain. Devices that know the same leave out the same.
 */
export function shedToFit(content: StateContent, max = maxContent): StateContent {
  let excess = sizeOf(content) - max;
  if (excess <= 0) return content;
  const received = { ...content.received };
  const letters = { ...content.letters };
  const drops = { ...content.drops };
  for (const { name, value, message } of [...messagesIn(content), ...introductionsIn(content)].toSorted(
    inOrder,
  )) {
    if (excess <= 0) break;
    excess -= sizeOf({ [name]: value });
    if (message === undefined) delete drops[name];
    else delete received[name];
    if (message?.opened !== undefined)
      delete letters[letterKey(message.opened.author, message.opened.letterId)];
  }
  return { ...content, received, letters, drops };
}

interface Candidate {
  readonly name: string;
  readonly value: unknown;
  readonly rank: number;
  readonly at: number;
  readonly message?: SharedReceived;
}

function messagesIn({ received }: StateContent): readonly Candidate[] {
  return Object.entries(received).map(([name, message]) => {
    const rank = message.kept === 'kept' ? 2 : 0;
    return { name, value: message, rank, at: message.firstSeen, message };
  });
}

function introductionsIn({ drops }: StateContent): readonly Candidate[] {
  return Object.entries(drops).flatMap(([name, drop]) =>
    drop.kind === 'introduced' ? [{ name, value: drop, rank: 1, at: drop.created }] : [],
  );
}

function inOrder(a: Candidate, b: Candidate): number {
  return a.rank - b.rank || a.at - b.at || (a.name < b.name ? -1 : 1);
}

function sizeOf(value: unknown): number {
  return new TextEncoder().encode(canonicalJson(value as Json)).length;
}
