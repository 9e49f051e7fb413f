/** Two whole domains, of which one changes its identity: in order, after a theft, without proof; or leaves. */
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { createRecoveryPaper } from '../../src/admin/recovery-paper.ts';
import { loadDomainKeys } from '../../src/admin/key-files.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import type { DnsRecord, TxtRecord } from '../../src/dns/record.ts';
import type { IdentityReport } from '../../src/http/identity-handlers.ts';
import { rejected } from '../support/identities.ts';
import type { Hoster } from './hoster.ts';
import { startTown, type Town } from './town.ts';

const domain = 'alpha.test';
const hour = 3600;

/** What the operator is told to put into TXT. */
function txtOf({ dns }: IdentityReport): TxtRecord {
  const value = dns.find(({ type }) => type === 'TXT')?.value ?? '';
  return { type: 'TXT', name: `_beckon.${domain}`, text: value.replaceAll('"', '') };
}

function publishTxt(
  town: Town,
  report: IdentityReport,
  edit = (record: DnsRecord): DnsRecord => record,
): void {
  const txt = txtOf(report);
  town.publish((record) => edit(record.type === 'TXT' && record.name === txt.name ? txt : record));
}

const nextOf = ({ next }: IdentityReport): string => next?.fingerprint ?? 'none';

/** What connects to alpha.test goes to another hoster. */
const ledTo =
  (hoster: Hoster) =>
  (record: DnsRecord): DnsRecord => {
    if (record.type !== 'SRV' || !record.name.endsWith(`.${domain}`)) return record;
    const { https, udp } = hoster.ports();
    const port = record.name.startsWith('_beckon._udp') ? udp : https;
    return { ...record, target: `${hoster.name}.hosting.example`, port };
  };

async function startPair(town: Town) {
  const ann = await town.enroll(`ann@${domain}`);
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'one');
  await bob.arrivals();
  await bob.read(1);
  await bob.send([ann.address], 'two');
  await ann.arrivals();
  await ann.read(2);
  return { ann, bob };
}

async function domainOf(
  person: { client(): { trust: { show(address: string): Promise<unknown> } } },
  address: string,
) {
  return (await person.client().trust.show(address)) as { domain: { fingerprint?: { whole: string } } };
}

test('a domain changes its identity with its old key: two ids meanwhile, conversations go on, nobody is asked', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await startPair(town);
  const { admin } = town.hoster('alpha');
  const before = await admin.identity(domain);

  const prepared = await admin.prepareIdentity(domain, {});
  t.is(prepared.fingerprint, before.fingerprint);
  t.is(prepared.next?.by, 'identity');
  t.is(await rejected(admin.takeIdentity(domain, {})), 'discovery_later', 'TXT does not name it yet');
  publishTxt(town, prepared);
  t.is(txtOf(prepared).text.split('id=').length, 3);

  // Two ids, the old one at work; sent before, fetched after.
  town.clock.advance(hour);
  await ann.send([bob.address], 'under two ids');
  const taken = await admin.takeIdentity(domain, {});
  t.is(taken.fingerprint, nextOf(prepared));
  t.is(taken.next, undefined);
  town.clock.advance(hour);
  await bob.arrivals();
  t.is(await bob.read(3), 'under two ids');
  const { recipients: told } = await bob.send([ann.address], 'an answer');
  t.like(told, [{ outcome: 'native', known: { domainNotices: [{ kind: 'identity', by: 'identity' }] } }]);
  await ann.arrivals();

  // The old id goes; a restart finds the new identity; strangers see it for the first time.
  publishTxt(town, taken);
  town.clock.advance(2 * hour);
  await town.hoster('alpha').restart();
  await bob.restart();
  const carl = await town.enroll('carl@beta.test');
  for (const [person, text] of [
    [bob, 'to the new identity'],
    [carl, 'from a stranger'],
  ] as const) {
    const { recipients } = await person.send([ann.address], text);
    t.like(recipients, [{ outcome: 'native' }]);
    await ann.arrivals();
  }
  t.deepEqual((await loadDomainKeys(town.hoster('alpha').data))[0]?.next, undefined);
  const shown = await domainOf(bob, ann.address);
  t.is(shown.domain.fingerprint?.whole, taken.fingerprint);
  t.is(
    town.logged.filter(({ line }) => line.startsWith('directory.identity_changed')).length,
    1,
    "beta's daemon noticed once",
  );
});

