/** A second machine and a lost one, by hand: every step a command. */
import { join } from 'node:path';
import test from 'ava';
import type { DeviceEntry, Enrolled, Joined } from '../../src/client/api.ts';
import { openAdmin } from '../../src/http/admin-client.ts';
import { startHosters, type Hosters } from './hosters.ts';
import type { Run } from './beckon.ts';

let hosters: Hosters;

test.before(async () => {
  hosters = await startHosters(['alpha']);
});
test.after.always(async () => {
  await hosters?.[Symbol.asyncDispose]();
});

function ok({ code, out, err }: Run): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return out;
}

async function invitation(local: string): Promise<string> {
  const admin = openAdmin(join(hosters.dir.path, 'alpha', 'data', 'admin.sock'));
  const { invitation: word } = await admin.inviteUser(`${local}@alpha.test`);
  await admin.close();
  return word;
}

const devicesOf = async (home: string): Promise<DeviceEntry[]> =>
  JSON.parse(ok(await hosters.as(home, ['devices', 'list', '--json']))) as DeviceEntry[];

test.serial('enrol shows a phrase once; a second machine comes by a code; both show up', async (t) => {
  const shown = ok(await hosters.as('laptop', ['enroll', await invitation('alice'), '--name', 'laptop']));
  t.regex(shown, /RECOVERY PHRASE \(shown once/);
  t.is([...shown.matchAll(/^ {2}(?: ?\d+ [a-z]+ *){4}$/gm)].length, 6);
  const added = ok(await hosters.as('laptop', ['devices', 'add']));
  const [code = ''] = /beckon-device:\S+/.exec(added) ?? [];
  t.regex(added, /beckon enroll, which asks/);
  const joined = await hosters.as('phone', ['enroll', '--name', 'phone'], `${code}\n`);
  t.regex(ok(joined), /^device of {4}alice@alpha\.test/);
  t.notRegex(joined.err, /history/);
  t.deepEqual(
    (await devicesOf('phone')).map(({ name, kind, here }) => [name, kind, here]),
    [
      ['laptop', 'device', false],
      ['', 'recovery', false],
      ['phone', 'device', true],
    ],
  );
  t.regex(ok(await hosters.as('laptop', ['devices', 'list'])), /laptop .*this one\n\(recovery phrase\)/s);
  const again = await hosters.as('tablet', ['enroll', code]);
  t.is(again.code, 1);
  t.regex(again.err, /\[unauthorized\]/);
  const named = /beckon-device:\S+/.exec(ok(await hosters.as('laptop', ['devices', 'add']))) ?? [''];
  t.regex((await hosters.as('tablet', ['enroll', named[0]])).err, /history of this shell/);
});

test.serial('a stolen machine is removed, and what it had is void', async (t) => {
  const out = ok(await hosters.as('laptop', ['devices', 'remove', 'phone', '--stolen']));
  t.regex(out, /^removed {2}phone/);
  t.regex(out, /RECOVERY PHRASE/);
  const refused = await hosters.as('phone', ['inbox']);
  t.is(refused.code, 1);
  t.regex(refused.err, /\[unauthorized\]\nnext .*this device was removed/);
  t.is((await hosters.as('laptop', ['devices', 'remove', 'phone'])).code, 1);
  t.is((await hosters.as('laptop', ['devices', 'remove', 'laptop'])).code, 2);
});

test.serial('the phrase brings a lost machine back, from a pipe and for programs', async (t) => {
  const word = await invitation('bob');
  const enrolled = JSON.parse(ok(await hosters.as('bob-lost', ['enroll', word, '--json']))) as Enrolled;
  const { phrase = '' } = enrolled;
  t.is(phrase.split(' ').length, 24);
  const restore = ['enroll', '--restore', 'Bob@alpha.test', '--json'];
  const typo = await hosters.as('bob-found', restore, `${phrase.split(' ').slice(1).join(' ')} zoo\n`);
  t.is(typo.code, 2);
  t.regex(typo.err, /\[key_invalid\]/);
  t.false(typo.err.includes(phrase.split(' ').slice(2, 5).join(' ')));
  const joined = JSON.parse(ok(await hosters.as('bob-found', restore, `${phrase}\n`))) as Joined;
  t.like(joined, { address: 'bob@alpha.test', fingerprint: enrolled.fingerprint });
  t.is((await devicesOf('bob-found')).length, 3);

  const next = JSON.parse(ok(await hosters.as('bob-found', ['devices', 'phrase', '--json']))) as {
    phrase: string;
  };
  t.not(next.phrase, phrase);
  const old = await hosters.as('bob-other', restore, `${phrase}\n`);
  t.is(old.code, 1);
  t.regex(old.err, /only the last one counts/);
});

test.serial(
  'a device that a theft elsewhere shut out hears why before it hears of records that it does not know',
  async (t) => {
    const phrase = /[a-z]+( [a-z]+){23}/;
    const enrolled = ok(await hosters.as('eve-home', ['enroll', await invitation('eve'), '--json']));
    const [words = ''] = phrase.exec(enrolled) ?? [];
    const restore = (home: string): Promise<Run> =>
      hosters.as(home, ['enroll', '--restore', 'eve@alpha.test', '--name', home], `${words}\n`);
    ok(await restore('eve-stays'));
    ok(await restore('eve-stolen'));
    ok(await hosters.as('eve-home', ['devices', 'remove', 'eve-stolen', '--stolen']));
    const { code, err } = await hosters.as('eve-stays', ['inbox']);
    t.is(code, 1);
    t.regex(
      err,
      /^nothing waits\nbeckon: a new recovery phrase .*\[state_other_phrase\]\nnext .*takes records that were signed there/,
    );
  },
);

test.serial('what cannot be meant is misuse', async (t) => {
  for (const args of [
    ['enroll'],
    ['enroll', 'beckon-device:AA', '--restore', 'bob@alpha.test'],
    ['enroll', 'beckon-device:AA'],
  ])
    t.is((await hosters.as('nobody', args)).code, 2, args.join(' '));
});
