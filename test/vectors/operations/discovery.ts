/** Operations of wire-spec/discovery.md. */
import type { Answer } from 'dns-packet';
import { readAnswer, type RecordType } from '../../../src/dns/answer.ts';
import { readDomainTxt } from '../../../src/dns/domain-txt.ts';
import { BeckonError } from '../../../src/errors.ts';
import { addressHash } from '../../../src/keys/fingerprints.ts';
import { checkAddress, formatAddress, parseAddress } from '../../../src/wire/address.ts';
import { canonicalDomain } from '../../../src/wire/domain-name.ts';
import type { Operation } from '../inputs.ts';

export const discovery: Readonly<Record<string, Operation>> = {
  'canonical domain': (inputs) => canonicalDomain(inputs.text('typed')),
  'canonical address': (inputs) => {
    const { address, tag } = parseAddress(inputs.text('typed'));
    const canonical = formatAddress(address);
    return { address: canonical, tag, addressHash: addressHash(canonical) };
  },
  'check address': (inputs) => {
    checkAddress(inputs.text('address'));
    return true;
  },
  'read DNS answer': (inputs) => {
    const question = { name: inputs.text('name'), type: inputs.text('type') as RecordType };
    const reply = readAnswer(Buffer.from(inputs.bytes('packet')), inputs.number('id'), question);
    if (reply.kind === 'later') throw new BeckonError('discovery_later', reply.reason);
    if (reply.kind === 'found') return { ...reply, records: reply.records.map(srvFields) };
    return reply.kind === 'absent' ? reply : { kind: undecided[reply.kind] };
  },
  'read TXT': (inputs) => {
    const outcome = readDomainTxt(inputs.texts('values'));
    return outcome.kind === 'found' ? { kind: 'found', ...outcome.txt } : outcome;
  },
};

const undecided = { other: 'passed over', truncated: 'cut', without_edns: 'without EDNS' } as const;

function srvFields(answer: Answer): object {
  if (answer.type !== 'SRV') throw new Error('no SRV record');
  const { priority, weight, port, target } = answer.data;
  return { priority, weight, port, target };
}
