/** The passphrase over a client's files: from the file that BECKON_PASSPHRASE_FILE names, else asked for at the terminal. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { readPassphrase } from '../admin/key-sealer.ts';
import { isSealed, sealedFile, sealerOf, sealInPlace, type TextSealer } from '../admin/sealed-file.ts';
import type { Face } from './face.ts';
import { AdvisedError, misused } from './failure.ts';
import type { Home } from './home.ts';

/**
 * The home with its state and secrets under a passphrase, where they are already, where the environment names one, or where one is `wanted`;
 * what lies in the clear is sealed then. Throws `open_failed` at the first reading where it is another passphrase, `usage`, `config_invalid`.
 */
export async function protectedHome(face: Face, home: Home, wanted: boolean): Promise<Home> {
  const named = face.environment['BECKON_PASSPHRASE_FILE'] ?? '';
  const sealed = (await isSealed(home.state)) || (await isSealed(home.device));
  if (!sealed && !wanted && named === '') return home;
  const sealer =
    sealers.get(face) ??
    sealerOf(named === '' ? await asked(face, sealed) : await readPassphrase(face.path(named)));
  sealers.set(face, sealer);
  const [state, device] = [sealedFile(home.state, sealer), sealedFile(home.device, sealer)];
  const sending = sealedFile(home.sending, sealer);
  // Another passphrase is found out before anything is written under it.
  await state.read();
  await device.read();
  for (const file of [home.sending, home.device, home.state]) await sealInPlace(file, sealer);
  return { ...home, state, device, sending };
}

/** One command asks once, however often it opens its files. */
const sealers = new WeakMap<Face, TextSealer>();

/** Once for files that have one, twice for a new one. */
async function asked(face: Face, known: boolean): Promise<string> {
  if (!face.input.isTTY)
    throw new AdvisedError(
      'usage',
      known ? 'the files of this client are under a passphrase' : 'there is nobody to ask for a passphrase',
      'put it into the first line of a file (mode 0600) and name that in BECKON_PASSPHRASE_FILE',
    );
  const first = await askHidden(face, known ? 'passphrase' : 'new passphrase');
  if (!known && (await askHidden(face, 'once more')) !== first)
    throw misused('the two are not the same', 'nothing was changed: try again');
  return first;
}

/** A line that is not shown as it is typed. */
export async function askHidden(face: Face, question: string): Promise<string> {
  face.errors.write(`${question}: `);
  const silent = new Writable({ write: (_piece, _encoding, done) => done() });
  const lines = createInterface({ input: face.input, output: silent, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    face.errors.write('\n');
  }
}
