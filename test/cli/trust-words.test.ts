import { readFileSync } from 'node:fs';
import test from 'ava';
import { noticeInWords, recipientLines, trustReasonInWords } from '../../src/cli/trust-words.ts';
import type { NoticeReport } from '../../src/client/api.ts';
import { noticeKinds, type NoticeKind } from '../../src/directory/user-pins.ts';

const page = readFileSync(new URL('../../docs/trust.md', import.meta.url), 'utf8');
const source = readFileSync(new URL('../../src/directory/trust.ts', import.meta.url), 'utf8');
const reasons = [...(/TrustReason =([^;]+);/.exec(source)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
  ([, name = '']) => name,
);

test('every reason and every notice is explained on the page, and has words of its own', (t) => {
  t.true(reasons.includes('first_sight'));
  for (const reason of reasons) {
    t.true(page.includes(`\`${reason}\``), reason);
    t.not(trustReasonInWords(reason), reason);
  }
  const words = (Object.keys(noticeKinds) as NoticeKind[]).map((kind) => {
    t.true(page.includes(`\`${kind}\``), kind);
    return noticeInWords({ at: 0, kind, seen: false });
  });
  t.is(new Set(words).size, words.length);
});

test('a record that skips others says so, and another identity is named', (t) => {
  const notice: NoticeReport = { at: 0, kind: 'rotated', seen: false, linked: false };
  t.regex(noticeInWords(notice), /not seen/);
  t.notRegex(noticeInWords({ ...notice, linked: true }), /not seen/);
  t.regex(noticeInWords({ at: 0, kind: 'replaced', seen: false, toIdentity: 'abc' }), / id:abc$/);
});

test('before sending only what matters is said, and nothing of it moves the cursor', (t) => {
  const known = {
    since: 0,
    unconfirmed: false,
    readers: ['recipient'] as const,
    notices: [],
    domainNotices: [],
  };
  t.deepEqual(recipientLines('bob@beta.test', known), []);
  const lines = recipientLines('bob@beta.test', {
    ...known,
    unconfirmed: true,
    stale: true,
    readers: ['recipient', 'domain', 'plain_text_store'],
    notices: [{ at: 0, kind: 'rotated', seen: false }],
    domainNotices: [{ at: 0, kind: 'identity', by: 'recovery', to: 'abc' }],
    movedTo: { address: 'bob@\u001b[2Jgamma.test' },
  });
  t.is(lines.length, 6);
  for (const line of lines) {
    t.true(line.startsWith('bob@beta.test: '));
    t.false(line.includes('\u001b'));
  }
  t.regex(lines.join(), /escrow.*bridged/);
});
