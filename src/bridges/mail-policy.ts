/** What becomes of mail whose checks fail: the domain's choice, wire-spec/bridges.md section 4. Pure. */
import type { MailVerdicts } from '../wire/mail.ts';
import type { Checked } from './mail-verdicts.ts';

export type MailPolicy = 'accept' | 'mark' | 'refuse';

/** Why a mail is doubted: the check that gave rise to it. */
export type Doubt = 'dmarc' | 'spf' | 'dkim' | 'from' | 'temporary';

export type Judgement =
  | { readonly outcome: 'take'; readonly doubt?: Doubt }
  /** Another time it can perhaps be found out: 451. */
  | { readonly outcome: 'later' }
  /** 550. */
  | { readonly outcome: 'refuse'; readonly doubt: Doubt };

/** `mtaDecides`: an MTA has taken the mail already; refusing it now would send reports to people who never wrote. */
export function judgeMail(checked: Checked, policy: MailPolicy, mtaDecides: boolean): Judgement {
  const doubt = policy === 'accept' ? undefined : doubtOf(checked);
  if (doubt === undefined) return { outcome: 'take' };
  if (policy === 'mark' || mtaDecides) return { outcome: 'take', doubt };
  if (doubt === 'temporary') return { outcome: 'later' };
  return isRefused(doubt, checked) ? { outcome: 'refuse', doubt } : { outcome: 'take', doubt };
}

/**
 * Nothing where DMARC passes, or where the claimed domain asks for nothing. Without DMARC, a client that the domain in the envelope
 * excludes counts, unless a signature holds. What could not be found out now counts as failing.
 */
function doubtOf({ verdicts, asked }: Checked): Doubt | undefined {
  const { spf, dkim, dmarc } = verdicts;
  switch (dmarc?.result) {
    case 'pass':
      return undefined;
    case 'permerror':
      return 'from';
    case 'temperror':
      return 'temporary';
    case 'fail':
      if (isTemporary(verdicts)) return 'temporary';
      return asked === 'none' ? undefined : 'dmarc';
    default:
  }
  if (dkim?.result === 'permerror' && spf === undefined && dmarc === undefined) return 'dkim';
  if (dkim?.result === 'pass' || spf === undefined || spf.result === 'pass') return undefined;
  if (isTemporary(verdicts)) return 'temporary';
  return spf.result === 'fail' ? 'spf' : undefined;
}

function isTemporary({ spf, dkim }: MailVerdicts): boolean {
  return spf?.result === 'temperror' || dkim?.result === 'temperror';
}

/** Quarantine is the claimed domain's wish to have it marked. */
function isRefused(doubt: Doubt, { asked }: Checked): boolean {
  return doubt !== 'dmarc' || asked === 'reject';
}
