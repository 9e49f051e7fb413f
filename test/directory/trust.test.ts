import test from 'ava';
import { domainTrust, userTrust } from '../../src/directory/trust.ts';

const evidence = { compared: false, txtMatches: true, dnssec: false, pinnedBefore: true };

test('a domain is as trusted as what speaks for its key', (t) => {
  t.deepEqual(domainTrust(evidence), { level: 'dns', reasons: ['pinned', 'txt_matches', 'dnssec_absent'] });
  t.deepEqual(domainTrust({ ...evidence, dnssec: true, pinnedBefore: false }), {
    level: 'dns',
    reasons: ['first_sight', 'txt_matches', 'dnssec_validated'],
  });
  t.deepEqual(domainTrust({ ...evidence, txtMatches: false }), {
    level: 'none',
    reasons: ['pinned', 'txt_differs'],
  });
  t.is(domainTrust({ ...evidence, txtMatches: false, compared: true }).level, 'direct');
});

test("a user is not trusted further than their domain, but for one's own comparison", (t) => {
  const domain = domainTrust(evidence);
  const user = { compared: false, pinnedBefore: true, escrow: false };
  t.deepEqual(userTrust(user, domain), {
    level: 'dns',
    reasons: ['pinned', 'listed_by_domain', 'txt_matches', 'dnssec_absent'],
  });
  t.is(userTrust(user, domainTrust({ ...evidence, compared: true })).level, 'dns');
  t.is(userTrust(user, domainTrust({ ...evidence, txtMatches: false })).level, 'none');
  t.deepEqual(userTrust({ ...user, answered: true }, domain).reasons.slice(0, 2), ['pinned', 'answered']);
  t.deepEqual(userTrust({ ...user, compared: true, escrow: true }, domain), {
    level: 'direct',
    reasons: ['compared', 'pinned', 'listed_by_domain', 'escrow', 'txt_matches', 'dnssec_absent'],
  });
});
