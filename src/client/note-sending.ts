/** A sending gets its number, and is noted as unfinished before anything of it leaves. */
import type { Random } from '../crypto/random.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { sizes } from '../wire/registry.ts';
import type { Resolved } from './recipients.ts';
import type { Outgoing } from './send-api.ts';
import type { Sent, Text64 } from './state.ts';
import type { Session } from './store.ts';
import type { NotedMail, Unfinished, UnfinishedStore } from './unfinished.ts';

/** How it is to go. */
export interface Plan {
  /** What it repeats. */
  readonly before?: Sent | undefined;
  /** Recipient hashes, of those who are written to natively. */
  readonly routes: readonly Text64[];
  readonly now: number;
  readonly expires: number;
}

export interface NoteParts {
  readonly session: Session;
  readonly unfinished: Pick<UnfinishedStore, 'save'>;
  readonly random: Random;
}

/** What is noted; durable when it resolves. */
export type Note = (message: Outgoing, resolved: readonly Resolved[], plan: Plan) => Promise<Unfinished>;

export function createNote({ session, unfinished, random }: NoteParts): Note {
  return async (message, resolved, { before, routes, now, expires }) => {
    const { nextNumber: number, address } = session.state();
    await session.commit({ type: 'number-taken' });
    const writable = resolved.filter(({ recipient }) => recipient !== undefined);
    const mail = await notedMail(message, resolved);
    const natively = writable.length === 0 ? [] : message.parts;
    const noted: Unfinished = {
      number,
      address,
      created: before?.created ?? now,
      expires,
      subject: message.subject,
      to: writable.map(({ typed }) => typed),
      addresses: writable.map(({ report: { address: canonical, to } }) => canonical ?? to),
      from: message.from,
      parents: (before ?? message).parents,
      retracts: (before ?? message).retracts,
      again: message.again,
      parts: natively.map(({ mediaType, fileName, length, source, expires: end = expires }, index) => ({
        mediaType,
        length,
        letterId: before?.letterIds[index] ?? bytesToJson(random(sizes.letterId)),
        ...(fileName === undefined ? {} : { fileName }),
        ...(source === undefined ? {} : { source }),
        ...(end < expires ? { expires: end } : {}),
      })),
      routes,
      ids: [],
      done: 0,
      sent: [],
      ...(mail === undefined ? {} : { mail }),
    };
    await unfinished.save(noted);
    return noted;
  };
}

async function notedMail({ mail }: Outgoing, resolved: readonly Resolved[]): Promise<NotedMail | undefined> {
  const to = resolved.flatMap(({ byMail }) => byMail ?? []);
  if (mail === undefined || to.length === 0) return undefined;
  const source = await mail.source?.();
  return {
    to,
    ...(mail.success === true ? { success: true } : {}),
    ...(source === undefined ? {} : { source }),
  };
}
