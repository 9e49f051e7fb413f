/** A copy of what a user sent with an old mail program, from the bridge user of their domain: wire-spec/bridges.md section 5. */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import { sha256 } from '../crypto/kdf.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { splitAddress } from '../wire/address.ts';
import { mailKinds } from '../wire/registry.ts';
import type { Deliver } from './deliver-api.ts';
import type { KeepCopy } from './submission-session.ts';

/** Nothing is kept where the domain has no bridge. The copy of one content is one, however often it is handed in. */
export function createKeepCopy(deliver: Deliver, clock: Clock): KeepCopy {
  return async ({ address, from, content, hash }) => {
    const mail = {
      kind: mailKinds.copy,
      reversePath: from,
      recipient: address,
      received: clock.seconds(),
      from,
    };
    const once = sha256(new TextEncoder().encode(`copy ${address} `), base64urlnopad.decode(hash));
    const [outcome] = await deliver({
      from: splitAddress(address).domain,
      to: [{ address, mail, once }],
      content,
    }).catch(unlessNoBridge);
    if (outcome === undefined || outcome.outcome === 'stored' || outcome.outcome === 'repeated') return;
    throw new BeckonError('unavailable', 'the copy cannot be stored now');
  };
}

function unlessNoBridge(error: unknown): readonly [] {
  if (codeOf(error) !== 'conflict') throw error;
  return [];
}
