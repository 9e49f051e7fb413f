/** A user's own keys by hand: revoked after theft, and what the canary says. */
import test from 'ava';
import type { Alarm, InboxEntry, OwnKeysReport } from '../../src/client/api.ts';
import { eventually } from '../network/eventually.ts';
import { enrolled, startHosters, type Hosters } from './hosters.ts';

let hosters: Hosters;

test.before(async () => {
  hosters = await startHosters(['alpha', 'beta']);
});
test.after.always(async () => {
  await hosters?.[Symbol.asyncDispose]();
});

async function own(user: string, ...more: readonly string[]) {
  const { code, out, err } = await hosters.as(user, ['trust', 'own', '--json', ...more]);
  const { keys, alarms } = JSON.parse(out) as { keys: OwnKeysReport; alarms: Alarm[] };
  return { code, err, keys, codes: alarms.map((alarm) => alarm.code) };
}

async function arrived(user: string, count: number): Promise<readonly InboxEntry[]> {
  return await eventually('entries', async () => {
    const { out, err, code } = await hosters.as(user, ['inbox', '--json']);
    if (code !== 0) throw new Error(err);
    const entries = JSON.parse(out) as InboxEntry[];
    return entries.length === count ? entries : undefined;
  });
}

test.serial(
  'keys are revoked by a command, the domain lists the new ones, and people go on writing',
  async (t) => {
    await Promise.all([enrolled(hosters, 'ann', 'alpha'), enrolled(hosters, 'ben', 'beta')]);
    const send = (from: string, to: string, body: string) =>
      hosters.as(from, ['send', to, '--body', body, '--json']);
    t.is((await send('ann', 'ben@beta.test', 'one')).code, 0);
    t.is((await hosters.as('ann', ['send', '--again', '1'])).code, 2, 'it waits');
    t.is((await hosters.as('ann', ['send', '--again', '1', 'ben@beta.test'])).code, 2);
    await arrived('ben', 1);
    t.is((await hosters.as('ben', ['read', '1'])).code, 0);

    const before = await own('ann');
    t.like(before, { code: 0, codes: [] });
    const after = await own('ann', '--revoke');
    t.like(after, { code: 0, codes: [] });
    t.true(after.keys.published);
    t.not(after.keys.record, before.keys.record);
    t.is(after.keys.dropsSince, after.keys.made);
    const shown = await hosters.as('ann', ['trust', 'own']);
    t.is(shown.code, 0, shown.err);
    t.regex(
      shown.out,
      /^keys of +\d{4}-.*Z\n(?:new ones +after \d{4}-.*Z\n)?record +[\w-]{43}\nrevoked +what came before \d{4}-.*Z\n$/,
    );

    // Over a drop that is void now nothing is sent: the record says so.
    t.is((await send('ann', 'ben@beta.test', 'two')).code, 0);
    await arrived('ben', 2);
    t.is((await hosters.as('ben', ['read', '2'])).code, 0);
    t.is((await send('ben', 'ann@alpha.test', 'three')).code, 0);
    const [entry] = await arrived('ann', 1);
    const read = await hosters.as('ann', ['read', String(entry?.number)]);
    t.is(read.code, 0, read.err);
    t.regex(read.out, /three/);
  },
);

test.serial('what the domain says of its own user is shown with a code, until it is put right', async (t) => {
  await enrolled(hosters, 'cem', 'alpha');
  t.is((await hosters.hoster('alpha', ['user', 'suspend', 'cem@alpha.test'])).code, 0);
  t.not((await hosters.as('cem', ['inbox'])).code, 0);
  const told = await own('cem');
  t.like(told, { code: 1, codes: ['not_active'] });
  t.regex(told.err, /your domain lists you as suspended or gone \[not_active\]/);
  const shown = await hosters.as('cem', ['trust', 'show', '--json']);
  t.is(shown.code, 1);
  t.like(JSON.parse(shown.out), { alarms: [{ code: 'not_active', address: 'cem@alpha.test' }] });
  t.like(await own('cem', '--dismiss'), { code: 0, codes: [] });
  const both = await hosters.as('cem', ['trust', 'own', '--dismiss', '--revoke']);
  t.is(both.code, 2);
});
