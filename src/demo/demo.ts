/**
 * The main job on this machine: two native domains, a legacy one, and messages between two users.
 *
 *  1. the stage: DNS, a throwaway authority, a tap on the wire; `beckon init` and `beckon serve` for either domain
 *  2. the users: invited by their hosters, enrolled by their own clients
 *  3. first contact: sent by introduction; the legacy domain's decision; found in the feed, polled, fetched, saved
 *  4. the answer, over the drop that came inside, and a second message over the one in the answer
 *  5. mail to the legacy domain, on the sender's word, delivered by SMTP
 *  6. what is left in the stores, and what each party saw
 *  7. the files as sent and as received, compared byte by byte
 *
 * The chapters are in opening.ts, first-contact.ts, answer.ts, by-mail.ts and epilogue.ts; this file sets the stage, ends it whatever
 * happens, and gives the exit code.
 */
import { fileURLToPath } from 'node:url';
import { inviteLine, playAnswer } from './answer.ts';
import { playByMail } from './by-mail.ts';
import { createHoster, createPerson } from './cast.ts';
import { compare, type Comparison, type Delivery } from './delivered.ts';
import { answerNeedle, playEpilogue } from './epilogue.ts';
import { playFirstContact } from './first-contact.ts';
import { createNarrator, type Narrator, type Output } from './narrate.ts';
import { playStage, playUsers } from './opening.ts';
import type { Play } from './play.ts';
import { needle, samplesOf } from './samples.ts';
import { openStage, type Stage } from './stage.ts';

export interface DemoOptions {
  /** Leaves the directory where it is. */
  readonly keep: boolean;
  readonly output: Output;
  readonly errors: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends the demo before its end. */
  readonly signal?: AbortSignal;
}

const example = fileURLToPath(new URL('./example.eml', import.meta.url));
const interrupted = 130;

/**
 * Runs the demo with these files (absolute paths of regular files; none: the mail that comes along). Resolves with the exit
 * code: 0 where every file arrived as it was and no plaintext was seen on the way, 1 for anything else, 130 for Ctrl-C.
 */
export async function runDemo(files: readonly string[], options: DemoOptions): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, onSignal);
  options.signal?.addEventListener('abort', onSignal);
  try {
    return await perform(files.length === 0 ? [example] : files, options, stop.signal);
  } finally {
    for (const name of signals) process.off(name, onSignal);
  }
}

async function perform(files: readonly string[], options: DemoOptions, stop: AbortSignal): Promise<number> {
  const narrator = createNarrator(options.output);
  let stage: Stage | undefined;
  let ending: Ending | undefined;
  try {
    const play = await prepare(files, options, narrator);
    stage = play.stage;
    ending = await Promise.race([tell(play), aborted(stop)]);
  } catch (error) {
    report(options.errors, stop, narrator, stage, error);
  } finally {
    await stage?.close();
  }
  if (stop.aborted) return interrupted;
  if (ending === undefined) return 1;
  narrator.line(
    options.keep ? `kept in ${stage?.directory}` : `everything ended, ${stage?.directory} removed`,
  );
  for (const line of ending.comparison.lines) narrator.line(line);
  return ending.comparison.agree && ending.silent ? 0 : 1;
}

interface Ending {
  readonly comparison: Comparison;
  /** Nothing was seen where it may not be. */
  readonly silent: boolean;
}

async function prepare(
  files: readonly string[],
  { keep, environment }: DemoOptions,
  narrator: Narrator,
): Promise<Play> {
  narrator.step('the stage');
  const own = (await Promise.all(files.map(samplesOf))).flat();
  const addresses = ['alice@alpha.test', 'bob@beta.test'].map((address) => needle(address, address));
  const letters = [...own, answerNeedle, needle('the second message', inviteLine)];
  const stage = await openStage({ environment, keep, needles: [...letters, ...addresses] });
  return {
    stage,
    narrator,
    files,
    letters,
    alpha: createHoster(stage, 'alpha'),
    beta: createHoster(stage, 'beta'),
    alice: createPerson(stage, 'alice', 'alpha.test'),
    bob: createPerson(stage, 'bob', 'beta.test'),
  };
}

async function tell(play: Play): Promise<Ending> {
  await playStage(play);
  await playUsers(play);
  const first = await playFirstContact(play);
  const second = await playAnswer(play, first);
  const foundMail = await playByMail(play);
  const silent = (await playEpilogue(play, first, second)) && foundMail.size === 0;
  play.narrator.step('comparing the files');
  return { silent, comparison: await compare(pairs(play.files, first.saved)) };
}

function pairs(files: readonly string[], saved: readonly { readonly path: string }[]): readonly Delivery[] {
  if (saved.length !== files.length)
    throw new Error(`${files.length} files were sent, ${saved.length} were saved`);
  return files.map((sent, index) => ({ sent, received: saved[index]?.path ?? '' }));
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(new Error('interrupted'));
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
  });
}

function report(
  errors: Output,
  stop: AbortSignal,
  narrator: Narrator,
  stage: Stage | undefined,
  error: unknown,
): void {
  if (stop.aborted) {
    errors.write('interrupted: ending everything\n');
    return;
  }
  errors.write(`\nFAILED at ${narrator.at()}: ${error instanceof Error ? error.message : String(error)}\n`);
  for (const { name, lastLines } of stage?.processes.daemons() ?? []) {
    errors.write(`the last of the log of ${name}:\n`);
    const lines = lastLines();
    for (const line of lines.length > 0 ? lines : ['(nothing)']) errors.write(`  ${line}\n`);
  }
}