test('after a theft the recovery key takes the domain back, with the thief still at work', async (t) => {
  await using town = await startTown({
    hosters: { alpha: [domain], beta: ['beta.test'], thief: ['thief.test'] },
  });
  const { ann, bob } = await startPair(town);
  const [alpha, thief] = [town.hoster('alpha'), town.hoster('thief')];
  const seedOfOwner = await ownersRecovery(alpha);

  // The disk, with all keys and the certificate; the thief serves the domain from now on, to whom DNS sends there.
  for (const part of ['keys', 'store'])
    await cp(join(alpha.data, part), join(thief.data, part), { recursive: true });
  await cp(certificates(alpha), certificates(thief), { recursive: true });
  await thief.restart();

  const paper = createRecoveryPaper(random);
  const request = { recovery: seedOfOwner, nextRecovery: paper.hash };
  t.is(
    await rejected(alpha.admin.prepareIdentity(domain, { ...request, recovery: paper.text })),
    'key_unknown',
  );
  const prepared = await alpha.admin.prepareIdentity(domain, request);
  publishTxt(town, prepared);
  const taken = await alpha.admin.takeIdentity(domain, {});
  t.is(taken.fingerprint, nextOf(prepared));
  town.clock.advance(hour);
  await bob.send([ann.address], 'to the owner');
  await ann.arrivals();
  t.is((await domainOf(bob, ann.address)).domain.fingerprint?.whole, taken.fingerprint);

  // With both ids in TXT, and DNS led astray: nobody who followed the owner is led back, or asked.
  publishTxt(town, prepared, ledTo(thief));
  town.clock.advance(hour);
  await bob.restart();
  const { recipients } = await bob.send([ann.address], 'to whom?').catch(() => ({
    recipients: [{ outcome: 'later' }],
  }));
  t.not(recipients[0]?.outcome, 'changed');
  t.is((await domainOf(bob, ann.address)).domain.fingerprint?.whole, taken.fingerprint);
  t.true(town.logged.every(({ line }) => !line.includes('trust_changed')));

  publishTxt(town, taken);
  town.clock.advance(hour);
  await bob.restart();
  t.like((await bob.send([ann.address], 'again')).recipients, [{ outcome: 'native' }]);
  await ann.arrivals();

  // The key that was used up changes nothing more; the one that it named does.
  t.is(await rejected(alpha.admin.prepareIdentity(domain, request)), 'key_unknown');
  const other = createRecoveryPaper(random);
  await alpha.admin.replaceRecovery(domain, { recovery: paper.text, nextRecovery: other.hash });
  town.clock.advance(hour);
  t.like((await bob.send([ann.address], 'still here')).recipients, [{ outcome: 'native' }]);
});

const certificates = (hoster: Hoster): string => join(dirname(hoster.configFile), 'certificates');

/** `init` showed it once, to nobody here: another one is put in its place as its owner would. */
async function ownersRecovery(hoster: Hoster): Promise<string> {
  const paper = createRecoveryPaper(random);
  const original = hoster.recoveryKeys.get(domain) ?? '';
  await hoster.admin.replaceRecovery(domain, { recovery: original, nextRecovery: paper.hash });
  return paper.text;
}

test('another identity without proof waits for the user’s word', async (t) => {
  await using town = await startTown({
    hosters: { alpha: [domain], beta: ['beta.test'], liar: ['liar.test'] },
  });
  const { ann, bob } = await startPair(town);
  const liar = town.hoster('liar');
  await cp(certificates(town.hoster('alpha')), certificates(liar), { recursive: true });
  await liar.admin.addDomain(domain);
  await liar.admin.reload();
  const other = await liar.admin.identity(domain);
  publishTxt(town, other, ledTo(liar));
  town.clock.advance(hour);
  await bob.restart();
  t.like((await bob.send([ann.address], 'to whom?')).recipients, [{ code: 'trust_changed' }]);
  t.like(await bob.client().trust.show(ann.address), { outcome: 'changed', of: 'domain' });
  town.publish();
  town.clock.advance(hour);
  await bob.restart();
  t.like((await bob.send([ann.address], 'as before')).recipients, [{ outcome: 'native' }]);
  await ann.arrivals();
});

test('a domain that leaves: what waits is fetched, nothing new goes there, and never in clear text', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await startPair(town);
  const { admin } = town.hoster('alpha');
  await ann.send([bob.address], 'the last one');
  const retired = await admin.retireDomain(domain, {});
  t.true(retired.leaving);
  publishTxt(town, retired);
  town.clock.advance(hour);

  await bob.arrivals();
  t.is(await bob.read(3), 'the last one');
  t.like((await bob.send([ann.address], 'too late')).recipients, [
    { code: 'discovery_none', reason: 'left' },
  ]);
  t.is(await rejected(ann.send([bob.address], 'not from here')), 'conflict');
  t.is(await rejected(admin.inviteUser(`new@${domain}`)), 'conflict');

  // The SRV records go, mail stays where it was: still no licence for clear text.
  const txt = txtOf(retired);
  town.publish((record) => {
    if (record.name === txt.name) return txt;
    return record.type === 'SRV' && record.name.endsWith(`.${domain}`)
      ? { type: 'MX', name: domain, priority: 10, exchange: 'mx.alpha.test' }
      : record;
  });
  town.clock.advance(hour);
  await bob.restart();
  t.like((await bob.send([ann.address], 'too late')).recipients, [{ code: 'discovery_none' }]);

  // It comes back.
  const back = await admin.retireDomain(domain, { back: true });
  t.false(back.leaving);
  publishTxt(town, back);
  town.clock.advance(hour);
  t.like((await bob.send([ann.address], 'welcome')).recipients, [{ outcome: 'native' }]);
  await ann.arrivals();
});
