/** How the story is told: one line for each event, with the time and who did it. */
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';

export interface Narrator {
  /** Begins a part of the story. */
  chapter(title: string): void;
  /** Somebody did something. */
  tell(who: string, text: string): void;
  /** What that means, below it. */
  explain(text: string): void;
  /** A bare line. */
  line(text?: string): void;
  /** Says, should it fail, what is done now. */
  step(what: string): void;
  /** What is done now. */
  at(): string;
}

export type Output = Writable & { readonly isTTY?: boolean };

type Style = 'bold' | 'dim' | 'cyan';
const indent = ' '.repeat(9);

/** `start` in milliseconds; colours on a terminal only. */
export function createNarrator(output: Output, start = performance.now()): Narrator {
  const line = (text = ''): void => void output.write(`${text}\n`);
  const paint = (style: Style, text: string): string =>
    output.isTTY ? styleText(style, text, { stream: output }) : text;
  let current = '';
  return {
    line,
    step: (what) => void (current = what),
    at: () => current,
    chapter(title) {
      line();
      line(paint('bold', title));
    },
    tell(who, text) {
      const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(5);
      line(`${paint('dim', `${seconds} s`)}  ${paint('cyan', who.padEnd(6))} ${plain(text)}`);
    },
    explain(text) {
      line(`${indent}${' '.repeat(7)}${paint('dim', plain(text))}`);
    },
  };
}

/** Names of files may hold anything. */
function plain(text: string): string {
  return text.replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

/** `15,374 bytes` */
export function bytes(count: number): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? 'byte' : 'bytes'}`;
}

/** `1 message`, `2 messages` */
export function number(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/** Cut to a length, with an ellipsis. */
export function short(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
