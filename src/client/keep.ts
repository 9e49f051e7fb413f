/**
 * What was read stays readable on all devices of a user: its payload, as it came, at the own domain, wire-spec/state.md section 8.
 *
 *  1. wanted: not larger than what is kept by itself, and the domain keeps anything
 *  2. uploaded like any payload, then kept under a name that comes of its content key
 *  3. read back in parts, decrypted and verified like the first time
 */
import { base64urlnopad } from '@scure/base';
import { hkdf } from '../crypto/kdf.ts';
import type { Random } from '../crypto/random.ts';
import type { Secret } from '../crypto/secret.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { decryptPayload } from '../message/payload.ts';
import { context } from '../wire/context.ts';
import type { OnProgress, PayloadSink } from './api.ts';
import { expectedPayload } from './cover.ts';
import type { OwnDomain } from './own-domain.ts';
import type { OpenedMessage } from './state.ts';
import { uploadPayload } from './upload.ts';

export interface KeepParts {
  readonly own: Pick<OwnDomain, 'user' | 'keep' | 'keptPart' | 'openUpload' | 'uploadProgress' | 'writePart'>;
  readonly random: Random;
  readonly wait: (ms: number) => Promise<void>;
}

export interface Keep {
  /** Whether the payload of a message is to be kept. */
  wants(opened: OpenedMessage): Promise<boolean>;
  /** Until when it is kept, unix seconds; undefined where the domain did not take it: then it is readable here alone. */
  keep(opened: OpenedMessage, domain: string, payload: readonly Uint8Array[]): Promise<number | undefined>;
  /** Writes the content of what is kept into the sink. Throws `message_gone`, `payload_mismatch`, network codes. */
  read(opened: OpenedMessage, domain: string, sink: PayloadSink, progress?: OnProgress): Promise<void>;
}

/** Larger payloads are not kept by themselves, in bytes. */
const maxKept = 4 * 1024 * 1024;

export function createKeep({ own, random, wait }: KeepParts): Keep {
  let keeps: Promise<boolean> | undefined;

  return {
    async wants({ payloadSize }) {
      if (payloadSize > maxKept) return false;
      keeps ??= own.user().then(
        ({ keep }) => keep > 0,
        () => false,
      );
      return await keeps;
    },
    async keep(opened, domain, payload) {
      const upload = random(16);
      const stream = async function* (): AsyncGenerator<Uint8Array> {
        yield* payload;
      };
      try {
        await uploadPayload(own, { id: upload, size: opened.payloadSize, stream: stream(), wait });
        const payloadHash = base64urlnopad.decode(opened.payloadHash);
        const name = keptName(expectedPayload(opened).contentKey, domain);
        return (await own.keep({ name, upload, payloadHash })).expires;
      } catch (error) {
        if (['storage_failed', 'internal'].includes(codeOf(error))) throw error;
        return undefined;
      }
    },
    async read(opened, domain, sink, progress) {
      const { contentKey, ...expected } = expectedPayload(opened);
      const body = bodyOf(keptName(contentKey, domain), opened.payloadSize);
      let done = 0;
      await sink.truncate(0);
      for await (const piece of decryptPayload(contentKey, body, expected)) {
        await sink.write(piece);
        done += piece.length;
        progress?.({ part: 0, parts: 1, done, total: opened.length });
      }
      await sink.commit();
    },
  };

  async function* bodyOf(name: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < size;) {
      const part = await own.keptPart(name, start).catch(gone);
      if (part.size !== size)
        throw new BeckonError('payload_mismatch', 'the domain keeps something else under this name');
      yield part.bytes;
      start += part.bytes.length;
    }
  }
}

/** 32 bytes that tell nothing to who does not have the key. */
export function keptName(contentKey: Secret, domain: string): Uint8Array {
  return hkdf(contentKey.expose(), context('kept', domain));
}

function gone(cause: unknown): never {
  if (codeOf(cause) !== 'not_found') throw cause;
  throw new BeckonError('message_gone', 'the own domain does not keep it any more', { cause });
}
