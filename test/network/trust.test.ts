/** Whole domains, one of which lies about its users; users who rotate their keys, and who come back with others. */
import test from 'ava';
import { recordFingerprint } from '../../src/keys/fingerprints.ts';
import type { RecipientReport } from '../../src/client/api.ts';
import { userRecord } from '../../src/wire/users.ts';
import { rejected, resign } from '../support/identities.ts';
import { keysOf, list, otherKeys, recordBy, recordOf } from './lying.ts';
import { openPerson, type Person } from './person.ts';
import { startTown, type Town } from './town.ts';

const hour = 3600;

/** Ann wrote, Bob answered; an hour later records are read again. */
async function acquainted(town: Town): Promise<{ readonly ann: Person; readonly bob: Person }> {
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'hello');
  await bob.arrivals();
  await bob.read(1);
  await bob.send([ann.address], 'hello yourself');
  await ann.arrivals();
  town.clock.advance(hour);
  return { ann, bob };
}

async function shown(person: Person, to: string): Promise<readonly RecipientReport[]> {
  const reports: RecipientReport[] = [];
  const stopped = new Error('only looking');
  const message = { to: [to], subject: 'x', parts: [part] };
  await person
    .client()
    .send(message, undefined, (recipients) => {
      reports.push(...recipients);
      throw stopped;
    })
    .catch((error: unknown) => {
      if (error !== stopped) throw error;
    });
  return reports;
}

const part = {
  mediaType: 'text/plain',
  length: 0,
  async *open() {
    yield* [];
  },
};

const kindsOf = (notices: readonly { readonly kind: string }[] | undefined) =>
  notices?.map(({ kind }) => kind);

test('a domain that lists another key: nothing is sent, whatever it does, before the user’s word', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const before = (await ann.client().sent()).length;
  const mallory = otherKeys(town, bob.address);
  await list(town, 'beta', bob.address, recordBy(town, bob.address, mallory));

  const { number, recipients } = await ann.send([bob.address], 'a secret');
  t.is(number, undefined);
  t.like(recipients, [
    { outcome: 'changed', code: 'trust_changed', changed: { of: 'user', what: 'identity' } },
  ]);
  await ann.restart();
  town.clock.advance(hour);
  t.like((await ann.send([bob.address], 'a secret')).recipients, [{ code: 'trust_changed' }]);
  const report = await ann.client().trust.show(bob.address);
  t.not(report.offered?.whole, report.fingerprint);
  t.deepEqual(kindsOf(report.notices), ['identity_offered']);
  t.is(
    await rejected(ann.client().trust.accept(bob.address)),
    'trust_changed',
    'nobody showed it to the user',
  );
  t.is((await ann.client().sent()).length, before);

  // The domain shows the true record again: the message goes where it should.
  await list(town, 'beta', bob.address, recordOf(bob));
  town.clock.advance(hour);
  t.like((await ann.send([bob.address], 'a secret')).recipients, [{ way: 'drop' }]);
  await bob.arrivals();
});

test('a domain that lies before the first answer is found out by who compares, and its reader is not the recipient', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const cem = await town.enroll('cem@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  t.like((await ann.send([bob.address], 'to bob')).recipients, [{ known: { unconfirmed: true } }]);
  const [first] = await bob.arrivals();
  const mallory = otherKeys(town, bob.address);
  const { fingerprint, words = '', digits = '' } = await bob.client().trust.show();
  town.clock.advance(1);
  const truth = await list(town, 'beta', bob.address, recordBy(town, bob.address, mallory));
  t.like((await cem.send([bob.address], 'to whom?')).recipients, [{ outcome: 'native' }]);

  // Different records to different people: they compare.
  const [anns, cems] = await Promise.all([ann, cem].map((person) => person.client().trust.show(bob.address)));
  t.is(anns?.fingerprint, fingerprint);
  t.not(cems?.fingerprint, fingerprint);
  for (const form of [fingerprint ?? '', words, digits])
    t.is(await rejected(cem.client().trust.verify(bob.address, form)), 'fingerprint_mismatch');
  t.like(await ann.client().trust.verify(bob.address, words), { trust: { level: 'direct' } });

  // Bob finds the one that was written to him; the other cannot be opened by him.
  await list(town, 'beta', bob.address, truth);
  t.is(first?.from, ann.address);
  t.is(await bob.read(first?.number ?? 0), 'to bob');
  t.is((await bob.client().sync()).entries.length, 0);
});

test('a domain that shows an older record than before: nothing is sent', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const first = recordOf(bob);
  const second = recordBy(town, bob.address, keysOf(bob), { previous: recordFingerprint(first) });
  await list(town, 'beta', bob.address, second);
  t.like(await shown(ann, bob.address), [{ outcome: 'native', known: { notices: [{ kind: 'rotated' }] } }]);
  await list(town, 'beta', bob.address, first);
  town.clock.advance(hour);
  t.like((await ann.send([bob.address], 'x')).recipients, [
    { outcome: 'later', code: 'discovery_later', reason: 'record_rollback' },
  ]);
});

