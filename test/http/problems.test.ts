import test from 'ava';
import { readFileSync } from 'node:fs';
import { BeckonError, errorCodes, type ErrorCode } from '../../src/errors.ts';
import {
  adminProblem,
  encodeProblem,
  jsonProblem,
  publicProblem,
  statusOf,
} from '../../src/http/problems.ts';
import { problem } from '../../src/wire/collect.ts';
import { decode } from '../../src/wire/schema.ts';

const spec = readFileSync(new URL('../../wire-spec/fetch.md', import.meta.url), 'utf8');

test('every status of the table in the spec', (t) => {
  const rows = [...spec.matchAll(/^\| (\d{3}) \| (.*) \|$/gm)];
  t.true(rows.length >= 11);
  for (const [, status, codes = ''] of rows)
    for (const [, name = ''] of codes.matchAll(/`([a-z_*]+)`/g)) {
      const meant = errorCodes.filter((code) =>
        name.endsWith('*') ? code.startsWith(name.slice(0, -1)) : code === name,
      );
      t.true(meant.length > 0, name);
      for (const code of meant) t.is(statusOf(code), Number(status), code);
    }
});

test('a code that the table does not know is the request’s fault or this machine’s', (t) => {
  const expected: [ErrorCode, number][] = [
    ['record_invalid', 400],
    ['invitation_invalid', 400],
    ['payload_mismatch', 400],
    ['key_unknown', 400],
    ['exists', 409],
    ['config_invalid', 500],
    ['storage_failed', 500],
    ['tls_failed', 500],
  ];
  for (const [code, status] of expected) t.is(statusOf(code), status, code);
});

test('strangers hear nothing about this machine, administrators do', (t) => {
  const own = new BeckonError('storage_failed', 'disk 3');
  t.deepEqual(publicProblem(own), publicProblem(new TypeError('x')));
  t.is(publicProblem(own).code, 'internal');
  t.like(adminProblem(own), { status: 500, code: 'storage_failed', detail: 'disk 3' });
  t.is(adminProblem('a thrown text').code, 'internal');
});

test('a detail always fits into the problem', (t) => {
  for (const detail of ['', 'x'.repeat(5000), `${'x'.repeat(127)}\u{1F600}`, '\u{1F600}'.repeat(500)]) {
    const shown = publicProblem(new BeckonError('rate_limited', detail));
    const { code, retryAfter } = decode(problem, encodeProblem(shown));
    t.is(code, 'rate_limited');
    t.is(retryAfter, 60);
    t.like(JSON.parse(jsonProblem(shown)), { status: 429, code: 'rate_limited', retryAfter: 60 });
  }
});
