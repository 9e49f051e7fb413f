/** What runs on the threads of daemon-encapsulate.ts: public keys come in, encapsulations go out, and nothing else is known here. */
import { move } from 'piscina';
import { encapsulatePacked } from './crypto/xwing-batch.ts';

/** The buffer moves to the thread that asked: no copy of a shared secret stays behind. */
export function encapsulate(packed: Uint8Array): unknown {
  const made = encapsulatePacked(packed);
  return made.length === 0 ? made : move(made);
}
