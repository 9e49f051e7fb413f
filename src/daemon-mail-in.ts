/** Mail that comes into the daemon: its doors, in the words of the configuration. A list, as daemon.ts is. */
import type { Deliver } from './bridges/deliver-api.ts';
import { loadMailCertificate } from './bridges/mail-certificate.ts';
import type { MailQuota } from './bridges/mail-quota.ts';
import type { NativeRecipients } from './bridges/native-recipients.ts';
import type { EffectiveSettings } from './admin/domain-settings.ts';
import type { Clock } from './clock.ts';
import type { Config, ListenAddress } from './config.ts';
import { bindAddress } from './daemon-listen.ts';
import type { Resolver } from './dns/resolver.ts';
import { bind } from './http/bind.ts';
import type { KeyRing } from './keys/key-ring.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface MailIn {
  /** As bound; 0 for a socket, null where there is none. */
  readonly ports: { readonly smtp: number | null; readonly lmtp: number | null };
  /** Reads the certificate again. Throws `tls_failed`, and then keeps the one it had. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export interface MailInSideParts {
  readonly settings: EffectiveSettings;
  readonly keyRing: KeyRing;
  readonly resolver: Resolver;
  /** As it is now: a reload counts at once. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly deliver: Deliver;
  readonly quota: Pick<MailQuota, 'fitsAddress'>;
  readonly recipients: NativeRecipients;
}

/** Opens what the configuration wants. Throws `tls_failed`, `network_failed`, `exists`, and then nothing is open. */
export async function startMailIn(parts: MailInSideParts): Promise<MailIn> {
  const { settings, keyRing, config } = parts;
  const { smtpIn, lmtp, host } = config();
  if (smtpIn.listen === null && lmtp.listen === null)
    return { ports: { smtp: null, lmtp: null }, reload: async () => {}, close: async () => {} };
  // Its libraries take as long to load as half of the daemon.
  const { openMailDoors } = await import('./bridges/mail-doors.ts');
  const hasBridge = async (domain: string) => (await settings.of(domain))?.bridge === 'on';
  const certificateOf = () => {
    const { tls } = config();
    const files = tls.mode === 'files' ? tls : { ...tls, directory: null };
    return loadMailCertificate(files, host);
  };
  const doors = await openMailDoors({
    ...parts,
    smtp: bindingOf(smtpIn.listen),
    lmtp: bindingOf(lmtp.listen),
    host,
    maxSize: smtpIn.maxSize,
    certificate: smtpIn.listen === null ? undefined : await certificateOf(),
    standing: async (domain) => {
      if (keyRing.keysOf(domain) === undefined) return 'not_ours';
      return (await hasBridge(domain)) ? 'bridge' : 'no_bridge';
    },
    policyOf: async (domain) => (await settings.of(domain))?.mailPolicy ?? smtpIn.policy,
    bridges: () => keyRing.domains().filter((domain) => keyRing.keysOf(domain)?.bridge !== undefined),
  });
  return {
    ...doors,
    async reload() {
      const next = doors.ports.smtp === null ? undefined : await certificateOf();
      if (next !== undefined) doors.renew(next);
    },
  };
}

function bindingOf(address: ListenAddress | null) {
  return address === null
    ? undefined
    : async (server: Parameters<typeof bind>[0]) => await bind(server, bindAddress(address, 0o660));
}
