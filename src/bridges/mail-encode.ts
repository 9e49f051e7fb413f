/** Mail made fit for a way that is narrower than it: line ends, long lines, bytes above 127. wire-spec/bridges.md section 3. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Joiner, Rewriter, Splitter, type MimeNode } from 'mailsplit';

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const crlf = Uint8Array.of(carriageReturn, lineFeed);

/** The same lines, each ended by CRLF: a bare CR or LF ends a line too, as for the servers that are fooled by one. */
export async function* withCrlf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let before = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      const bareLf = byte === lineFeed && before !== carriageReturn;
      const bareCr = byte !== lineFeed && before === carriageReturn;
      before = byte;
      if (!bareLf && !bareCr) continue;
      if (at > from) yield chunk.subarray(from, at);
      yield bareLf ? crlf.subarray(0, 1) : crlf.subarray(1);
      from = at;
    }
    if (from < chunk.length) yield chunk.subarray(from);
  }
  if (before === carriageReturn) yield crlf.subarray(1);
}

/**
 * The same message with each part that stands as it is (7bit, 8bit, binary) as quoted-printable. What somebody signed stays: parts of
 * `multipart/signed`, and messages inside messages.
 */
export async function* encoded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const rewriter = new Rewriter(isPlainLeaf);
  rewriter.on('node', ({ node, decoder, encoder }) => {
    const root = rootOf(node);
    if (root.headers && !root.headers.hasHeader('MIME-Version')) root.headers.add('MIME-Version', '1.0');
    decoder.pipe(encoder);
  });
  const joiner = new Joiner();
  const flow = pipeline(Readable.from(chunks, { objectMode: false }), new Splitter(), rewriter, joiner);
  // Whoever reads meets the failure; nobody else is to.
  flow.catch((error: Error) => joiner.destroy(error));
  yield* joiner as AsyncIterable<Uint8Array>;
  await flow;
}

const asItIs = new Set<unknown>(['', false, '7bit', '8bit', 'binary']);

function isPlainLeaf(node: MimeNode): boolean {
  // Flowed text has short lines by its nature, and would be joined to long ones.
  return (
    node.multipart === false &&
    !node.flowed &&
    asItIs.has(node.encoding) &&
    !String(node.contentType).startsWith('message/') &&
    !isSigned(node)
  );
}

function isSigned(node: MimeNode): boolean {
  for (let above = node.parentNode; above; above = above.parentNode)
    if (above.multipart === 'signed') return true;
  return false;
}

function rootOf(node: MimeNode): MimeNode {
  let root = node;
  while (root.parentNode) root = root.parentNode;
  return root;
}
