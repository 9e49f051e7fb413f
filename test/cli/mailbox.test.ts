/** A mail program is set up by hand: every step a command. */
import { join } from 'node:path';
import test from 'ava';
import type { MailboxStatus } from '../../src/client/api.ts';
import { openAdmin } from '../../src/http/admin-client.ts';
import { startHosters, type Hosters } from './hosters.ts';

let hosters: Hosters;

test.before(async () => {
  hosters = await startHosters(['alpha']);
  const admin = openAdmin(join(hosters.dir.path, 'alpha', 'data', 'admin.sock'));
  const { invitation } = await admin.inviteUser('alice@alpha.test');
  await admin.close();
  await hosters.as('alice', ['enroll', invitation]);
});
test.after.always(async () => {
  await hosters?.[Symbol.asyncDispose]();
});

test.serial('a domain without a door for mail programs says so; nothing is set up', async (t) => {
  const refused = await hosters.as('alice', ['mailbox', 'password']);
  t.is(refused.code, 2);
  t.regex(refused.err, /takes no mail from mail programs/);
  const shown = await hosters.as('alice', ['mailbox', 'status', '--json']);
  t.like(JSON.parse(shown.out) as MailboxStatus, {
    address: 'alice@alpha.test',
    offersPush: true,
    bridged: false,
  });
  t.regex((await hosters.as('alice', ['mailbox', 'status'])).out, /^password {2}none.*\npush {6}none/);
});

test.serial('a store, a rule and a password are checked before anything is sent', async (t) => {
  for (const store of ['imap://a@b.test', 'imaps://b.test', 'imaps://a:secret@b.test', 'nonsense']) {
    const { code, err } = await hosters.as('alice', ['mailbox', 'push', store]);
    t.is(code, 2, store);
    t.notRegex(err, /secret/);
  }
  for (const rule of ['sender=Work', 'introductions:x=Work', 'mail', 'colour:red=Work'])
    t.is((await hosters.as('alice', ['mailbox', 'push', 'imaps://a@b.test', '--rule', rule])).code, 2, rule);
  t.is((await hosters.as('alice', ['mailbox', 'off', 'everything'])).code, 2);
  t.is((await hosters.as('alice', ['mailbox', 'off'])).code, 0);
});
