/** Writing to those who take mail only, by commands. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import PostalMime from 'postal-mime';
import { eventually } from '../network/eventually.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';
import type { Run } from './beckon.ts';
import { enrolled, startHosters } from './hosters.ts';

function ok({ code, out, err }: Run): string {
  if (code !== 0) throw new Error(err);
  return out;
}

test('send by mail: refused without a word, sent with it, with the files inside; remembered, shown, dropped by the hoster', async (t) => {
  let isBusy = false;
  const sink = await startSmtpSink({ hideSTARTTLS: true, refuse: () => (isBusy ? 450 : undefined) });
  t.teardown(() => sink.close());
  const via = { 'smtp_out.via': `smtp://127.0.0.1:${sink.port}` };
  await using hosters = await startHosters(['alpha'], undefined, via);
  await enrolled(hosters, 'alice', 'alpha');
  const drawing = randomBytes(100_000);
  await writeFile(join(hosters.dir.path, 'drawing.png'), drawing);
  const alice = (...args: string[]) => hosters.as('alice', args);
  const to = 'Carol+art@legacy.test';

  const none = await alice('send', to, '-s', 'Hello', '--body', 'x');
  t.is(none.code, 1);
  t.regex(none.out, /takes mail only.*--mail.*\[discovery_legacy\]/);
  t.is(sink.mails.length, 0);

  const sent = await alice('send', '--mail', to, 'drawing.png', '-s', 'Grüße', '--body', 'Look!\n.\nBye');
  t.regex(ok(sent), /^carol@legacy\.test +mail +trace [a-z2-7]{16}\nsent as 1\n$/);
  const mail = await eventually('mail', () => sink.mails[0]);
  t.is(mail.from, 'alice@alpha.test');
  t.deepEqual(mail.to, [to]);
  const parsed = await PostalMime.parse(mail.bytes);
  t.is(parsed.subject, 'Grüße');
  t.is(parsed.text?.replace(/\r\n/g, '\n').trim(), 'Look!\n.\nBye');
  t.is(parsed.from?.address, 'alice@alpha.test');
  t.deepEqual(
    parsed.to?.map(({ address }) => address),
    [to],
  );
  t.regex(parsed.messageId ?? '', /^<[\w-]{22}@alpha\.test>$/);
  const [file] = parsed.attachments;
  t.is(file?.filename, 'drawing.png');
  t.true(drawing.equals(new Uint8Array(file?.content as ArrayBuffer)));
  await eventually(
    'delivery',
    async () => /delivered to the mail server {2}\(mail, /.exec(ok(await alice('sent'))) ?? undefined,
  );

  t.is(ok(await alice('trust', 'mail', 'legacy.test', 'allow')).split(/ +/)[1], 'allow');
  isBusy = true;
  const allowed = ok(await alice('send', to, '--body', 'y'));
  const handle = /trace ([a-z2-7]{16})/.exec(allowed)?.[1] ?? '';
  const listed = await eventually('a try', async () => {
    const { out } = await hosters.hoster('alpha', ['queue', 'list']);
    return out.includes('4.0.0') ? out : undefined;
  });
  t.regex(listed, new RegExp(`^${handle} +alpha\\.test +.* 1 queued +1 try +in \\d+ `));
  t.regex(ok(await hosters.hoster('alpha', ['status'])), /bridge queue 1$/m);
  ok(await hosters.hoster('alpha', ['queue', 'drop', handle]));
  t.regex(ok(await alice('sent')), /carol\+art@legacy\.test {2}withdrawn/i);
  t.is((await hosters.hoster('alpha', ['queue', 'retry', handle])).code, 1);

  ok(await alice('trust', 'mail', 'legacy.test', 'refuse'));
  const refused = await alice('send', '--mail', to, '--body', 'z');
  t.is(refused.code, 1);
  t.regex(refused.out, /you said that nothing goes to their domain in clear text/);
  t.is((await alice('trust', 'mail', 'legacy.test')).code, 2);
});
