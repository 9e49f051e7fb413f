import type { Face } from './face.ts';
import { formatDuration, formatTime } from './format.ts';
import { safeLine } from './safe-text.ts';

/** The mandate of a domain ends while its identity key is elsewhere: exit code 1, and what to do. */
export function warnOfMandate(face: Face, domain: string, mandateEnds: number, now: number): void {
  const name = safeLine(domain);
  const when =
    mandateEnds > now ? `ends in ${formatDuration(mandateEnds - now)}` : 'has ended: nothing can be signed';
  face.warn(`the mandate of ${name} ${when} (${formatTime(mandateEnds)}), and its identity key is offline`);
  face.note(`next    beckon keys rotate ${name} --use signing --identity FILE`);
}
