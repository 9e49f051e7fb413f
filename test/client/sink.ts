import { concat } from '../../src/crypto/kdf.ts';
import type { OutgoingPart, PayloadSink } from '../../src/client/api.ts';

export interface MemorySink extends PayloadSink {
  bytes: Uint8Array;
  committed: number;
  /** The next commit fails. */
  fail: boolean;
}

export function memorySink(bytes: Uint8Array = new Uint8Array()): MemorySink {
  return {
    bytes,
    committed: 0,
    fail: false,
    async size() {
      return this.bytes.length;
    },
    async *read(length) {
      yield this.bytes.slice(0, length);
    },
    async truncate(length) {
      this.bytes = this.bytes.slice(0, length);
    },
    async write(piece) {
      this.bytes = concat(this.bytes, piece);
    },
    async commit() {
      if (this.fail) throw new Error('the disk is full');
      this.committed++;
    },
  };
}

export function mailPart(text: string): OutgoingPart {
  return filePart(new TextEncoder().encode(text), { mediaType: 'message/rfc822' });
}

export function filePart(
  bytes: Uint8Array,
  named: { readonly mediaType?: string; readonly fileName?: string } = {},
): OutgoingPart {
  return {
    mediaType: 'application/octet-stream',
    ...named,
    length: bytes.length,
    async *open() {
      for (let at = 0; at < bytes.length; at += 5000) yield bytes.slice(at, at + 5000);
    },
  };
}

export function textIn(sink: MemorySink): string {
  return new TextDecoder().decode(sink.bytes);
}
