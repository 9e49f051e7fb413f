import test from 'ava';
import { messageInWords, reasonInWords } from '../../src/cli/reasons.ts';

test('what the directory gives for programs is told in words, and words stay', (t) => {
  t.is(reasonInWords('no_such_domain'), 'there is no such domain');
  t.is(reasonInWords('the record has no key to write to'), 'the record has no key to write to');
  t.is(reasonInWords('http_503'), 'http_503');
  for (const reason of ['servfail', 'legacy_contradicted', 'legacy_unconfirmed', 'pinned_native'])
    t.not(reasonInWords(reason), reason);
  t.is(
    messageInWords('the domain cannot be asked: no_such_domain'),
    'the domain cannot be asked: there is no such domain',
  );
  t.is(messageInWords('/srv/file: cannot be read (ENOENT)'), '/srv/file: cannot be read (ENOENT)');
});
