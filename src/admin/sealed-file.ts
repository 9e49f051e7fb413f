/** A private text file under a passphrase: what a client keeps, on a disk that may be stolen. */
import { systemRandom } from '../crypto/random.ts';
import { createTextSealer, isSealedText, type TextSealer } from '../crypto/sealed-text.ts';
import { BeckonError, codeOf } from '../errors.ts';

export type { TextSealer } from '../crypto/sealed-text.ts';

/** A text that is read and written as a whole. */
export interface WholeText {
  /** Undefined before the first write. */
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** Seals and opens all files of one home for the price of one derivation. */
export function sealerOf(passphrase: string): TextSealer {
  return createTextSealer(passphrase, systemRandom);
}

export async function isSealed(file: WholeText): Promise<boolean> {
  const text = await file.read();
  return text !== undefined && isSealedText(text);
}

/** What is written is sealed; what lies there in the clear is read as it is. Reading throws `open_failed` for another passphrase. */
export function sealedFile(file: WholeText, sealer: TextSealer): WholeText {
  return {
    async read() {
      const text = await file.read();
      return text === undefined || !isSealedText(text) ? text : await opened(sealer, text);
    },
    write: async (text) => file.write(await sealer.seal(text)),
  };
}

/** Seals what lies in the clear now. */
export async function sealInPlace(file: WholeText, sealer: TextSealer): Promise<void> {
  const text = await file.read();
  if (text !== undefined && !isSealedText(text)) await file.write(await sealer.seal(text));
}

async function opened(sealer: TextSealer, text: string): Promise<string> {
  try {
    return await sealer.open(text);
  } catch (cause) {
    if (codeOf(cause) !== 'open_failed') throw cause;
    throw new BeckonError('open_failed', 'this is not the passphrase, or the file was changed', { cause });
  }
}
