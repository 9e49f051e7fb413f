/** Chapter 4: the answer and the next message, each over the drop that came inside the one before. */
import type { SendResult } from '../client/api.ts';
import type { Person } from './cast.ts';
import { short, type Narrator } from './narrate.ts';
import { check, handlesOf, sentBy, tellNotification, type FirstContact, type Play } from './play.ts';

export const answerLine = 'Yes, on Saturday: I bring the bread and the cheese.';
export const inviteLine = 'Wonderful. Then at the pier, a little before half past nine.';

const shown = 30;

/** Gives the trace handle of the second message to bob. */
export async function playAnswer(play: Play, first: FirstContact): Promise<string> {
  const { narrator, alice, bob } = play;
  narrator.chapter('4  The answer: over a drop that came inside the message, so nobody is introduced again');
  narrator.step("sending bob's answer");
  narrator.tell(bob.name, `beckon reply ${first.number} --body "${short(answerLine, shown)}"`);
  const before = play.stage.tap.seen().length;
  const answer = await bob.reply(first.number, ['--body', answerLine]);
  narrator.explain(`over alice's drop; bob's own drop goes inside; trace handle ${sentBy('drop', answer)}`);
  await tellNotification(play, 'alpha.test', before);
  await read(narrator, alice, bob, answer, answerLine);

  narrator.step("sending alice's second message");
  narrator.tell(alice.name, `beckon send ${bob.address} --body "${short(inviteLine, shown)}"`);
  const second = await alice.send(bob.address, ['-s', 'Saturday', '--body', inviteLine]);
  const handle = sentBy('drop', second);
  narrator.explain(`over bob's drop, by herself now; trace handle ${handle}`);
  await read(narrator, bob, alice, second, inviteLine);
  return handle;
}

async function read(
  narrator: Narrator,
  reader: Person,
  writer: Person,
  sent: SendResult,
  line: string,
): Promise<void> {
  narrator.step(`reading at ${reader.address}`);
  const found = await reader.await(handlesOf(sent));
  check(found.way === 'drop', 'the message did not come over the drop');
  const { entry, mail } = await reader.read(found.number);
  check(entry.fromVerified && entry.from === writer.address, `the message is not by ${writer.address}`);
  check(mail?.text.trim() === line, 'the text is another');
  narrator.tell(
    reader.name,
    `beckon inbox, beckon read ${entry.number}: from ${entry.from}, "${short(line, shown)}"`,
  );
}
