import test from 'ava';
import fc from 'fast-check';
import { safeBlock, safeJson, safeLine, shortLine } from '../../src/cli/safe-text.ts';

const hostile: Record<string, string> = {
  'an escape sequence': '\u001b[2J\u001b]0;title\u0007',
  'a C1 control': '\u009b31m',
  'a carriage return': 'visible\rhidden',
  'a line feed': 'one\nFrom     boss@bank.test (verified)',
  backspaces: 'abc\b\b\bxyz',
  'a delete': '\u007f',
  'an override of direction': 'exe.\u202egnp',
  'an isolate': '\u2066x\u2069',
  'a line separator': 'a\u2028b\u2029c',
  'a zero-width space': 'a\u200bb\ufeff',
  'a lone surrogate': '\ud800',
  'a tag character': '\u{e0041}',
};

for (const [name, text] of Object.entries(hostile))
  test(`no line lets through ${name}`, (t) => {
    const safe = safeLine(text);
    t.notRegex(safe, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    t.true(safe.includes('\ufffd'));
  });

test('what people write stays as it is', (t) => {
  for (const text of ['Grüße', '日本語', 'नमस्ते', 'می\u200cخواهم', '👩\u200d💻', 'a b'])
    t.is(safeLine(text), text);
  t.is(safeBlock('one\r\ntwo\n\tthree\n'), 'one\ntwo\n\tthree\n');
});

test('a block keeps its lines and nothing that moves the cursor', (t) => {
  t.is(safeBlock('a\u001b[1Ab\rc\n'), 'a\ufffd[1Ab\ufffdc\n');
});

test('short lines are cut between characters', (t) => {
  t.is(shortLine('👩👩👩', 3), '👩👩👩');
  t.is(shortLine('👩👩👩👩', 3), '👩👩…');
  t.is(shortLine('\n', 5), '\ufffd');
});

test('JSON is the same value, and harmless', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
      const both = { value, text };
      for (const indent of [undefined, 2]) {
        const json = safeJson(both, indent);
        t.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(both)));
        t.notRegex(json, /(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }
    }),
  );
});
