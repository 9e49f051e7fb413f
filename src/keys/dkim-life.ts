/** How a domain's DKIM keys follow one another: the next one signs once DNS shows it, the one before stays there for a while. wire-spec/bridges.md section 3. */
import { BeckonError } from '../errors.ts';
import type { DkimKey, DkimPublished } from './dkim-key.ts';
import type { DomainKeys } from './domain-keys.ts';

/** What was signed with the key before may wait for five days, and be verified later, seconds. */
export const dkimOverlap = 8 * 86_400;

/** The name of a key that no key of the domain had: `beckon2` after `beckon1`. */
export function nextDkimSelector({ dkim, dkimBefore }: DomainKeys): string {
  const numbers = [dkim, dkimBefore].map((key) =>
    Number(/^beckon(\d{1,9})$/.exec(key?.selector ?? '')?.[1] ?? 0),
  );
  return `beckon${Math.max(...numbers) + 1}`;
}

/** With the next key, which waits for DNS; the same where one waits already. Throws `conflict` where the domain has no key yet. */
export function withNextDkim(keys: DomainKeys, next: DkimKey): DomainKeys {
  if (keys.dkim === undefined)
    throw new BeckonError('conflict', 'this domain signs no mail: beckon domain set --bridge on');
  return keys.dkimNext === undefined ? { ...keys, dkimNext: next } : keys;
}

/** The next key signs from now on where DNS has shown it; the one before goes at its end. The same object where nothing is to be done. */
export function advanceDkim(
  keys: DomainKeys,
  { isShown, now }: { readonly isShown: boolean; readonly now: number },
): DomainKeys {
  const { dkim, dkimNext, dkimBefore, ...rest } = keys;
  if (isShown && dkim !== undefined && dkimNext !== undefined) {
    const { selector, txt } = dkim;
    return { ...rest, dkim: dkimNext, dkimBefore: { selector, txt, until: now + dkimOverlap } };
  }
  if (dkimBefore === undefined || dkimBefore.until > now) return keys;
  return {
    ...rest,
    ...(dkim === undefined ? {} : { dkim }),
    ...(dkimNext === undefined ? {} : { dkimNext }),
  };
}

export interface DkimEntry extends DkimPublished {
  /** `signs`; `next`: it signs once DNS shows it; `before`: to stay in DNS until `until`. */
  readonly state: 'signs' | 'next' | 'before';
  /** Unix seconds. */
  readonly until?: number;
}

/** What is to stand in DNS, in the order in which it came to be used. */
export function dkimEntries({ dkim, dkimNext, dkimBefore }: DomainKeys): readonly DkimEntry[] {
  const entry = ({ selector, txt }: DkimPublished, state: DkimEntry['state']): DkimEntry => ({
    selector,
    txt,
    state,
  });
  return [
    ...(dkimBefore === undefined ? [] : [{ ...entry(dkimBefore, 'before'), until: dkimBefore.until }]),
    ...(dkim === undefined ? [] : [entry(dkim, 'signs')]),
    ...(dkimNext === undefined ? [] : [entry(dkimNext, 'next')]),
  ];
}

/** Whether a TXT record says the same key: spaces and the order of tags are the zone's. */
export function showsDkim(record: string, { txt }: DkimPublished): boolean {
  const keyOf = (text: string): string | undefined => /(?:^|;)p=([^;]*)/.exec(text.replace(/\s+/g, ''))?.[1];
  const key = keyOf(record);
  return key !== undefined && key !== '' && key === keyOf(txt);
}
