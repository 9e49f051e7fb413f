/** Cases of wire-spec/fetch.md: poll, feed, accept, problems. */
import { collection, type Case, type Collection } from './cases.ts';
import { encode, map, raw, type Node } from './encode.ts';
import { addDecoding, mapRulesOf, sampleNode } from './structures.ts';

const sections: Readonly<Record<string, string>> = {
  'watch-event': 'fetch.md section 11',
  problem: 'fetch.md section 1',
  'feed-response': 'fetch.md section 5',
  'feed-entry': 'fetch.md section 5',
  'accept-request': 'fetch.md section 7',
  'preferences-request': 'fetch.md section 9',
  'preference-entry': 'fetch.md section 9',
  'blind-request': 'fetch.md section 12',
  'blind-entry': 'fetch.md section 12',
};

export function fetch(): readonly Case[] {
  const cases = collection();
  for (const structure of mapRulesOf('fetch.md'))
    addDecoding(cases, structure, sections[structure] ?? 'fetch.md section 4');
  addTolerance(cases);
  addNested(cases);
  return cases.cases;
}

/** Items with unknown critical fields are left out of answers, and those alone (README.md section 4). */
function addTolerance(cases: Collection): void {
  const critical = (node: Node): Node => map(...(node as ReturnType<typeof map>).pairs, [-7, 0]);
  const feed = sampleNode('feed-entry');
  const ref = sampleNode('poll-ref');
  const lists: readonly (readonly [string, Node, Node])[] = [
    ['feed-response', map([1, [feed, critical(feed), feed]]), map([1, [feed, feed]])],
    ['poll-answer', map([1, [critical(ref), ref]]), map([1, [ref]])],
    ['poll-answer', map([1, [critical(ref)]]), map([1, []])],
  ];
  lists.forEach(([structure, node, kept], i) => {
    cases.positive(`decode-${structure}-leaves-out-critical-${i + 1}`, {
      spec: 'README.md section 4',
      description: `a ${structure} without the items that have unknown critical fields; output is what the rest encodes to`,
      operation: 'decode leaving out',
      inputs: { structure, encoded: encode(node) },
      output: encode(kept),
    });
  });
  cases.negative('decode-poll-request-critical-entry', 'cbor_unknown_critical', {
    spec: 'README.md section 4',
    description:
      'a poll-request is refused for a critical field in one of its entries: each entry is answered, or none',
    operation: 'decode',
    inputs: {
      structure: 'poll-request',
      encoded: encode(sampleNode('poll-request', { entries: [critical(sampleNode('poll-entry'))] })),
    },
  });
}

function addNested(cases: Collection): void {
  const bad: readonly (readonly [string, Parameters<Collection['negative']>[1], string, Node])[] = [
    [
      'done of one item',
      'cbor_range',
      'poll-entry',
      sampleNode('poll-entry', { done: [[new Uint8Array(32)]] }),
    ],
    [
      'done with a disposition above 255',
      'cbor_range',
      'poll-entry',
      sampleNode('poll-entry', { done: [[new Uint8Array(32), 256]] }),
    ],
    [
      'done with a short message id',
      'cbor_range',
      'poll-entry',
      sampleNode('poll-entry', { done: [[new Uint8Array(31), 0]] }),
    ],
    ['a score without reasons', 'cbor_range', 'poll-ref', sampleNode('poll-ref', { scores: [['x', 1]] })],
    ['a negative score', 'cbor_type', 'poll-ref', sampleNode('poll-ref', { scores: [['x', -1, []]] })],
    ['labels that are null', 'cbor_simple', 'poll-ref', sampleNode('poll-ref', { labels: raw('f6') })],
  ];
  for (const [description, error, structure, node] of bad)
    cases.negative(`decode-${structure}-${description.replaceAll(' ', '-')}`, error, {
      spec: 'fetch.md section 4',
      description: `a ${structure} with ${description}`,
      operation: 'decode',
      inputs: { structure, encoded: encode(node) },
    });
}
