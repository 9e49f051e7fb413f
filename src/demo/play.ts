/** What all chapters of the story share: who plays, and how messages are told. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecipientReport, SendResult } from '../client/api.ts';
import type { Hoster, Person, SavedFile } from './cast.ts';
import { datagramsText, firstBytes } from './inspect.ts';
import type { Narrator } from './narrate.ts';
import type { Needle } from './search.ts';
import type { Stage } from './stage.ts';

export interface Play {
  readonly stage: Stage;
  readonly narrator: Narrator;
  /** Absolute. */
  readonly files: readonly string[];
  /** What would give the messages away. */
  readonly letters: readonly Needle[];
  readonly alpha: Hoster;
  readonly beta: Hoster;
  readonly alice: Person;
  readonly bob: Person;
}

/** The first message, as bob has it. */
export interface FirstContact {
  /** Trace handle. */
  readonly handle: string;
  /** What bob calls it. */
  readonly number: number;
  /** In the order in which the files were sent. */
  readonly saved: readonly SavedFile[];
  /** What of the letters was found on alpha's disk while the message waited there. */
  readonly foundWaiting: ReadonlySet<string>;
}

/** Checks that a message went the expected way, and gives its trace handle. */
export function sentBy(way: NonNullable<RecipientReport['way']>, { recipients }: SendResult): string {
  const [recipient] = recipients;
  check(recipient?.way === way, `the message should have gone by ${way}`);
  return recipient?.handles?.[0] ?? '';
}

/** Of all messages that a sending consists of. */
export function handlesOf({ recipients }: SendResult): readonly string[] {
  return recipients.flatMap(({ handles = [] }) => handles);
}

/** Waits a moment for the datagram that says so, among what passed after `before` others. */
export async function tellNotification(
  { stage, narrator }: Play,
  domain: string,
  before: number,
): Promise<void> {
  const since = () => stage.tap.seen().slice(before);
  for (let tries = 100; tries > 0 && datagramsText(since(), domain) === undefined; tries--) await sleep(20);
  const seen = since();
  const text = datagramsText(seen, domain);
  narrator.tell(
    'wire',
    text ? `UDP to ${domain}: ${text}: ${firstBytes(seen, domain)} …` : 'no datagram yet',
  );
}

/** Ends the demo where something is not as it must be. */
export function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
