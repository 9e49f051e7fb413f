/** Into which folder a message goes: the first rule that fits. wire-spec/bridges.md section 6. */
import type { InboxEntry } from '../client/index.ts';
import { pushRuleKinds } from '../wire/registry.ts';
import type { GatewayPush, PushRule } from '../wire/gateway.ts';

export interface Place {
  readonly folder: string;
  readonly flags: readonly string[];
}

/** Undefined for what is not copied: introductions that no rule speaks of wait for the user's word. */
export function placeOf(
  { folder, rules, sentFolder }: Pick<GatewayPush, 'folder' | 'rules' | 'sentFolder'>,
  entry: InboxEntry,
): Place | undefined {
  if (entry.byOwnBridge === true && entry.mail?.kind === 'copy')
    return sentFolder === undefined ? undefined : { folder: sentFolder, flags: ['\\Seen'] };
  const rule = rules.find((one) => fits(one, entry));
  const waits = isIntroduction(entry);
  if (waits && rule?.kind !== pushRuleKinds.introductions) return undefined;
  return { folder: rule?.folder ?? folder, flags: [] };
}

/** Somebody whom the user does not know: nothing of it was fetched. */
export function isIntroduction({ status, way, restUntil }: InboxEntry): boolean {
  return status === 'waiting' && way === 'introduction' && restUntil === undefined;
}

function fits({ kind, match }: PushRule, entry: InboxEntry): boolean {
  switch (kind) {
    case pushRuleKinds.introductions:
      return isIntroduction(entry);
    case pushRuleKinds.sender:
      return senders(entry).some((from) => (match.startsWith('@') ? from.endsWith(match) : from === match));
    case pushRuleKinds.tag:
      return entry.tag === match;
    case pushRuleKinds.mail:
      return entry.byOwnBridge === true;
    default:
      return false;
  }
}

function senders({ from, byOwnBridge, mail }: InboxEntry): readonly string[] {
  const claimed = byOwnBridge === true ? mail?.from : undefined;
  return [claimed ?? from ?? ''].map((address) => address.toLowerCase());
}
