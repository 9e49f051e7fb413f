/** What was accepted and what is done with, told to the sender's domain, wire-spec/fetch.md section 7. */
import { base64urlnopad } from '@scure/base';
import type { ClientNetwork } from './api.ts';
import { settledCovers } from './cover.ts';
import type { ClientEvent, ReceivedKey } from './state.ts';
import type { Session } from './store.ts';

export interface AcceptParts {
  readonly session: Session;
  readonly network: Pick<ClientNetwork, 'domains' | 'remote'>;
}

/** Ends covers that have nothing left, then sends every accept that is owed. One that fails stays owed. */
export async function deliverAccepts(parts: AcceptParts): Promise<void> {
  const { session } = parts;
  const covers = settledCovers(session.state());
  await session.commit(...covers.map((key): ClientEvent => ({ type: 'ended', key, status: 'accepted' })));
  for (const key of session.state().accepts)
    if (await isAnswered(parts, key)) await session.commit({ type: 'accept-answered', key });
}

/** Whether the sender's domain knows now, or has nothing left to know. */
async function isAnswered({ session, network }: AcceptParts, key: ReceivedKey): Promise<boolean> {
  const received = session.state().received[key];
  const acceptToken = received?.opened?.acceptToken;
  if (received === undefined || acceptToken === undefined) return true;
  const peer = await network.domains.domain(received.senderDomain);
  if (peer.kind !== 'native') return false;
  const token = base64urlnopad.decode(acceptToken);
  const outcome = await network.remote.accept(peer, base64urlnopad.decode(received.id), token);
  return outcome.kind !== 'later';
}
