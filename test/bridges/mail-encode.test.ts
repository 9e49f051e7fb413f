/** Mail on ways that are narrower than it. */
import test from 'ava';
import fc from 'fast-check';
import PostalMime from 'postal-mime';
import { encoded, withCrlf } from '../../src/bridges/mail-encode.ts';
import { surveyMail } from '../../src/bridges/mail-survey.ts';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
  return Buffer.concat(parts);
}

const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('\n', '\r\n'));

test('every line ends with CRLF, wherever the pieces part', async (t) => {
  const pieces = fc.array(fc.constantFrom('\r', '\n', '\r\n', 'a', '.', 'bc'), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 5 }), async (text, size) => {
      const input = text.join('');
      const output = await whole(withCrlf(inPieces(Buffer.from(input), size)));
      t.is(output.toString(), input.replaceAll(/\r\n|\r|\n/g, '\r\n'));
    }),
  );
});

test('what is in order stays byte for byte', async (t) => {
  const mail = bytesOf('Subject: x\n\n.\n\nünïcödé\n');
  t.deepEqual(await whole(withCrlf(inPieces(mail, 3))), mail);
});

test('a survey sees bytes above 127 and lines that are too long, wherever the pieces part', async (t) => {
  const line = (length: number): Buffer => Buffer.from(`${'x'.repeat(length)}\r\nend\r\n`);
  for (const size of [1, 7, 4096]) {
    t.like(await surveyMail(inPieces(line(998), size)), { longLines: false, eightBit: false, size: 1005 });
    t.like(await surveyMail(inPieces(line(999), size)), { longLines: true });
    t.like(await surveyMail(inPieces(Buffer.from('é\r\n'), size)), { eightBit: true, size: 4 });
  }
});

const long = 'wörds and '.repeat(300).trim();
const mixed = bytesOf(`From: alice@alpha.test
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

${long}
--b
Content-Type: application/octet-stream; name=x.bin
Content-Transfer-Encoding: base64

AAECAwQFBgcICQ==
--b--
`);

test('long lines and bytes above 127 are encoded, and mean the same', async (t) => {
  const output = await whole(encoded(inPieces(mixed, 1000)));
  t.like(await surveyMail(inPieces(output, 4096)), { longLines: false, eightBit: false });
  const parsed = await PostalMime.parse(output);
  t.is(parsed.text?.trim(), long);
  t.deepEqual(
    new Uint8Array(parsed.attachments[0]?.content as ArrayBuffer),
    Uint8Array.from({ length: 10 }, (_, i) => i),
  );
});

test('a message without MIME becomes one', async (t) => {
  const output = await whole(encoded(inPieces(bytesOf(`From: a@b.test\n\n${'x'.repeat(2000)}\n`), 1000)));
  t.regex(output.toString(), /MIME-Version: 1\.0\r\n/);
  t.is((await PostalMime.parse(output)).text?.trim(), 'x'.repeat(2000));
});

test('what somebody signed stays as it is', async (t) => {
  const signed = bytesOf(`From: alice@alpha.test
MIME-Version: 1.0
Content-Type: multipart/signed; boundary=b; protocol="application/pgp-signature"

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

${long}
--b
Content-Type: application/pgp-signature

signature
--b--
`);
  t.deepEqual(await whole(encoded(inPieces(signed, 777))), signed);
});

test('a failing source fails the reader', async (t) => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield mixed.subarray(0, 200);
    throw new Error('the disk is gone');
  }
  await t.throwsAsync(whole(encoded(failing())), { message: 'the disk is gone' });
});
