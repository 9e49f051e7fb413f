/** The cap on introductions: so many an hour for a domain, at most half of them from one registrable domain. */

export interface IntroductionRate {
  /** Counts one and says whether it is within the cap. */
  admit(domain: string, senderKey: string, perHour: number, now: number): boolean;
}

interface Hour {
  readonly hour: number;
  total: number;
  readonly bySender: Map<string, number>;
}

/** In memory: after a restart the hour begins again. It holds at most one count for each introduction of the hour. */
export function createIntroductionRate(): IntroductionRate {
  const hours = new Map<string, Hour>();

  function current(domain: string, now: number): Hour {
    const hour = Math.floor(now / 3600);
    const known = hours.get(domain);
    if (known?.hour === hour) return known;
    const fresh: Hour = { hour, total: 0, bySender: new Map() };
    hours.set(domain, fresh);
    return fresh;
  }

  return {
    admit(domain, senderKey, perHour, now) {
      const hour = current(domain, now);
      const sent = hour.bySender.get(senderKey) ?? 0;
      if (hour.total >= perHour || sent >= Math.ceil(perHour / 2)) return false;
      hour.total++;
      hour.bySender.set(senderKey, sent + 1);
      return true;
    },
  };
}
