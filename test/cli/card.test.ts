/** Contact cards by hand: every step a command. */
import { join } from 'node:path';
import test from 'ava';
import type { CardEntry, MadeCard } from '../../src/client/api.ts';
import { openAdmin } from '../../src/http/admin-client.ts';
import { eventually } from '../network/eventually.ts';
import { startHosters, type Hosters } from './hosters.ts';
import type { Run } from './beckon.ts';

let hosters: Hosters;

test.before(async () => {
  hosters = await startHosters(['alpha']);
  const admin = openAdmin(join(hosters.dir.path, 'alpha', 'data', 'admin.sock'));
  for (const name of ['alice', 'bob']) {
    const { invitation } = await admin.inviteUser(`${name}@alpha.test`);
    ok(await hosters.as(name, ['enroll', invitation]));
  }
  await admin.close();
});
test.after.always(async () => {
  await hosters?.[Symbol.asyncDispose]();
});

function ok({ code, out, err }: Run): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return out;
}

test.serial('make, list, send to the link, read who it was; a QR code where it is asked for', async (t) => {
  const made = await hosters.as('bob', ['card', '--expires', '7d', '--note', 'the baker', '--qr']);
  const [link = '', ...drawn] = ok(made).trimEnd().split('\n');
  t.regex(link, /^https:\/\/beckon\.alpha\.test\/\.well-known\/beckon\/cards\/[\w-]{22}#[\w-]{43}$/);
  t.true(drawn.length > 15 && drawn.every((line) => /^[█▀▄ ]+$/.test(line)));
  t.regex(made.err, /good for one sender, until .*beckon card revoke/s);
  t.regex(ok(await hosters.as('bob', ['card', 'list'])), /not used yet +the baker\n/);

  const sent = await hosters.as('alice', ['send', link, '-s', 'Hello', '--body', 'Over the card.']);
  t.regex(ok(sent), /^bob@alpha\.test +card +trace /);
  t.false(sent.out.includes(link.slice(-43)) || sent.err.includes(link.slice(-43)));
  const arrived = await eventually('message', async () => {
    const inbox = ok(await hosters.as('bob', ['inbox']));
    return inbox.includes('the baker') ? inbox : undefined;
  });
  t.regex(arrived, /1 {2}\? {2}somebody at alpha\.test wrote over your card “the baker”/);
  const text = ok(await hosters.as('bob', ['read', '1']));
  t.regex(text, /alice@alpha\.test/);
  t.regex(text, /Over the card\./);
  t.regex(text, /^To +bob@alpha\.test$/m);
  const cards = JSON.parse(ok(await hosters.as('bob', ['card', 'list', '--json']))) as CardEntry[];
  t.like(cards, [{ note: 'the baker', claimed: { by: 'alice@alpha.test' } }]);
  const again = await hosters.as('alice', ['send', link, '--body', 'again']);
  t.is(again.code, 1);
  t.regex(again.err, /\[not_found\]/);
});

test.serial(
  'a whole card needs no server; revoked it leads nowhere; what is none is misused or refused',
  async (t) => {
    const whole = ok(await hosters.as('bob', ['card', '--whole'])).trim();
    t.regex(whole, /^beckon-card:[\w-]+$/);
    const made = JSON.parse(ok(await hosters.as('bob', ['card', '--json']))) as MadeCard;
    t.regex(ok(await hosters.as('bob', ['card', 'revoke', made.id.slice(0, 8)])), /^revoked {2}/);
    t.regex((await hosters.as('alice', ['send', made.link, '--body', 'x'])).err, /\[not_found\]/);
    t.regex(
      (await hosters.as('alice', ['send', made.link.slice(0, -1), '--body', 'x'])).err,
      /\[request_invalid\]/,
    );
    t.regex(ok(await hosters.as('alice', ['send', whole, '--body', 'whole'])), / card +trace /);
    const twice = await hosters.as('alice', ['send', whole, '--body', 'twice']);
    t.is(twice.code, 1);
    t.regex(`${twice.out}${twice.err}`, /\[conflict\]/);
    t.is((await hosters.as('bob', ['card', '--expires', '91d'])).code, 2);
    t.is((await hosters.as('bob', ['card', 'revoke', 'nobody'])).code, 1);
    t.regex(ok(await hosters.as('bob', ['card', '--help'])), /Example:/);
    t.regex(ok(await hosters.as('bob', ['card', 'list', '--help'])), /Example:/);
  },
);
