/** Devices, recovery key, pairings and state of the users of a domain in memory, wire-spec/account.md sections 7 and 8. */
import { base64urlnopad } from '@scure/base';
import { sha256 } from '../../src/crypto/kdf.ts';
import { BeckonError } from '../../src/errors.ts';

export interface KnownDevice {
  /** Address hash. */
  readonly user: string;
  readonly kind: 'device' | 'recovery' | 'pairing';
  readonly name: string;
  readonly added: number;
  used?: string;
}

/** By public key. */
export type Devices = Map<string, KnownDevice>;
/** By address hash. */
export type States = Map<string, Uint8Array>;

/** An answer with an entity tag, and with bytes where there are any. */
export interface Tagged {
  readonly etag?: string;
  readonly bytes?: Uint8Array;
  /** Content-Range, where it is a part. */
  readonly range?: string;
}

export interface DeviceRequest {
  readonly method: string;
  /** Behind `account/`. */
  readonly path: string;
  readonly body: Uint8Array | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly by: string;
  readonly now: number;
}

export const tagOf = (bytes: Uint8Array): string => `"${base64urlnopad.encode(sha256(bytes))}"`;

/** Undefined where the request is about something else. */
export function answerAboutDevices(
  devices: Devices,
  states: States,
  request: DeviceRequest,
): { readonly value: unknown } | undefined {
  const { method, path, body, by, now } = request;
  const known = devices.get(by);
  if (known === undefined) return undefined;
  const { user } = known;
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever a client sends
  const read = (): any => JSON.parse(new TextDecoder().decode(body));
  if (path === 'state') return { value: state(states, known, request) };
  if (path === 'devices') {
    const { device, name } = read();
    expectAdding(known, device);
    devices.set(device, devices.get(device) ?? { user, kind: 'device', name, added: now });
    return { value: { device, name, added: now, kind: 'device' } };
  }
  if (known.kind !== 'device') throw new BeckonError('unauthorized', 'not by this key');
  if (path === 'recovery') {
    for (const [key, { kind, user: of }] of devices)
      if (of === user && kind === 'recovery') devices.delete(key);
    devices.set(read().recovery, { user, kind: 'recovery', name: '', added: now });
    return { value: undefined };
  }
  if (path === 'pairings') {
    const { pairing, expires } = read();
    devices.set(pairing, { user, kind: 'pairing', name: '', added: now });
    return { value: { expires } };
  }
  if (method === 'DELETE' && path.startsWith('devices/')) {
    devices.delete(path.slice('devices/'.length));
    return { value: undefined };
  }
  return undefined;
}

function expectAdding(known: KnownDevice, device: string): void {
  if (known.kind !== 'pairing') return;
  if (known.used !== undefined && known.used !== device)
    throw new BeckonError('conflict', 'the pairing was used');
  known.used = device;
}

function state(states: States, known: KnownDevice, { method, body, headers }: DeviceRequest): Tagged {
  const { user, kind, used } = known;
  if (kind === 'pairing' && (used !== undefined || method === 'PUT'))
    throw new BeckonError('unauthorized', 'not by this key');
  const kept = states.get(user);
  if (method === 'GET') return kept === undefined ? {} : { etag: tagOf(kept), bytes: kept };
  if (body === undefined) throw new BeckonError('request_invalid', 'no state');
  const fits = kept === undefined ? headers['if-none-match'] === '*' : headers['if-match'] === tagOf(kept);
  const repeated = kept !== undefined && tagOf(kept) === tagOf(body);
  if (!fits && !repeated) throw new BeckonError('precondition_failed', 'another state is there');
  states.set(user, body);
  return { etag: tagOf(body) };
}

/** As `GET account/user` lists them. */
export function devicesOf(devices: Devices, user: string): unknown {
  return [...devices]
    .filter(([, known]) => known.user === user && known.kind !== 'pairing')
    .map(([device, { name, added, kind }]) => ({ device, name, added, kind }));
}