test('while a domain cannot be asked again, its last record serves and the user is told that it may be old', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  t.is((await shown(ann, bob.address))[0]?.known?.stale, undefined);
  await town.hoster('beta').stop();
  town.clock.advance(hour);
  t.like(await shown(ann, bob.address), [{ outcome: 'native', known: { stale: true } }]);
  t.like((await ann.send([bob.address], 'it waits here')).recipients, [{ way: 'drop' }]);
  town.clock.advance(8 * 24 * hour);
  t.like(await shown(ann, bob.address), [{ outcome: 'later' }]);
  await town.hoster('beta').start();
});

test('who rotates their keys in good order is written to over the same drop, and the rotation is reported', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const previous = recordFingerprint(recordOf(bob));
  await list(town, 'beta', bob.address, recordBy(town, bob.address, keysOf(bob), { previous }));
  const { recipients } = await ann.send([bob.address], 'on we go');
  t.like(recipients, [
    { way: 'drop', known: { unconfirmed: false, notices: [{ kind: 'rotated', linked: true }] } },
  ]);
  const { trust } = ann.client();
  t.like(await trust.list(), [{ address: bob.address, notices: [{ kind: 'rotated' }] }]);
  await trust.acknowledge(bob.address);
  await ann.restart();
  t.like(await ann.client().trust.list(), [{ notices: [] }]);
  t.deepEqual(kindsOf((await ann.client().trust.show(bob.address)).history), ['answered', 'rotated']);
});

test('drops that their owner withdrew are not used; the next answer brings new ones', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const previous = recordFingerprint(recordOf(bob));
  const dropsSince = town.clock.seconds();
  const record = recordBy(town, bob.address, keysOf(bob), { previous, dropsSince });
  await list(town, 'beta', bob.address, record);
  t.like((await ann.send([bob.address], 'x')).recipients, [
    { way: 'introduction', known: { notices: [{ kind: 'rotated' }, { kind: 'drops_void' }] } },
  ]);
  await bob.send([ann.address], 'my new drop');
  await ann.arrivals();
  t.like((await ann.send([bob.address], 'y')).recipients, [{ way: 'drop' }]);
});

test('who lost everything and is invited again is written to once it was compared, and answers', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const { invitation } = await town.hoster('beta').admin.reinviteUser(bob.address, { revoke: true });
  t.like((await ann.send([bob.address], 'suspended')).recipients, [
    { outcome: 'later', reason: 'not_active' },
  ]);
  town.clock.advance(hour);
  await using anew = new AsyncDisposableStack();
  const again = await openPerson(bob.address, invitation, town.clock, town.surroundings);
  anew.defer(() => again.close());
  t.like((await ann.send([bob.address], 'who is it?')).recipients, [{ code: 'trust_changed' }]);
  const { digits = '' } = await again.client().trust.show();
  t.like(await ann.client().trust.verify(bob.address, digits), {
    outcome: 'native',
    trust: { level: 'direct' },
    unconfirmed: true,
  });
  t.like((await ann.send([bob.address], 'welcome back')).recipients, [{ way: 'introduction' }]);
  await again.arrivals();
  t.is(await again.read(1), 'welcome back');
  await again.send([ann.address], 'thanks');
  await ann.arrivals();
  t.like((await ann.send([bob.address], 'good')).recipients, [
    { way: 'drop', known: { unconfirmed: false } },
  ]);
});

test('who comes back with another identity and writes at once is held, not refused, and read once compared', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  await using anew = new AsyncDisposableStack();
  const comeBack = async () => {
    await ann.client().trust.show(bob.address);
    const { invitation } = await town.hoster('beta').admin.reinviteUser(bob.address, { revoke: false });
    const again = await openPerson(bob.address, invitation, town.clock, town.surroundings);
    anew.defer(() => again.close());
    return again;
  };
  const again = await comeBack();
  await again.send([ann.address], 'it is me');
  await ann.client().sync();
  const held = ann.client().inbox().at(-1);
  t.like(held, { status: 'waiting', held: 'trust_changed' });
  const { words = '' } = await again.client().trust.show();
  await ann.client().trust.verify(bob.address, words);
  await ann.client().sync();
  t.is(await ann.read(held?.number ?? 0), 'it is me');

  // What they read out is looked up anew, too: nobody has to wait until the record is read again.
  const third = await comeBack();
  const { digits = '' } = await third.client().trust.show();
  t.like(await ann.client().trust.verify(bob.address, digits), { trust: { level: 'direct' } });
  t.is(await rejected(ann.client().trust.verify(bob.address, words)), 'fingerprint_mismatch');
});

