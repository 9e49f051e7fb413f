/** Chapter 3: a message to somebody who never heard of alice. */
import { mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import type { SendResult } from '../client/api.ts';
import type { SavedFile } from './cast.ts';
import { bytes, number, short } from './narrate.ts';
import { check, handlesOf, sentBy, tellNotification, type FirstContact, type Play } from './play.ts';
import { searchDirectory } from './search.ts';

export const carol = 'carol@legacy.test';
const shown = 60;

/** Sent, decided otherwise for the legacy domain, found, opened, saved, accepted. */
export async function playFirstContact(play: Play): Promise<FirstContact> {
  const { narrator, alpha } = play;
  narrator.chapter('3  First contact: the message stays at alpha, one datagram says that it waits');
  const sent = await send(play);
  const { waiting } = await alpha.status();
  narrator.tell(
    alpha.name,
    `keeps ${number(waiting.messages, 'message')} of ${bytes(waiting.bytes)}, encrypted before it got here`,
  );
  narrator.step('searching what waits for plaintext');
  const foundWaiting = await searchDirectory(alpha.data, play.letters);
  await sendToLegacy(play);
  const message = await open(play, sent);
  const saved = await save(play, message);
  return { handle: sentBy('introduction', sent), number: message, saved, foundWaiting };
}

async function send(play: Play): Promise<SendResult> {
  const { narrator, alice, bob, files } = play;
  narrator.step('sending to bob');
  narrator.tell(alice.name, `beckon send ${bob.address} ${namesOf(files)}`);
  const sent = await alice.send(bob.address, files);
  narrator.explain('beta.test has SRV: native. Only published keys of bob are known: by introduction');
  narrator.explain(`sealed for bob, signed, uploaded to alpha; trace handle ${sentBy('introduction', sent)}`);
  await tellNotification(play, 'beta.test', 0);
  return sent;
}

async function sendToLegacy({ narrator, alice, files }: Play): Promise<void> {
  narrator.step('sending to the legacy domain');
  narrator.tell(alice.name, `beckon send ${carol} ${namesOf(files)}`);
  const { number, recipients } = await alice.send(carol, files);
  const [recipient] = recipients;
  check(recipient?.outcome === 'legacy' && number === undefined, 'the legacy domain was not recognised');
  narrator.explain('no SRV, but MX: legacy. The bridge of alpha.test delivers there by SMTP, in clear text,');
  narrator.explain(`and that is for alice to say: refused [${recipient?.code}]; nothing sent, nothing lost`);
}

/** Gives what bob calls the message. */
async function open({ narrator, alice, bob }: Play, sent: SendResult): Promise<number> {
  narrator.step('finding the introduction');
  const found = await bob.await(handlesOf(sent));
  check(found.way === 'introduction' && found.from === alice.address, 'the introduction is not by alice');
  narrator.tell(bob.name, `beckon inbox: beta's feed holds an introduction, by ${found.from}`);
  narrator.explain('his key opens it and gives the drop; he proves that it is his, and polls what waits');
  narrator.step('opening the message');
  const { entry, mail } = await bob.read(found.number);
  check(entry.status === 'accepted' || entry.status === 'opened', 'the message cannot be opened');
  check(entry.fromVerified && entry.from === alice.address, 'the message is not by alice');
  narrator.tell(
    bob.name,
    `beckon read ${entry.number}: fetched straight from alpha; signed by ${entry.from}`,
  );
  if (mail) narrator.explain(`"${short(mail.subject, shown)}"`);
  return entry.number;
}

async function save({ narrator, alpha, beta, bob }: Play, message: number): Promise<readonly SavedFile[]> {
  narrator.step('saving the files');
  await mkdir(bob.folder, { recursive: true });
  const saved = await bob.save(message, bob.folder);
  const total = bytes(saved.reduce((sum, { length }) => sum + length, 0));
  narrator.tell(
    bob.name,
    `beckon save ${message}: ${number(saved.length, 'file')}, ${total}, as signed; accepted`,
  );
  const { messages } = (await alpha.status()).waiting;
  check(messages === 0, 'alpha still keeps what was accepted');
  narrator.tell(alpha.name, `dropped its copy: ${number(messages, 'message')} waiting`);
  narrator.explain(
    `${beta.name} keeps what bob read, up to 4 MiB a piece: ciphertext, for his other devices`,
  );
  return saved;
}

function namesOf(files: readonly string[]): string {
  const names = files
    .slice(0, 3)
    .map((file) => short(basename(file), shown))
    .map((name) => (/[\s"'\\]/.test(name) ? JSON.stringify(name) : name));
  return [...names, ...(files.length > 3 ? [`and ${files.length - 3} more`] : [])].join(' ');
}
