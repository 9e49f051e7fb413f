/**
 * The cap on introductions: so many an hour for a domain, at most half of them from one registrable domain, and half kept for
 * the first few of each. With the first rule alone two domains could keep everybody else out.
 */

export interface IntroductionRate {
  /** Counts one and says whether it is within the cap. */
  admit(domain: string, senderKey: string, perHour: number, now: number): boolean;
}

interface Hour {
  readonly hour: number;
  total: number;
  /** Of these, those beyond the first few of their sender. */
  further: number;
  readonly bySender: Map<string, number>;
}

/** So many of one registrable domain in an hour are its first. */
const first = 4;

/** In memory: after a restart the hour begins again. It holds at most one count for each introduction of the hour. */
export function createIntroductionRate(): IntroductionRate {
  const hours = new Map<string, Hour>();

  function current(domain: string, now: number): Hour {
    const hour = Math.floor(now / 3600);
    const known = hours.get(domain);
    if (known?.hour === hour) return known;
    const fresh: Hour = { hour, total: 0, further: 0, bySender: new Map() };
    hours.set(domain, fresh);
    return fresh;
  }

  return {
    admit(domain, senderKey, perHour, now) {
      const hour = current(domain, now);
      const sent = hour.bySender.get(senderKey) ?? 0;
      const half = Math.ceil(perHour / 2);
      const isFurther = sent >= first;
      if (hour.total >= perHour || sent >= half || (isFurther && hour.further >= half)) return false;
      hour.total++;
      if (isFurther) hour.further++;
      hour.bySender.set(senderKey, sent + 1);
      return true;
    },
  };
}
