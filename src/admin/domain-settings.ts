/** What holds for a domain of ours: its own settings over the defaults of the configuration. */
import type { Config } from '../config.ts';
import type { DomainSettings, DomainStore } from '../store/api/domains.ts';

export interface EffectiveSettings {
  /** undefined for a domain that is not served here. */
  of(domain: string): Promise<DomainSettings | undefined>;
}

/** The defaults that a configuration gives to every domain. */
export function defaultSettings(config: Config): DomainSettings {
  const { contact, defaults, host, storage } = config;
  const { unknownUsers, introductions, introductionsPerHour, transit, quota, pullQuota, keep } = defaults;
  return {
    contact: contact ?? `postmaster@${host}`,
    unknownUsers,
    introductions,
    introductionsPerHour,
    bucketBits: 0,
    transit,
    quota,
    pullQuota,
    egress: storage.egress,
    keep,
    bridge: hasBridge(config) ? 'on' : 'off',
    mailPolicy: config.smtpIn.policy,
  };
}

/** Whether mail comes or goes through this daemon. */
function hasBridge({ smtpOut, lmtp, smtpIn, submission }: Config): boolean {
  return [smtpOut.via, lmtp.listen, smtpIn.listen, submission.listen, submission.starttls].some(
    (part) => part !== null,
  );
}

/** `config` is asked each time, so that a reload counts at once. */
export function createEffectiveSettings(domains: DomainStore, config: () => Config): EffectiveSettings {
  return {
    async of(domain) {
      const known = await domains.get(domain);
      return known === undefined ? undefined : { ...defaultSettings(config()), ...known.own };
    },
  };
}
