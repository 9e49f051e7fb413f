/** Chapter 5: mail to the legacy domain, on alice's word, delivered by SMTP. */
import { setTimeout as sleep } from 'node:timers/promises';
import PostalMime from 'postal-mime';
import { carol } from './first-contact.ts';
import type { ReceivedMail } from './legacy-server.ts';
import { bytes, short } from './narrate.ts';
import { check, handlesOf, type Play } from './play.ts';
import { needle } from './samples.ts';
import { searchDirectory } from './search.ts';

const mailLine = 'Dear Carol, the ferry goes at ten; this letter came to you by mail.';
const shown = 30;
const patienceMs = 60_000;
const betweenMs = 50;

/** What of the mail was found on the disk of alice's domain. */
export async function playByMail(play: Play): Promise<ReadonlySet<string>> {
  const { stage, narrator, alpha, alice } = play;
  narrator.chapter('5  The legacy domain: by mail after all, because alice says so');
  narrator.step('sending by mail');
  narrator.tell(alice.name, `beckon send --mail ${carol} --body "${short(mailLine, shown)}"`);
  const sent = await alice.send(carol, ['--mail', '-s', 'The ferry', '--body', mailLine]);
  check(sent.recipients[0]?.way === 'mail', 'the mail did not leave');
  narrator.explain(
    `sealed to the bridge key of alpha.test, which opens it in memory; handle ${handlesOf(sent)[0]}`,
  );
  narrator.step('waiting for the mail to be delivered');
  const mail = await delivered(() => stage.legacy.mails);
  const { text = '', headers } = await PostalMime.parse(mail.bytes);
  check(mail.from === alice.address && mail.to.join() === carol, 'the mail has another envelope');
  check(text.trim() === mailLine, 'the mail says something else');
  check(
    headers.some(({ key, value }) => key === 'dkim-signature' && value.includes('d=alpha.test')),
    'the mail is not signed',
  );
  narrator.tell(
    'carol',
    `mx.legacy.test took it over SMTP: ${bytes(mail.bytes.length)}, signed by alpha.test (DKIM)`,
  );
  const found = await searchDirectory(alpha.data, [needle('the mail', mailLine)]);
  narrator.explain(`on alpha's disk, its text: ${found.size === 0 ? 'not found' : 'FOUND'}`);
  return found;
}

async function delivered(mails: () => readonly ReceivedMail[]): Promise<ReceivedMail> {
  for (const until = performance.now() + patienceMs; performance.now() < until;) {
    const [mail] = mails();
    if (mail !== undefined) return mail;
    await sleep(betweenMs);
  }
  throw new Error(`no mail arrived at mx.legacy.test within ${patienceMs / 1000} s`);
}