test('who comes back with another identity is written to once it was accepted, by introduction', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const fresh = otherKeys(town, bob.address);
  const dropsSince = town.clock.seconds();
  await list(town, 'beta', bob.address, recordBy(town, bob.address, fresh, { dropsSince }));
  const { trust } = ann.client();
  const { offered } = await trust.show(bob.address);
  t.is(await rejected(trust.accept(bob.address, (await trust.show()).words)), 'fingerprint_mismatch');
  t.like(await trust.accept(bob.address, offered?.digits), { outcome: 'native', unconfirmed: true });
  t.like((await ann.send([bob.address], 'x')).recipients, [{ way: 'introduction' }]);
  // The same with a drop that version 0.1.0 kept, which does not say whose it is.
  ann.state.text = (ann.state.text ?? '').replaceAll(/,"identity":"[^"]{43}"/g, '');
  await ann.restart();
  t.like((await ann.send([bob.address], 'x')).recipients, [{ way: 'introduction' }]);
  const { history, since } = await ann.client().trust.show(bob.address);
  t.deepEqual(kindsOf(history), ['answered', 'identity_offered', 'identity_accepted']);
  t.is(since, town.clock.seconds());
});

test('a plain-text store is shown before anything is sent, and when it begins', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  t.like(await shown(ann, bob.address), [{ known: { readers: ['recipient'], notices: [] } }]);
  const previous = recordFingerprint(recordOf(bob));
  town.clock.advance(hour);
  const record = recordBy(town, bob.address, keysOf(bob), { previous, bridged: true });
  await list(town, 'beta', bob.address, record);
  const [report] = await shown(ann, bob.address);
  t.deepEqual(report?.known?.readers, ['recipient', 'plain_text_store']);
  t.deepEqual(kindsOf(report?.known?.notices), ['rotated', 'bridged_began']);
  t.deepEqual((await ann.client().trust.show(bob.address)).readers, ['recipient', 'plain_text_store']);
});

test('a move is shown, and whether both ends say so; nobody is asked before the user looks, and nobody followed', async (t) => {
  await using town = await startTown({
    hosters: { alpha: ['alpha.test'], beta: ['beta.test'], gamma: ['gamma.test'] },
  });
  const { ann, bob } = await acquainted(town);
  const next = await town.enroll('bob@gamma.test');
  const [old, there] = [recordOf(bob), recordOf(next)];
  const serial = town.clock.seconds();
  const left = resign(
    userRecord,
    old,
    {
      serial,
      previous: recordFingerprint(old),
      movedTo: ['gamma.test', next.address, recordFingerprint(there)],
    },
    { purpose: 'user record', domain: 'beta.test', key: keysOf(bob).identity },
  );
  await list(town, 'beta', bob.address, left);
  const asked = (): number => town.dns.questions.filter((question) => question.includes('gamma')).length;
  const before = asked();
  const [report] = await shown(ann, bob.address);
  t.deepEqual(report?.known?.movedTo, { address: next.address });
  t.deepEqual(kindsOf(report?.known?.notices), ['rotated', 'moved_to']);
  t.is(asked(), before);
  t.deepEqual((await ann.client().trust.show(bob.address)).movedTo, { address: next.address, agrees: false });

  const arrived = resign(
    userRecord,
    there,
    {
      serial: serial + 1,
      previous: recordFingerprint(there),
      movedFrom: ['beta.test', bob.address, recordFingerprint(old)],
    },
    { purpose: 'user record', domain: 'gamma.test', key: keysOf(next).identity },
  );
  await list(town, 'gamma', next.address, arrived);
  town.clock.advance(hour);
  t.deepEqual((await ann.client().trust.show(bob.address)).movedTo, { address: next.address, agrees: true });
  t.deepEqual((await ann.client().trust.show(next.address)).movedFrom, {
    address: bob.address,
    agrees: true,
  });
  t.like((await ann.send([bob.address], 'still to the old one')).recipients, [
    { address: bob.address, way: 'drop' },
  ]);
});

test('a domain is shown with its own identity, level and age', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const report = await ann.client().trust.showDomain('Beta.test');
  t.like(report, { domain: 'beta.test', outcome: 'native', trust: { level: 'dns' }, escrow: false });
  t.deepEqual((await ann.client().trust.show(bob.address)).domain, report);
  t.is(
    await rejected(ann.client().trust.verify('beta.test', (await ann.client().trust.show()).words ?? '')),
    'fingerprint_mismatch',
  );
  t.like(await ann.client().trust.verify('beta.test', report.fingerprint?.words ?? ''), { compared: true });
  t.is(await rejected(ann.client().trust.showDomain('no domain')), 'domain_invalid');
});
