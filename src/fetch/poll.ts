/** "Anything for this hash?", wire-spec/fetch.md section 4: each entry as ask.ts has it, others having their turn in between. */
import { setImmediate } from 'node:timers/promises';
import type { PollAnswer, PollRequest, PollResponse } from '../wire/collect.ts';
import type { Ask } from './ask.ts';

/** `source`: the address that asks. Throws what `Ask` throws, and `request_invalid` for a place that is none. */
export type Poll = (domain: string, request: PollRequest, source: string) => Promise<PollResponse>;

export function createPoll(ask: Ask): Poll {
  return async (domain, request, source) => {
    const answerEntry = ask(domain, request, source);
    const answers: PollAnswer[] = [];
    for (const entry of request.entries) {
      answers.push(await answerEntry(entry));
      await setImmediate();
    }
    return { answers };
  };
}
