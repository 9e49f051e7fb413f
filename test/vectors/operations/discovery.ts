/** Operations of wire-spec/discovery.md. */
import { readDomainTxt } from '../../../src/dns/domain-txt.ts';
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
  'read TXT': (inputs) => {
    const outcome = readDomainTxt(inputs.texts('values'));
    return outcome.kind === 'found' ? { kind: 'found', ...outcome.txt } : outcome;
  },
};
