/** Somebody who writes, reads and takes back without end, and remembers what was acknowledged. */
import { setTimeout } from 'node:timers/promises';
import type { InboxEntry } from '../../src/client/index.ts';
import { codeOf, type ErrorCode } from '../../src/errors.ts';
import { filePart, mailPart, memorySink, textIn } from '../client/sink.ts';
import type { Person } from '../network/person.ts';

/** What became of a sending, as far as the sender was told. */
export interface Sending {
  readonly text: string;
  readonly from: string;
  readonly to: readonly string[];
  /** What `sent` calls it; undefined: never acknowledged. */
  number?: number;
  /** By recipient; `unknown`: asked for, and never answered. */
  retracted?: Readonly<Record<string, string>> | 'unknown';
}

export interface Correspondent {
  readonly person: Person;
  readonly sendings: readonly Sending[];
  /** How often each text was decrypted. */
  readonly texts: ReadonlyMap<string, number>;
  /** Errors met, with how often. */
  readonly errors: ReadonlyMap<ErrorCode, number>;
  /** Writes and reads until the signal aborts. */
  work(others: readonly string[], signal: AbortSignal): Promise<void>;
  /** Collects and reads once. */
  read(): Promise<void>;
}

const encoder = new TextEncoder();
/** Texts up to this long. */
const longest = 60_000;

/** `draw` is uniform in [0, 1). */
export function createCorrespondent(person: Person, draw: () => number): Correspondent {
  const sendings: Sending[] = [];
  const texts = new Map<string, number>();
  const errors = new Map<ErrorCode, number>();

  /** What the other end's death does to a command is an error that its user sees; undefined then. */
  async function attempt<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      const code = codeOf(error);
      if (code === 'internal') throw error;
      errors.set(code, (errors.get(code) ?? 0) + 1);
      // As a person would: not again at once.
      await setTimeout(50);
      return undefined;
    }
  }

  async function write(others: readonly string[]): Promise<void> {
    const first = others[Math.floor(draw() * others.length)] ?? '';
    const second = others[Math.floor(draw() * others.length)] ?? '';
    const to = draw() < 0.3 && first !== second ? [first, second] : [first];
    const text = `${person.address} ${sendings.length} `.padEnd(20 + Math.floor(draw() ** 3 * longest), 'x');
    const parts = draw() < 0.2 ? [mailPart(''), filePart(encoder.encode(text))] : [mailPart(text)];
    const sending: Sending = { text, from: person.address, to };
    sendings.push(sending);
    const result = await attempt(() => person.send(to, parts));
    if (result?.number === undefined) return;
    sending.number = result.number;
    if (parts.length === 1 && draw() < 0.15) await takeBack(sending, result.number);
  }

  async function takeBack(sending: Sending, number: number): Promise<void> {
    if (draw() < 0.5) await setTimeout(draw() * 300);
    sending.retracted = 'unknown';
    const result = await attempt(() => person.client().retract(number));
    if (result !== undefined)
      sending.retracted = Object.fromEntries(result.recipients.map(({ to, outcome }) => [to, outcome]));
  }

  async function read(): Promise<void> {
    if ((await attempt(() => person.client().sync())) === undefined) return;
    for (const { number } of entries(person).filter(({ status }) => status === 'waiting'))
      await attempt(() => person.client().open(number));
    for (const { number } of entries(person).filter(isReadable)) await readOne(number);
  }

  async function readOne(number: number): Promise<void> {
    const sink = memorySink();
    await attempt(() => person.client().payload(number, sink));
    const text = textIn(sink);
    if (sink.committed > 0 && text !== '') texts.set(text, (texts.get(text) ?? 0) + sink.committed);
  }

  return {
    person,
    sendings,
    texts,
    errors,
    read,
    async work(others, signal) {
      while (!signal.aborted) {
        await write(others);
        if (draw() < 0.5) await read();
      }
    },
  };
}

/** With the parts of covers. */
function entries(person: Person): readonly InboxEntry[] {
  return person
    .client()
    .inbox()
    .flatMap((entry) => [entry, ...(entry.parts ?? [])]);
}

function isReadable({ status, cover }: InboxEntry): boolean {
  return status === 'opened' && cover !== true;
}
