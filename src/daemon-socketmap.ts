/** The tables for Postfix, where the configuration wants them. A list, as daemon.ts is. */
import type { NativeRecipients } from './bridges/native-recipients.ts';
import { openSocketmap, type Socketmap } from './bridges/socketmap.ts';
import type { Config, ListenAddress } from './config.ts';
import { bindAddress } from './daemon-listen.ts';
import { bind } from './http/bind.ts';
import type { KeyRing } from './keys/key-ring.ts';
import type { Log } from './log.ts';

export interface SocketmapSideParts {
  readonly config: () => Config;
  readonly keyRing: Pick<KeyRing, 'keysOf'>;
  readonly recipients: NativeRecipients;
  /** As bound. */
  readonly lmtpPort: number | null;
  readonly log: Log;
}

/** Null where it is not wanted. Throws what binding throws. */
export async function startSocketmap(parts: SocketmapSideParts): Promise<Socketmap | null> {
  const { config, keyRing, recipients, lmtpPort, log } = parts;
  const { postfix, lmtp } = config();
  const address = postfix.socketmap;
  if (address === null || lmtp.listen === null) return null;
  return await openSocketmap({
    recipients,
    serves: (domain) => keyRing.keysOf(domain) !== undefined,
    transport: postfix.transport ?? lmtpTransport(lmtp.listen, lmtpPort),
    bind: async (server) => await bind(server, bindAddress(address, 0o660)),
    log,
  });
}

function lmtpTransport(listen: ListenAddress, port: number | null): string {
  if (listen.kind === 'unix') return `lmtp:unix:${listen.path}`;
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return `lmtp:inet:${host}:${port ?? listen.port}`;
}
